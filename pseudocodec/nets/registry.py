"""Net families by name, as model files call them."""

from __future__ import annotations

from typing import Any, TypeAlias

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import FlatConfig, FlatTransform
from pseudocodec.nets.gan import GanConfig, GanTransform
from pseudocodec.nets.grid import GridConfig, GridTransform
from pseudocodec.nets.hyperprior import HyperpriorConfig, HyperpriorTransform

VectorTransform: TypeAlias = FlatTransform | GanTransform | GridTransform
Transform: TypeAlias = VectorTransform | HyperpriorTransform
FAMILIES = ("flat", "gan", "grid", "hyperprior")


def build_transform(family: str, config: dict[str, Any]) -> Transform:
    """An untrained transform. Raises PslError for an unknown family or config."""
    try:
        if family == "flat":
            return FlatTransform(FlatConfig(**config))
        if family == "gan":
            return GanTransform(GanConfig(**config))
        if family == "grid":
            return GridTransform(GridConfig(**config))
        if family == "hyperprior":
            return HyperpriorTransform(HyperpriorConfig(**config))
    except TypeError as error:
        raise PslError(f"net family {family!r}: {error}") from error
    raise PslError(
        f"net family {family!r} is unknown to this version, which knows {', '.join(FAMILIES)}; "
        "upgrade pseudocodec"
    )
