"""Ways from one latent vector to another.

Linear, the default, is the way of the GAN literature (Radford, Metz & Chintala 2016, figure 4): it
stays among the latents of a generator that was trained on [-1, 1], and needs no geometry of any
other. Gaussian latents of many dimensions lie near a sphere, which the middle of a straight line
leaves: between two independent ones it is sqrt(1/2) as long as they are, a blander picture than
either. Spherical keeps to the great circle (Shoemake 1985; White 2016, "Sampling generative
networks").
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError

Vector = NDArray[np.float32]

LEAST_ANGLE = 1e-4  # radians: along smaller ones, and from zero, a line is as good
STRAIGHT = 1e-3  # radians short of a half turn: where float32 no longer tells the great circle


def linear(a: Vector, b: Vector, t: float) -> Vector:
    """(1 - t) a + t b, of vectors (d,)."""
    return ((1 - t) * a.astype(np.float64) + t * b).astype(np.float32)


def spherical(a: Vector, b: Vector, t: float) -> Vector:
    """sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, with w the angle between the vectors (d,).

    Where there is no angle, of a zero vector or nearly parallel ones, as `linear`. Raises PslError
    for vectors in opposite directions, between which every great circle is as short.
    """
    u, v = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(u) * np.linalg.norm(v)
    angle = float(np.arccos(np.clip(u @ v / lengths, -1, 1))) if lengths else 0.0
    if angle < LEAST_ANGLE:
        return linear(a, b, t)
    if angle > np.pi - STRAIGHT:
        raise PslError(
            "the latents of the two pictures point in opposite directions, and no great circle "
            "between them is the shortest: take the linear path"
        )
    weights = np.sin((1 - t) * angle), np.sin(t * angle)
    out: Vector = ((weights[0] * u + weights[1] * v) / np.sin(angle)).astype(np.float32)
    return out


PATHS: dict[str, Callable[[Vector, Vector, float], Vector]] = {
    "linear": linear,
    "spherical": spherical,
}
