"""Rounding that sharpens with time, so that gradients pass through it.

Stochastic Gumbel annealing (Yang, Bamler & Mandt 2020): a value is rounded down or up in part, by a
Gumbel softmax of the two whose temperature falls. The derivative is by hand, for the same reason as
that of `nets.information`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

EDGE = 1e-5  # keeps logarithms finite


def annealed(values: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Values rounded down or up in part, at random, float32 of the same shape."""
    uniform = torch.empty_like(values).uniform_(generator=generator)
    noise = torch.logit(uniform, EDGE)  # the difference of two Gumbels
    between: Tensor = Annealed.apply(values, noise, temperature)  # type: ignore[no-untyped-call]
    return between


class Annealed(torch.autograd.Function):
    """Values, noise of their shape, a temperature -> values between their neighbouring integers."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, noise: Tensor, temperature: float) -> Tensor:
        """floor + sigmoid((odds / temperature + noise) / temperature).

        The odds are atanh(u) - atanh(1 - u) of the fraction u; what is saved is the derivative.
        """
        low = values.floor()
        u = (values - low).clamp_(EDGE, 1 - EDGE)
        v = 1 - u
        to_one, to_zero = (1 + u).mul_(u), (1 + v).mul_(v)
        odds = torch.log(to_one / to_zero)
        share = odds.mul_(0.5 / temperature).add_(noise).div_(temperature).sigmoid_()
        slope = u.mul_(2).add_(1).div_(to_one).add_(v.mul_(2).add_(1).div_(to_zero))
        slope.mul_(share).mul_(1 - share).mul_(0.5 / temperature**2)
        ctx.save_for_backward(slope)
        return low.add_(share)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """To the values only."""
        [slope] = ctx.saved_tensors
        return gradients[0] * slope, None, None
