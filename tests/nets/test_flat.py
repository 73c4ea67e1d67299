"""The flat nets, which decode the files of the first models: shapes, refused sizes."""

from __future__ import annotations

import pytest
import torch

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import FlatConfig, FlatTransform
from pseudocodec.nets.registry import build_transform


@pytest.mark.parametrize(("height", "width", "channels"), [(28, 28, 1), (8, 16, 3)])
@torch.no_grad()
def test_shapes(height: int, width: int, channels: int) -> None:
    transform = FlatTransform(FlatConfig(height, width, channels, latents=12)).eval()
    images, level = torch.rand(5, channels, height, width), torch.full((5,), -3.0)
    latents = transform.analyse(images, level)
    assert latents.shape == (5, 12)
    assert transform.synthesise(latents, level).shape == images.shape


@torch.no_grad()
def test_the_generator_alone_is_told_the_rate() -> None:
    torch.manual_seed(0)
    transform = FlatTransform(FlatConfig(8, 8, 1, latents=12)).eval()
    for block in (transform.synthesis.quarter_block, transform.synthesis.half_block):
        torch.nn.init.normal_(block.second.weight)  # a block starts as the identity
    images, low, high = torch.rand(5, 1, 8, 8), torch.full((5,), -8.0), torch.zeros(5)
    latents = transform.analyse(images, low)
    torch.testing.assert_close(transform.analyse(images, high), latents)
    decoded = [transform.synthesise(latents, level) for level in (low, high)]
    assert (decoded[0] - decoded[1]).abs().max() > 1e-3


@pytest.mark.parametrize("size", [(30, 28), (28, 2), (68, 28)])
def test_sizes_the_nets_cannot_take(size: tuple[int, int]) -> None:
    with pytest.raises(PslError, match="multiples of 4"):
        FlatConfig(*size, 1)


@pytest.mark.parametrize("field", ["latents", "hidden", "condition"])
@pytest.mark.parametrize("value", [0, -1, 10**9, 12.0, "12", True, None])
def test_widths_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(PslError, match=field):
        build_transform("flat", {"height": 8, "width": 8, "channels": 1, field: value})


def test_unknown_families_and_fields_are_refused() -> None:
    with pytest.raises(PslError, match="'round'"):
        build_transform("round", {})
    with pytest.raises(PslError, match="depth"):
        build_transform("flat", {"height": 8, "width": 8, "channels": 1, "depth": 3})
