"""The shape of what is fitted to a picture: seven planes of latents and 1,253 weights.

Level k of the latents has one integer for 2^k x 2^k pixels, k = 0 to 6. Three nets go with them:

- context: what is known of a latent's neighbours -> the distribution it is coded with;
- upsampling: from each level to the next finer one, a separable kernel of 8 taps, symmetric;
- synthesis: 7 planes of the picture's size -> 32 -> 3 by 1 x 1 convolutions, then two residual
  3 x 3 ones.

A latent's context is 13 latents of its own level that come before it (rows from the top, each from
the left) and 3 values of the next coarser level, interpolated to its own size, which know of what
comes after it, too. About 1,400 multiplications a pixel in all.

The kind of latents, nets and training are those of Cool-chic (Ladune et al. 2023; Leguay et al.
2023; Blard et al. 2024) and C3 (Kim, Bauer et al. 2023), which look at one level only.
"""

from __future__ import annotations

from math import prod
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

LEVELS: Final = 7
OWN: Final = (
    (0, -1), (0, -2), (0, -3),
    (-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2),
    (-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2),
)  # fmt: skip
"""Rows and columns from a latent to those of its context on its own level."""
COARSER: Final = ((0, 0), (0, 1), (1, 0))
"""The same for the interpolated coarser level."""
CONTEXT: Final = len(OWN) + len(COARSER)
WIDTH: Final = 16  # of the context net's two hidden layers
HIDDEN: Final = 32  # of the synthesis
TAPS: Final = 4  # of a symmetric kernel of 8: at 1/4, 3/4, 5/4 and 7/4 of a coarse step
ABOVE, BESIDE = 2, 3  # how far the context reaches up, and to the left; to the right it is ABOVE

SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "context.1": (WIDTH, CONTEXT),
    "context.2": (WIDTH, WIDTH),
    "context.3": (2, WIDTH + CONTEXT),
    "context.bias.1": (LEVELS, WIDTH),
    "context.bias.2": (WIDTH,),
    "context.bias.3": (2,),
    "upsampling": (LEVELS - 1, TAPS),
    "synthesis.1": (HIDDEN, LEVELS),
    "synthesis.2": (3, HIDDEN),
    "synthesis.3": (3, 3, 3, 3),
    "synthesis.4": (3, 3, 3, 3),
    "synthesis.bias.1": (HIDDEN,),
    "synthesis.bias.2": (3,),
    "synthesis.bias.3": (3,),
    "synthesis.bias.4": (3,),
}
"""The nets' parameters, tensor by tensor, in the order of the stream."""

PARAMETERS: Final = sum(prod(shape) for shape in SHAPES.values())


class Size(NamedTuple):
    """Rows and columns."""

    height: int
    width: int


def level_sizes(height: int, width: int) -> list[Size]:
    """The sizes of the levels for a tile of so many pixels, the finest first."""
    return [Size(-(-height // 2**k), -(-width // 2**k)) for k in range(LEVELS)]


def slices() -> dict[str, slice]:
    """Where each tensor stands in the vector of all parameters."""
    out, start = {}, 0
    for name, shape in SHAPES.items():
        end = start + prod(shape)
        out[name], start = slice(start, end), end
    return out


def unflatten(vector: NDArray[T]) -> dict[str, NDArray[T]]:
    """The vector (PARAMETERS,) of all parameters as views by name."""
    return {name: vector[where].reshape(SHAPES[name]) for name, where in slices().items()}


def multiplications(height: int, width: int) -> float:
    """Multiply-accumulates a pixel that decoding a tile takes, entropy coder and rounding apart."""
    sizes = level_sizes(height, width)
    context = WIDTH * CONTEXT + WIDTH * WIDTH + 2 * (WIDTH + CONTEXT)
    total = float(context * sum(h * w for h, w in sizes))
    for k in range(LEVELS - 1):  # all coarser planes, down and then along the rows
        (h, w), coarse = sizes[k], sizes[k + 1]
        total += (LEVELS - 1 - k) * TAPS * h * (coarse.width + w)
    mixing = HIDDEN * LEVELS + 3 * HIDDEN + 2 * 3 * 3 * 9
    return (total + mixing * height * width) / (height * width)
