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
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import Schedule
from pseudocodec.latent.seed import SeedCode
from pseudocodec.latent.trellis import Trellis
from pseudocodec.prng import Lcg

MAX_TABLE = 1 << 16  # entries of a table: components of a latent vector, bits of a payload
SCHEDULE = {"variances", "levels"}
PARAMETERS = {
    "composition": {"lcg", "weight_bits"},
    "scalar": set(),
    "seed": {"lcg", "dims", "epsilon"},
    "trellis": {"lcg", "state_bits"},
}
OPTIONAL = {"composition": {"shuffle", "blocks"}}  # described only where they are not the default
TABLES = {"composition": SCHEDULE, "scalar": SCHEDULE, "seed": set(), "trellis": SCHEDULE}


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
    required = set(description) - OPTIONAL.get(kind, set())
    _same_keys(f"{kind} code: parameters", required, {"kind", *PARAMETERS[kind]})
    _same_keys(f"{kind} code: tables", tables, TABLES[kind])
    if kind == "seed":
        lcg = _lcg(description["lcg"])
        return SeedCode(lcg, _integer(description, "dims"), _integer(description, "epsilon"))
    schedule = Schedule(_table(tables, "variances"), _table(tables, "levels"))
    if kind == "scalar":
        return Scalar(schedule)
    lcg = _lcg(description["lcg"])
    if kind == "trellis":
        return Trellis(lcg, schedule, state_bits=_integer(description, "state_bits"))
    weight_bits = _integer(description, "weight_bits")
    blocks = _integer(description, "blocks") if "blocks" in description else 1
    shuffle = _flag(description, "shuffle")
    return Composition(lcg, schedule, weight_bits=weight_bits, shuffle=shuffle, blocks=blocks)


def _same_keys(what: str, found: Mapping[str, Any] | set[str], expected: set[str]) -> None:
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


def _flag(description: Mapping[str, Any], key: str) -> bool:
    if description.get(key, True) is not True:
        value = description[key]
        raise PslError(
            f"latent code: {key} = {value!r} is neither true nor absent; the model is damaged"
        )
    return key in description


def _table(tables: Mapping[str, NDArray[Any]], key: str) -> NDArray[np.int64]:
    table = tables[key]
    if not isinstance(table, np.ndarray) or table.dtype != np.int64 or table.ndim != 1:
        raise PslError(f"latent code: table {key!r} must be an int64 vector; the model is damaged")
    if len(table) > MAX_TABLE:
        raise PslError(f"latent code: table {key!r} has {len(table)} entries, at most {MAX_TABLE}")
    return table
