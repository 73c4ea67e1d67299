"""Net families by name, as model files call them."""

from __future__ import annotations

from typing import Any, TypeAlias

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import FlatConfig, FlatTransform
from pseudocodec.nets.grid import GridConfig, GridTransform

Transform: TypeAlias = FlatTransform | GridTransform
FAMILIES = ("flat", "grid")


def build_transform(family: str, config: dict[str, Any]) -> Transform:
    """An untrained transform. Raises PslError for an unknown family or config."""
    if family not in FAMILIES:
        raise PslError(f"net family {family!r} is unknown to this version; upgrade pseudocodec")
    try:
        if family == "flat":
            return FlatTransform(FlatConfig(**config))
        return GridTransform(GridConfig(**config))
    except TypeError as error:
        raise PslError(f"net family {family!r}: {error}") from error
