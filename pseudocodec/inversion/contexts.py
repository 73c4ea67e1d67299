"""What contexts make of residuals, for gradients: the Gaussian each is as good as coded with.

The code mixes chances, which have no gradient. What moves them most are the mean and the magnitude
that residuals around let expect: a Gaussian of that mean and magnitude stands for them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pseudocodec.hyperprior import _context_layout as layout
from pseudocodec.hyperprior.contexts import Contexts
from pseudocodec.hyperprior.integer import LOWEST_SCALE, SCALE_STEP

ONE = 4096.0
LEAST = 205 / 4096  # of what the table expects


class ExpectedTables:
    """The means and magnitudes of a code's contexts, for whole planes of latents at once."""

    def __init__(self, contexts: Contexts, device: torch.device) -> None:
        net = contexts.net
        self.shifted = len(net.means)
        self.narrow = torch.from_numpy(net.narrow).to(device)[:, None, None].float()
        self.logs = _mean_magnitudes(len(net.expected)).log().float().to(device)
        self.means, self.magnitudes, self.expectations = (
            torch.from_numpy(weights).to(device)
            for weights in (_mean_kernel(net), _magnitude_kernel(net), _expectation_kernel(net))
        )

    @torch.no_grad()
    def __call__(self, residuals: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Whole residuals and real-valued tables (1, N, h, w) -> what is expected of them.

        Their means (1, N, h, w), and by how many tables (1, N, h, w) what is expected is wider than
        `index` says.
        """
        seen = residuals.clamp(-layout.MOST_SEEN_RESIDUAL, layout.MOST_SEEN_RESIDUAL)
        means = torch.zeros_like(residuals)
        means[:, : self.shifted] = _causal(seen, self.means)
        expected = self._expected((index - self.narrow).clamp_(min=0))
        magnitude = _causal((residuals - means).abs_().clamp_(max=layout.CAP), self.magnitudes)
        magnitude += _causal(expected.clamp(max=layout.CAP), self.expectations)
        return means, self._index(torch.maximum(magnitude, LEAST * expected)) - index

    def _expected(self, index: Tensor) -> Tensor:
        """Mean magnitudes, between tables in equal ratios."""
        low = index.floor().clamp_(0, len(self.logs) - 2).long()
        return torch.lerp(self.logs[low], self.logs[low + 1], index - low).exp()

    def _index(self, magnitude: Tensor) -> Tensor:
        """The table of a mean magnitude, between tables likewise."""
        logs = torch.maximum(magnitude, self.logs[0].exp()).log()
        low = torch.bucketize(logs.contiguous(), self.logs).clamp(1, len(self.logs) - 1) - 1
        index = low + (logs - self.logs[low]) / (self.logs[low + 1] - self.logs[low])
        return index.clamp(0, len(self.logs) - 1)


def _mean_magnitudes(tables: int) -> Tensor:
    """Of rounded Gaussians, float64 (tables,): the sum of P(|r| >= k) over k from 1 on."""
    deviations = LOWEST_SCALE * torch.exp(torch.arange(tables, dtype=torch.float64) * SCALE_STEP)
    ends = torch.arange(2048, dtype=torch.float64) + 0.5
    return torch.erfc(ends / (math.sqrt(2) * deviations[:, None])).sum(1)


def _causal(planes: Tensor, weights: Tensor) -> Tensor:
    """A convolution with this row and the one above, from the place to the left to the right."""
    return F.conv2d(F.pad(planes, (1, 1, 1, 0)), weights)


AROUND = ((1, 0), (0, 1), (0, 0), (0, 2))  # left, above, above left, above right
HERE = (1, 1)


def _mean_kernel(net: layout.Net) -> NDArray[np.float32]:
    near, channels = layout.NEAR, len(net.magnitudes)
    out = _zeros(len(net.means), channels)
    for c, weights in enumerate(net.means):
        for k, place in enumerate(AROUND):
            _put(out[c], place, c - near, weights[2 * near * k : 2 * near * (k + 1)])
        _put(out[c], HERE, c - layout.BEFORE, weights[8 * near :])
    return out / ONE


def _magnitude_kernel(net: layout.Net) -> NDArray[np.float32]:
    out = _zeros(len(net.magnitudes), len(net.magnitudes))
    for c, weights in enumerate(net.magnitudes):
        _put(out[c], HERE, c - layout.EARLIER, weights[: layout.EARLIER])
        for k, place in enumerate(AROUND):
            _put(out[c], place, c - layout.BESIDE, weights[layout.EARLIER + k :: 4])
    return out / ONE


def _expectation_kernel(net: layout.Net) -> NDArray[np.float32]:
    out = _zeros(len(net.magnitudes), len(net.magnitudes))
    for c, weights in enumerate(net.expectations):
        for k, place in enumerate((AROUND[0], AROUND[1], HERE)):
            _put(out[c], place, c, weights[k : k + 1])
        _put(out[c], HERE, c - layout.EXPECTED, weights[3:])
    return out / ONE


def _zeros(outputs: int, inputs: int) -> NDArray[np.float32]:
    return np.zeros((outputs, inputs, 2, 3), np.float32)


def _put(
    out: NDArray[np.float32], place: tuple[int, int], first: int, weights: NDArray[Any]
) -> None:
    """Weights of the channels from `first` on, of which some may not be there."""
    low, high = max(first, 0), min(first + len(weights), len(out))
    if high > low:
        out[low:high, *place] += weights[low - first : high - first]
