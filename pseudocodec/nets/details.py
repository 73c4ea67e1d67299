"""Detail coefficients: a linear transform of what the synthesis leaves of a picture.

At high rates there is more in a picture than the latents have places for. With 192 for 768 numbers,
half of the error is outside the space of their linear path at five eighths of the levels, three
quarters at the top (400 squares of training photographs). The rest is transformed by the
Karhunen-Loeve transform of such rests, in patches, with one step for all; what is learnt of it is
learnt after the nets, from what they leave.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from pseudocodec.nets.hyperprior import PATCH, between


class Details:
    """The transform.

    Args:
        basis: (768, count), orthonormal columns, on patches as `pixel_unshuffle` makes them.
        steps: (rows,), what a detail of 1 is worth at each level, pixels being in [0, 1].
    """

    def __init__(self, basis: Tensor, steps: Tensor) -> None:
        self.basis, self.steps = basis, steps

    def step(self, level: Tensor) -> Tensor:
        """At levels (B,) in rows: (B, 1, 1, 1)."""
        return between(self.steps[:, None], level)[:, :, None, None]

    def analyse(self, rest: Tensor, level: Tensor) -> Tensor:
        """What is left of pictures (B, 3, 16 h, 16 w) -> details (B, count, h, w), not rounded."""
        patches = F.pixel_unshuffle(rest, PATCH)
        return F.conv2d(patches, self.basis.T[:, :, None, None]) / self.step(level)

    def synthesise(self, details: Tensor, level: Tensor) -> Tensor:
        """Details (B, count, h, w) -> what they add to pictures (B, 3, 16 h, 16 w)."""
        patches = F.conv2d(details * self.step(level), self.basis[:, :, None, None])
        return F.pixel_shuffle(patches, PATCH)
