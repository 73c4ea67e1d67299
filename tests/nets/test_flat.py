"""The flat nets: shapes, the linear start, refused sizes."""

from __future__ import annotations

import pytest
import torch

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import Analysis, FlatConfig, Synthesis, initialise_linear
from pseudocodec.nets.registry import build_nets


@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (8, 16, 3)])
def test_shapes(height: int, width: int, channels: int) -> None:
    config = FlatConfig(height, width, channels, latents=12)
    images = torch.rand(5, channels, height, width)
    latents = Analysis(config)(images)
    assert latents.shape == (5, 12)
    assert Synthesis(config)(latents, torch.zeros(5)).shape == images.shape


def test_training_starts_at_the_klt() -> None:
    """All components kept: analysis and synthesis undo each other before any training."""
    torch.manual_seed(0)
    config = FlatConfig(4, 4, 1, latents=16)
    analysis, synthesis = Analysis(config).train(), Synthesis(config)
    images = torch.rand(4000, 1, 4, 4)
    variances = initialise_linear(analysis, synthesis, images)
    assert torch.all(variances[:-1] >= variances[1:])
    decoded = synthesis(analysis(images), torch.zeros(len(images)))
    torch.testing.assert_close(decoded, images, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", [(30, 28), (28, 2), (68, 28)])
def test_sizes_the_nets_cannot_take(size: tuple[int, int]) -> None:
    with pytest.raises(PslError, match="multiples of 4"):
        FlatConfig(*size, 1)


@pytest.mark.parametrize("field", ["latents", "hidden", "condition"])
@pytest.mark.parametrize("value", [0, -1, 10**9, 12.0, "12", True, None])
def test_widths_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(PslError, match=field):
        build_nets("flat", {"height": 8, "width": 8, "channels": 1, field: value})


def test_unknown_families_and_fields_are_refused() -> None:
    with pytest.raises(PslError, match="'round'"):
        build_nets("round", {})
    with pytest.raises(PslError, match="depth"):
        build_nets("flat", {"height": 8, "width": 8, "channels": 1, "depth": 3})
