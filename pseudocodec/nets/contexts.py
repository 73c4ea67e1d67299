"""What contexts make of residuals, for gradients: the Gaussian each is as good as coded with.

The code mixes chances, which have no gradient. What moves them most are the mean and the magnitude
that residuals around let expect: a Gaussian of that mean and magnitude stands for them, in the loss
of training and where an encoder takes gradient steps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pseudocodec.entropy.scales import scale_tables
from pseudocodec.hyperprior import _context_layout as layout
from pseudocodec.hyperprior.contexts import net_of, untaught
from pseudocodec.hyperprior.integer import HIGHEST_SCALE, LOWEST_SCALE, SCALE_STEP, SCALES

ONE = 4096.0
LEAST = 205 / 4096  # of what the table expects
AROUND = ((1, 0), (0, 1), (0, 0), (0, 2))  # left, above, above left, above right
HERE = (1, 1)
OWN = 2  # of the weights of expectations: that of the table itself


class ExpectedTables(nn.Module):
    """The means and magnitudes that contexts expect, for whole planes of latents at once.

    Made from what the kernel is given (`Contexts.net`), of as many channels; the weights are
    parameters, zero where nothing is looked at.
    """

    narrow: Tensor
    logs: Tensor
    seen_means: Tensor
    seen_magnitudes: Tensor
    seen_expectations: Tensor

    def __init__(self, net: layout.Net) -> None:
        super().__init__()
        self.register_buffer("narrow", torch.from_numpy(net.narrow)[:, None, None].float())
        self.register_buffer("logs", _mean_magnitudes(len(net.expected)).log().float())
        self.shifted = len(net.means)
        everywhere = net._replace(
            means=np.full_like(net.means, int(ONE)),
            magnitudes=np.full_like(net.magnitudes, int(ONE)),
            expectations=np.full_like(net.expectations, int(ONE)),
        )
        for name, kernel in KERNELS.items():
            seen = torch.from_numpy(kernel(everywhere))
            self.register_buffer(f"seen_{name}", seen, persistent=False)
            self.register_parameter(name, nn.Parameter(torch.from_numpy(kernel(net))))

    @staticmethod
    def of_tables(channels: int) -> ExpectedTables:
        """What tables say and nothing else: where training begins."""
        net = net_of(untaught(channels, SCALES), scale_tables(SCALES, LOWEST_SCALE, HIGHEST_SCALE))
        net.expectations[:, OWN] = int(ONE)
        return ExpectedTables(net)

    def forward(self, residuals: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Whole residuals and real-valued tables (B, N, h, w) -> what is expected of them.

        Their means and the tables of what is left, both (B, N, h, w).
        """
        seen = residuals.clamp(-layout.MOST_SEEN_RESIDUAL, layout.MOST_SEEN_RESIDUAL)
        means = _causal(seen, self.means * self.seen_means)
        means = F.pad(means, (0, 0, 0, 0, 0, residuals.shape[1] - self.shifted))
        expected = self._expected((index - self.narrow).clamp(min=0))
        found = (residuals - means).abs().clamp(max=layout.CAP)
        magnitude = _causal(found, self.magnitudes * self.seen_magnitudes) + _causal(
            expected.clamp(max=layout.CAP), self.expectations * self.seen_expectations
        )
        # What is beyond the cap of all that is looked at, tables alone tell.
        magnitude = magnitude + (expected - layout.CAP).clamp(min=0)
        return means, self._index(torch.maximum(magnitude, LEAST * expected))

    def _expected(self, index: Tensor) -> Tensor:
        """Mean magnitudes, between tables in equal ratios."""
        low = index.detach().floor().clamp_(0, len(self.logs) - 2).long()
        return torch.lerp(self.logs[low], self.logs[low + 1], index - low).exp()

    def _index(self, magnitude: Tensor) -> Tensor:
        """The table of a mean magnitude, between tables likewise."""
        logs = torch.maximum(magnitude, self.logs[0].exp()).log()
        low = torch.bucketize(logs.detach().contiguous(), self.logs)
        low = low.clamp_(1, len(self.logs) - 1) - 1
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


KERNELS = {
    "means": _mean_kernel,
    "magnitudes": _magnitude_kernel,
    "expectations": _expectation_kernel,
}


def _zeros(outputs: int, inputs: int) -> NDArray[np.float32]:
    return np.zeros((outputs, inputs, 2, 3), np.float32)


def _put(
    out: NDArray[np.float32], place: tuple[int, int], first: int, weights: NDArray[Any]
) -> None:
    """Weights of the channels from `first` on, of which some may not be there."""
    low, high = max(first, 0), min(first + len(weights), len(out))
    if high > low:
        out[low:high, *place] += weights[low - first : high - first]
