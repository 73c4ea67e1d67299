"""Latent codes by name: from what `describe` and `tables` gave back to the code.

Descriptions come from model files, so nothing in them is trusted: every key must be there with the
right type, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.schedule import Schedule
from pseudocodec.latent.seed import SeedCode
from pseudocodec.prng import Lcg

MAX_TABLE = 1 << 16  # entries of a table: components of a latent vector, bits of a payload
PARAMETERS = {"composition": {"lcg", "weight_bits"}, "seed": {"lcg", "dims", "epsilon"}}
TABLES = {"composition": {"variances", "levels"}, "seed": set()}


def build(description: Mapping[str, Any], tables: Mapping[str, NDArray[Any]]) -> LatentCode:
    """The latent code that `description` (`describe()`) and `tables` (`tables()`) came from.

    Raises PslError for an unknown kind, for keys that are missing, unknown or of a wrong type, and
    for values out of range.
    """
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in PARAMETERS:
        raise PslError(
            f"latent code: kind {kind!r} is unknown, expected one of {', '.join(PARAMETERS)}; "
            "the model is damaged or needs a later version"
        )
    _same_keys(f"{kind} code: parameters", description, {"kind", *PARAMETERS[kind]})
    _same_keys(f"{kind} code: tables", tables, TABLES[kind])
    lcg = _lcg(description["lcg"])
    if kind == "seed":
        return SeedCode(lcg, _integer(description, "dims"), _integer(description, "epsilon"))
    schedule = Schedule(_table(tables, "variances"), _table(tables, "levels"))
    return Composition(lcg, schedule, weight_bits=_integer(description, "weight_bits"))


def _same_keys(what: str, found: Mapping[str, Any], expected: set[str]) -> None:
    if set(found) != expected:
        raise PslError(
            f"{what} are {_names(found)}, expected {_names(expected)}; "
            "the model is damaged or needs a later version"
        )


def _names(keys: Mapping[str, Any] | set[str]) -> str:
    return ", ".join(sorted(map(repr, keys))) or "none"


def _lcg(value: object) -> Lcg:
    if not isinstance(value, list) or len(value) != 3:
        raise PslError("latent code: lcg must be the list [a, c, m]; the model is damaged")
    return Lcg(*value)


def _integer(description: Mapping[str, Any], key: str) -> int:
    value = description[key]
    if type(value) is not int:
        raise PslError(f"latent code: {key} = {value!r} is not an integer; the model is damaged")
    return value


def _table(tables: Mapping[str, NDArray[Any]], key: str) -> NDArray[np.int64]:
    table = tables[key]
    if not isinstance(table, np.ndarray) or table.dtype != np.int64 or table.ndim != 1:
        raise PslError(f"latent code: table {key!r} must be an int64 vector; the model is damaged")
    if len(table) > MAX_TABLE:
        raise PslError(f"latent code: table {key!r} has {len(table)} entries, at most {MAX_TABLE}")
    return table
