"""Nets for photographs: shapes, neighbourhoods, and where training starts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.hyperprior.integer import HIGHEST_SCALE, LOWEST_SCALE, SCALES
from pseudocodec.nets.hyperprior import (
    PATCH,
    HyperpriorConfig,
    HyperpriorTransform,
    between,
)
from pseudocodec.nets.information import information
from pseudocodec.nets.registry import build_transform

SMALL = HyperpriorConfig(
    latents=12,
    hyper=4,
    hidden=8,
    deep=8,
    coarse=8,
    fine=8,
    coarse_blocks=1,
    rows=3,
    condition=4,
    stages=2,
    maps=6,
)


def nets(*, lively: bool = True) -> HyperpriorTransform:
    """Fitted to smooth random patches; if `lively`, no weight is zero."""
    torch.manual_seed(0)
    made = HyperpriorTransform(SMALL)
    coarse = torch.rand(200, 3, 4, 4)
    patches = torch.nn.functional.interpolate(coarse, (PATCH, PATCH), mode="bilinear")
    made.fit_linear(patches)
    if lively:
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return made.eval()


def pictures(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_training_starts_at_the_linear_transform() -> None:
    """A projection: what it keeps of a picture it keeps whole, whatever the level."""
    t, images = nets(lively=False), pictures(32, 48)
    with torch.no_grad():
        kept = t.synthesise(t.analyse(images), torch.tensor([1.0]))
        again = t.synthesise(t.analyse(kept), torch.tensor([0.0]))
    assert kept.shape == images.shape
    assert torch.allclose(kept, again, atol=1e-4)
    assert 0.01 < float((kept - images).square().mean()) < float(images.var())


@pytest.mark.parametrize("way", ["analysis", "synthesis"])
def test_nothing_is_seen_beyond_the_reach(way: str) -> None:
    """What tiles rely on: a change further away than `reach` latents changes nothing."""
    t, level = nets(), torch.tensor([1.0])
    size = 2 * SMALL.reach + 6
    middle = slice(SMALL.reach + 1, SMALL.reach + 5)
    if way == "analysis":
        start = pictures(PATCH * size, PATCH * size)
        run = t.analyse
    else:
        start = torch.randn(1, SMALL.latents, size, size)

        def run(x: Tensor) -> Tensor:
            return t.synthesise(x, level)

    changed = start.clone()
    unit = PATCH if way == "analysis" else 1
    changed[..., :unit, :] += 0.5
    changed[..., -unit:] += 0.5
    out = 1 if way == "analysis" else PATCH
    inner = slice(out * middle.start, out * middle.stop)
    with torch.no_grad():
        before, after = run(start), run(changed)
    assert torch.equal(before[..., inner, inner], after[..., inner, inner])
    assert not torch.equal(before, after)


def test_the_level_reaches_the_picture() -> None:
    t, latents = nets(), torch.randn(1, SMALL.latents, 3, 3)
    with torch.no_grad():
        low, high = (t.synthesise(latents, torch.tensor([x])) for x in (0.0, 2.0))
    assert not torch.equal(low, high)


def test_hyper_latents_cover_every_latent() -> None:
    t, level = nets(), torch.tensor([0.5])
    gained = torch.randn(1, SMALL.latents, 5, 9)
    with torch.no_grad():
        hyper = t.hyper_analyse(gained)
        mean, index = t.predict(hyper.round(), level)
    assert hyper.shape == (1, SMALL.hyper, 2, 3)
    assert mean.shape == index.shape == (1, SMALL.latents, 8, 12)
    assert 0 <= float(index.min()) <= float(index.max()) <= SCALES - 1


def test_gains_rise_with_the_level() -> None:
    t = nets(lively=False)
    gains = t.gain(torch.arange(3.0))[:, 0, 0, 0]
    assert torch.all(gains[1:] > gains[:-1])


def test_rows_are_interpolated() -> None:
    rows = torch.tensor([[0.0, 10.0], [1.0, 20.0], [2.0, 40.0]])
    found = between(rows, torch.tensor([0.0, 0.25, 1.5, 2.0]))
    assert torch.allclose(
        found, torch.tensor([[0.0, 10.0], [0.25, 12.5], [1.5, 30.0], [2.0, 40.0]])
    )


@pytest.mark.parametrize("index", [0, 20, SCALES - 1])
def test_information_is_that_of_a_gaussian(index: int) -> None:
    """Probabilities of all integers sum to 1; the bits of 0 are those of its cell."""
    sigma = LOWEST_SCALE * (HIGHEST_SCALE / LOWEST_SCALE) ** (index / (SCALES - 1))
    values = torch.arange(-1500.0, 1501.0)
    bits = information(values, torch.full_like(values, float(index)))
    assert float((2.0**-bits).sum()) == pytest.approx(1, abs=1e-3)
    zero = -math.log2(math.erf(0.5 / (sigma * math.sqrt(2))))
    assert float(bits[1500]) == pytest.approx(zero, abs=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"latents": 0}, {"latents": 800}, {"rows": 1}, {"hyper": 10**6}, {"channels": 1}]
)
def test_sizes_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PslError, match="hyperprior nets"):
        build_transform("hyperprior", SMALL.as_dict() | wrong)


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(PslError, match="unexpected keyword"):
        build_transform("hyperprior", {"depth": 3})
