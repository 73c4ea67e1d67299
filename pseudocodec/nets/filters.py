"""A filter of a tile's own, for what its latents decode to.

What is best for all pictures, shrinkage has learnt; what is best for one, its encoder finds by
least squares, and sends. So do the adaptive loop filters of video codecs (Karczewicz et al. 2021),
from which the limited differences come, too. Here each colour sees differences of all three, as
they are and limited, and what is sent are coordinates in a basis learnt from many such filters.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pseudocodec.nets.hyperprior import MARGIN, between

COLOURS = 3
NEIGHBOURS = [
    (down, right)
    for down in range(MARGIN + 1)
    for right in range(-MARGIN, MARGIN + 1)
    if down + abs(right) <= MARGIN and (down, right) > (0, 0)
]
"""A diamond's, one of each two that lie opposite."""

LIMIT = 0.02  # of differences, pixels being in [0, 1]
TAPS = 2 * len(NEIGHBOURS) * COLOURS
ROWS = 32  # of a picture at a time: its taps are 24 times as large as it is


class Filters:
    """The basis.

    Args:
        basis: (count, 3 * TAPS), what coordinates of 1 weigh taps with, for each colour.
        steps: (rows,), what a coordinate's whole number is worth at each level.
    """

    def __init__(self, basis: Tensor, steps: Tensor) -> None:
        self.basis, self.steps = basis, steps

    def step(self, level: Tensor) -> Tensor:
        """At a level (1,) in rows: (1,)."""
        return between(self.steps[:, None], level)[0]

    def weights(self, values: Tensor, level: Tensor) -> Tensor:
        """Coordinates (count,), whole numbers, at a level (1,) -> weights of taps (3, TAPS)."""
        return ((values * self.step(level)) @ self.basis).view(COLOURS, TAPS)


def middle(images: Tensor) -> Tensor:
    """Pictures without the MARGIN around them."""
    return images[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


def filtered(images: Tensor, weights: Tensor) -> Tensor:
    """Pictures (1, 3, H + 2 MARGIN, W + 2 MARGIN) -> the middle (1, 3, H, W), filtered."""
    out = middle(images).clone()
    for top in range(0, out.shape[2], ROWS):
        part = out[0, :, top : top + ROWS]
        seen = taps(images[0, :, top : top + part.shape[1] + 2 * MARGIN])
        part += (weights @ seen.flatten(1)).view_as(part)
    return out


def taps(images: Tensor) -> Tensor:
    """(3, H + 2 MARGIN, W + 2 MARGIN) -> differences to neighbours (TAPS, H, W).

    Each is the sum of those to two neighbours that lie opposite, for they hardly ever differ in
    what they are worth.
    """
    height, width = (side - 2 * MARGIN for side in images.shape[1:])

    def at(down: int, right: int) -> Tensor:
        top, left = MARGIN + down, MARGIN + right
        return images[:, top : top + height, left : left + width]

    middle = at(0, 0)
    sums = []
    for down, right in NEIGHBOURS:
        ahead, behind = at(down, right) - middle, at(-down, -right) - middle
        sums.append(ahead + behind)
        sums.append(ahead.clamp_(-LIMIT, LIMIT) + behind.clamp_(-LIMIT, LIMIT))
    return torch.cat(sums)


def products(images: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """What least squares need: (TAPS, TAPS) of the taps, (TAPS, 3) of them with what is left.

    Pictures (1, 3, H + 2 MARGIN, W + 2 MARGIN), rest (1, 3, H, W). Sums are in float64, which not
    every device has: they are on the CPU.
    """
    squares = torch.zeros(TAPS, TAPS, dtype=torch.float64)
    mixed = torch.zeros(TAPS, COLOURS, dtype=torch.float64)
    for top in range(0, rest.shape[2], ROWS):
        part = rest[0, :, top : top + ROWS]
        seen = taps(images[0, :, top : top + part.shape[1] + 2 * MARGIN]).flatten(1)
        squares += (seen @ seen.T).cpu()
        mixed += (seen @ part.flatten(1).T).cpu()
    return squares, mixed
