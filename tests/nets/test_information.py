"""Bits of integers under Gaussians, and derivatives that are those of the formula."""

from __future__ import annotations

import torch
from torch import Tensor

from pseudocodec.hyperprior.integer import LOWEST_SCALE, SCALE_STEP
from pseudocodec.nets.information import LEAST, information


def plain(residuals: Tensor, index: Tensor) -> Tensor:
    """As the docstring says it, for autograd."""
    sigma = LOWEST_SCALE * torch.exp(index * SCALE_STEP)
    upper = torch.special.ndtr((0.5 - residuals.abs()) / sigma)
    lower = torch.special.ndtr((-0.5 - residuals.abs()) / sigma)
    return -torch.log2((upper - lower).clamp(min=LEAST))


def drawn(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    index = 60 * torch.rand(1, 40, 1, 1, generator=generator, dtype=dtype)
    spread = LOWEST_SCALE * torch.exp(index * SCALE_STEP)
    residuals = 2 * spread * torch.randn(2, 40, 3, 5, generator=generator, dtype=dtype)
    return residuals.requires_grad_(), index.requires_grad_()


def test_bits_and_derivatives_of_the_formula() -> None:
    residuals, index = drawn(torch.float64)
    weights = torch.linspace(-1, 2, residuals.numel(), dtype=torch.float64).view(residuals.shape)
    expected, found = (f(residuals, index) for f in (plain, information))
    torch.testing.assert_close(found, expected)
    slopes = [
        torch.autograd.grad((bits * weights).sum(), (residuals, index))
        for bits in (expected, found)
    ]
    assert slopes[1][1].shape == index.shape
    torch.testing.assert_close(slopes[1], slopes[0])


def test_single_precision_is_enough() -> None:
    residuals, index = drawn(torch.float32)
    torch.testing.assert_close(
        information(residuals, index).double(),
        plain(residuals.double(), index.double()),
        rtol=1e-4,
        atol=1e-4,
    )


def test_what_cannot_be_is_finite_and_pulls_nowhere() -> None:
    residuals = torch.tensor([1e6, -1e6], requires_grad=True)
    index = torch.zeros(2, requires_grad=True)
    bits = information(residuals, index)
    bits.sum().backward()
    assert bits.isfinite().all()
    assert not residuals.grad.any() and not index.grad.any()


def test_an_impossible_residual_of_one_does_not_touch_the_others() -> None:
    residuals = torch.tensor([0.0, 3e4, 1.0])
    assert information(residuals, torch.zeros(3))[[0, 2]].equal(
        information(residuals[[0, 2]], torch.zeros(2))
    )
