"""What contexts expect, in floats: of tables alone at first, of what was decoded before only."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudocodec.entropy.scales import scale_tables
from pseudocodec.hyperprior.contexts import net_of, untaught
from pseudocodec.hyperprior.integer import HIGHEST_SCALE, LOWEST_SCALE, SCALES
from pseudocodec.nets.contexts import ExpectedTables

CHANNELS, SIDE = 60, 6


@pytest.fixture
def planes() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    shape = (2, CHANNELS, SIDE, SIDE)
    residuals = torch.randn(shape, generator=rng).mul_(3).round_()
    return residuals, torch.rand(shape, generator=rng) * (SCALES - 1)


@pytest.fixture
def learnt() -> ExpectedTables:
    """Of contexts with a random weight for all that is looked at."""
    rng = np.random.default_rng(0)
    net = net_of(untaught(CHANNELS, SCALES), scale_tables(SCALES, LOWEST_SCALE, HIGHEST_SCALE))
    for weights in (net.means, net.magnitudes, net.expectations):
        weights[:] = rng.integers(1, 400, weights.shape)
    net.narrow[:] = 3
    return ExpectedTables(net)


def test_tables_alone_are_given_back(planes: tuple[torch.Tensor, torch.Tensor]) -> None:
    residuals, index = planes
    means, better = ExpectedTables.of_tables(CHANNELS)(residuals, index)
    assert not means.any()
    torch.testing.assert_close(better, index, atol=0.02, rtol=0)


def test_only_what_comes_before_is_looked_at(
    planes: tuple[torch.Tensor, torch.Tensor], learnt: ExpectedTables
) -> None:
    """Latents are in the order row, column, channel."""
    residuals, index = planes
    y, x, c = 3, 2, 30
    with torch.no_grad():
        before = learnt(residuals, index)
        changed = residuals.clone()
        changed[:, c, y, x] += 7
        after = learnt(changed, index)
    place = torch.arange(SIDE * SIDE * CHANNELS).reshape(SIDE, SIDE, CHANNELS).permute(2, 0, 1)
    for old, new in zip(before, after, strict=True):
        differ = (old != new).any(0)
        assert differ.any()
        assert place[differ].min() > place[c, y, x]


def test_weights_of_what_is_not_looked_at_stay_nothing(
    planes: tuple[torch.Tensor, torch.Tensor], learnt: ExpectedTables
) -> None:
    means, better = learnt(*planes)
    (means.square().sum() + better.square().sum()).backward()
    for name in ("means", "magnitudes", "expectations"):
        weights = getattr(learnt, name)
        unseen = weights == 0
        assert unseen.any()
        assert not weights.grad[unseen].any()
        assert weights.grad[~unseen].count_nonzero() > 0.5 * (~unseen).sum()
