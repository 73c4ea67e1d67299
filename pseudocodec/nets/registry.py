"""Net families by name, as model files call them."""

from __future__ import annotations

from typing import Any

from torch import nn

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import Analysis, FlatConfig, Synthesis


def build_nets(family: str, config: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    """Untrained analysis and synthesis nets. Raises PslError for an unknown family or config."""
    if family != "flat":
        raise PslError(f"net family {family!r} is unknown to this version; upgrade pseudocodec")
    try:
        flat = FlatConfig(**config)
    except TypeError as error:
        raise PslError(f"net family 'flat': {error}") from error
    return Analysis(flat), Synthesis(flat)
