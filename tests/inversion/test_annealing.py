"""Rounding in part: between the neighbours, integers in the end, and the formula's derivative."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pseudocodec.inversion.annealing import EDGE, Annealed, annealed


def plain(values: Tensor, noise: Tensor, temperature: float) -> Tensor:
    """Gumbel softmax of the distances, for autograd."""
    low = values.detach().floor()
    up = (values - low).clamp(EDGE, 1 - EDGE)
    odds = torch.atanh(up) - torch.atanh(1 - up)
    return low + torch.sigmoid((odds / temperature + noise) / temperature)


@pytest.mark.parametrize("temperature", [0.5, 0.2])
def test_values_and_derivatives_of_the_formula(temperature: float) -> None:
    generator = torch.Generator().manual_seed(2)
    values = 5 * torch.randn(200, generator=generator, dtype=torch.float64)
    noise = torch.logit(torch.rand(200, generator=generator, dtype=torch.float64), EDGE)
    values.requires_grad_()
    expected, found = (f(values, noise, temperature) for f in (plain, Annealed.apply))
    torch.testing.assert_close(found, expected)
    weights = torch.linspace(1, 2, 200, dtype=torch.float64)
    slopes = [torch.autograd.grad((out * weights).sum(), values) for out in (expected, found)]
    torch.testing.assert_close(slopes[1], slopes[0])


def test_it_ends_at_a_neighbour_and_at_the_nearest_most_often() -> None:
    values = torch.tensor([-1.2, 0.4, 3.0, 7.9]).repeat(500, 1)
    rounded = annealed(values, 0.01, torch.Generator().manual_seed(0))
    assert ((rounded - values).abs() < 1.001).all()
    assert ((rounded - rounded.round()).abs() < 0.01).float().mean() > 0.95
    assert (rounded - values.round()).abs().mean(0).max() < 0.1


def test_draws_are_the_generators(monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.linspace(0, 3, 50)
    first, second, other = (
        annealed(values, 0.5, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.equal(second) and not first.equal(other)
