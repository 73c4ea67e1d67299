"""The bits of integers under Gaussians, with the derivatives by hand.

Autograd would keep and pass over an array of all latents for each operation of the formula.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pseudocodec.hyperprior.integer import LOWEST_SCALE, SCALE_STEP

LEAST = 1e-9  # probability: bits and their derivatives stay finite


def information(residuals: Tensor, index: Tensor) -> Tensor:
    """Bits of residuals under Gaussians integrated over unit cells, one for each element.

    `index` are real-valued indices of the tables of deviations; shapes broadcast.
    """
    bits: Tensor = _Information.apply(*torch.broadcast_tensors(residuals, index))  # type: ignore[no-untyped-call]
    return bits


class _Information(torch.autograd.Function):
    """-log2(P), P = Phi((1/2 - |r|) / sigma) - Phi((-1/2 - |r|) / sigma)."""

    @staticmethod
    def forward(ctx: Any, residuals: Tensor, index: Tensor) -> Tensor:
        """Bits of each element, of two tensors of one shape."""
        # Phi(x) = erfc(-x / sqrt 2) / 2; `inverse` is 1 / (sqrt 2 sigma), the cell's width.
        inverse = (index * -SCALE_STEP).exp_().mul_(math.sqrt(0.5) / LOWEST_SCALE)
        upper = (residuals.abs() - 0.5).mul_(inverse)
        probability = torch.erfc(upper).sub_(torch.erfc(upper + inverse)).mul_(0.5)
        probability.clamp_(min=LEAST)
        ctx.save_for_backward(residuals, inverse, upper, probability)
        return torch.log2(probability).neg_()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """To both; none where the probability was raised to `LEAST`."""
        residuals, inverse, upper, probability = ctx.saved_tensors
        lower = upper + inverse
        # d bits / d P, and of the two ends of the cell their densities but for 1 / sqrt(pi).
        slope = gradients[0] / (probability * (math.log(2) * math.sqrt(math.pi)))
        slope.masked_fill_(probability <= LEAST, 0)
        at_upper = torch.exp_(-upper.square()).mul_(slope)
        at_lower = torch.exp_(-lower.square()).mul_(slope)
        by_residual = (at_upper - at_lower).mul_(inverse).mul_(residuals.sign())
        by_index = at_lower.mul_(lower).sub_(at_upper.mul_(upper)).mul_(SCALE_STEP)
        return by_residual, by_index
