"""The grid nets: shapes, the linear start, order, refused sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pseudocodec.errors import PslError
from pseudocodec.nets.grid import (
    MAX_BLOCKS,
    MAX_FEATURES,
    MAX_HIDDEN,
    MAX_SIDE,
    GridConfig,
    GridTransform,
)
from pseudocodec.nets.registry import build_transform

SMALL: dict[str, Any] = {
    "height": 16,
    "width": 16,
    "channels": 1,
    "patch": 8,
    "shared": 5,
    "local": 3,
    "latents": 11,
    "coarse": 8,
    "fine": 8,
    "coarse_blocks": 1,
    "fine_blocks": 1,
}
CONFIG = GridConfig(**SMALL)


def complete(height: int, width: int, *, shared: int = 16) -> GridConfig:
    """All components of 4 x 4 patches kept."""
    places = -(-height // 4) * -(-width // 4)
    return replace(
        CONFIG,
        height=height,
        width=width,
        patch=4,
        shared=shared,
        local=16 - shared,
        latents=shared * places,
    )


@pytest.mark.parametrize("hidden", [0, 24])
@pytest.mark.parametrize(
    ("height", "width", "channels", "patch"),
    [(16, 16, 1, 4), (17, 33, 3, 8), (16, 256, 1, 16), (8, 9, 3, 16)],
)
@torch.no_grad()
def test_shapes(height: int, width: int, channels: int, patch: int, hidden: int) -> None:
    config = replace(
        CONFIG,
        height=height,
        width=width,
        channels=channels,
        patch=patch,
        shared=13,
        latents=11,
        hidden=hidden,
    )
    transform = GridTransform(config)
    images = torch.rand(2, channels, height, width)
    latents = transform.analyse(images, torch.zeros(2))
    assert latents.shape == (2, config.dims) == (2, 11 + 3 * config.places)
    assert latents.dtype == torch.float32
    assert transform.synthesise(latents, torch.zeros(2)).shape == images.shape


@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 14), (16, 10)])
@pytest.mark.parametrize("shared", [16, 5])
@torch.no_grad()
def test_training_starts_at_the_klt(height: int, width: int, shared: int) -> None:
    """All components kept: analysis and synthesis undo each other before any training."""
    torch.manual_seed(0)
    transform = GridTransform(complete(height, width, shared=shared)).eval()
    images = torch.rand(250, 1, height, width)
    transform.fit_linear(images)
    level = torch.linspace(-10, 0, 250)
    latents = transform.analyse(images, level)
    torch.testing.assert_close(transform.synthesise(latents, level), images, atol=1e-4, rtol=0)
    # Unit variance: of components whose variance is not of padding alone.
    spread = latents.square().mean(0)[transform.linear.deviations > 1e-2]
    assert len(spread) >= height * width // 2
    torch.testing.assert_close(spread, torch.ones_like(spread), atol=1e-3, rtol=0)


@torch.no_grad()
def test_an_order_is_undone() -> None:
    torch.manual_seed(0)
    transform = GridTransform(CONFIG).eval()
    transform.fit_linear(torch.rand(100, 1, 16, 16))
    images, level = torch.rand(3, 1, 16, 16), torch.full((3,), -2.0)
    latents = transform.analyse(images, level)
    decoded = transform.synthesise(latents, level)
    order = torch.randperm(CONFIG.dims)
    transform.order.copy_(order)
    transform.check([CONFIG.dims])
    torch.testing.assert_close(transform.analyse(images, level), latents[:, order])
    torch.testing.assert_close(transform.synthesise(latents[:, order], level), decoded)


def test_an_order_that_is_none_is_refused() -> None:
    transform = GridTransform(CONFIG)
    transform.order[3] = 4
    with pytest.raises(PslError, match="order"):
        transform.check([])


def test_every_weight_learns() -> None:
    """After one step away from the start, no weight is left without a gradient."""
    torch.manual_seed(0)
    transform = GridTransform(replace(CONFIG, hidden=8))
    images, level = torch.rand(8, 1, 16, 16), -10 * torch.rand(8)
    transform.fit_linear(images)
    with torch.no_grad():
        for weight in transform.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    out = transform.synthesise(transform.analyse(images, level), level)
    (out - images).square().sum().backward()
    idle = [
        name
        for name, weight in transform.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    assert idle == []


@pytest.mark.parametrize("side", ["height", "width"])
@pytest.mark.parametrize("size", [7, MAX_SIDE + 1])
def test_sides_the_nets_cannot_take(side: str, size: int) -> None:
    with pytest.raises(PslError, match=f"{side}={size}"):
        build_transform("grid", {**SMALL, side: size})


@pytest.mark.parametrize("value", [-1, 10**9, 12.0, "12", True, None])
@pytest.mark.parametrize("field", ["height", "shared", "coarse", "local", "hidden"])
def test_numbers_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(PslError, match=f"{field}="):
        build_transform("grid", {**SMALL, field: value})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"channels": 2}, "channels=2"),
        ({"patch": 5}, "patch=5"),
        ({"fine_blocks": MAX_BLOCKS + 1}, "fine_blocks=9"),
        ({"coarse": MAX_FEATURES + 1}, "coarse=513"),
        ({"hidden": MAX_HIDDEN + 1}, "hidden=1025"),
        ({"shared": 60, "local": 5}, "64 components"),
        ({"shared": 2, "latents": 9}, "no more latents"),
        ({"height": 256, "width": 256, "patch": 4, "shared": 2}, "4096 are supported"),
        ({"height": 256, "width": 256, "patch": 4, "shared": 1, "local": 9}, "32768 and"),
        ({"depth": 3}, "depth"),
    ],
)
def test_nets_that_cannot_be_are_refused(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(PslError, match=said):
        build_transform("grid", SMALL | changed)


def test_a_config_survives_its_dictionary() -> None:
    assert GridConfig(**CONFIG.as_dict()) == CONFIG
