"""What contexts make of residuals, for gradients: the Gaussian each is as good as coded with.

The code mixes chances, which have no gradient. What moves them most are the mean and the magnitude
that residuals around let expect: a Gaussian of that mean and magnitude stands for them, in the loss
of training and where an encoder refines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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

LEAST = 205 / 4096  # of what the table expects
SEEN = {
    "means": layout.SEEN_BY_MEANS,
    "magnitudes": layout.SEEN_BY_MAGNITUDES,
    "expectations": layout.SEEN_BY_EXPECTATIONS,
}
OWN = layout.SEEN_BY_EXPECTATIONS.index((layout.HERE, 0))


class ExpectedTables(nn.Module):
    """The means and magnitudes that contexts expect, for whole planes of latents at once.

    Made from what the kernel is given (`Contexts.net`), of as many channels; the weights are
    parameters, zero where nothing is looked at.
    """

    means: Tensor
    magnitudes: Tensor
    expectations: Tensor
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
        everywhere = net._replace(**{name: getattr(net, name) * 0 + 1 for name in SEEN})
        for name, looked in _kernels(everywhere).items():
            self.register_buffer(f"seen_{name}", looked.sign(), persistent=False)
        for name, weights in _kernels(net).items():
            self.register_parameter(name, nn.Parameter(weights))

    @staticmethod
    def of_tables(channels: int) -> ExpectedTables:
        """What tables say and nothing else: where training begins."""
        net = net_of(untaught(channels, SCALES), scale_tables(SCALES, LOWEST_SCALE, HIGHEST_SCALE))
        net.expectations[:, OWN] = 1 << layout.FRACTION
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


def _kernels(net: layout.Net) -> dict[str, Tensor]:
    """The weights as kernels (outputs, channels, 2, 3) of `_causal`."""
    return {
        name: _kernel(getattr(net, name), len(net.magnitudes), seen) for name, seen in SEEN.items()
    }


def _kernel(weights: NDArray[Any], channels: int, seen: Sequence[tuple[int, int]]) -> Tensor:
    out = np.zeros((len(weights), channels, 2, 3), np.float32)
    for (place, offset), column in zip(seen, weights.T / 2**layout.FRACTION, strict=True):
        looking = np.arange(max(0, -offset), min(len(weights), channels - offset))
        out[looking, looking + offset, *layout.PLACES[place]] = column[looking]
    return torch.from_numpy(out)
