"""Where a generator's latents come from while it learns: sequences in [-1, 1], by name.

| name | a batch |
|---|---|
| uniform | independent uniform values |
| gaussian | independent normal values |
| lcg | LCG sequences of random seeds |
| lcg+noise | such sequences with uniform noise of +-NOISE added |
| two-steps | uniform values and LCG sequences in turns, a step each |

All but the second and third are the thesis' attempts at a generator that also knows what lies
between the sequences (L. Monchieri 2024, "Generalization"). It does not say how strong its noise
is; NOISE is this library's choice. Nor does it say what its Gaussian's deviation is: 1 here.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.prng import Lcg

SOURCES = ("uniform", "gaussian", "lcg", "lcg+noise", "two-steps")
NOISE = 0.25


class Sequences:
    """Draws latents (n, dims), float32, of one of SOURCES. Raises PslError for another name."""

    def __init__(self, source: str, dims: int, lcg: Lcg) -> None:
        if source not in SOURCES:
            raise PslError(f"source={source!r}: expected one of {', '.join(SOURCES)}")
        self.source, self.dims, self.lcg = source, dims, lcg

    @property
    def bounded(self) -> bool:
        """Whether latents lie in [-1, 1] (with noise, nearly)."""
        return self.source != "gaussian"

    def draw(self, count: int, turn: int) -> Tensor:
        """Latents (count, dims) of the `turn`-th batch; random numbers are torch's."""
        if self.source == "gaussian":
            return torch.randn(count, self.dims)
        if self.source == "uniform" or (self.source == "two-steps" and turn % 2 == 0):
            return torch.rand(count, self.dims) * 2 - 1
        sequences = self.of_seeds(torch.randint(self.lcg.m, (count,)))
        if self.source == "lcg+noise":
            sequences = sequences + NOISE * (torch.rand(count, self.dims) * 2 - 1)
        return sequences

    def of_seeds(self, seeds: Tensor) -> Tensor:
        """The sequences (n, dims) of seeds (n,), whatever the source."""
        states = self.lcg.sequence(seeds.numpy(), self.dims)
        return torch.from_numpy(self.lcg.to_interval(states).astype(np.float32))
