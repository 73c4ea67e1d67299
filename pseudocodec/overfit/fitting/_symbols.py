"""Latents to what stands for their symbols while they are fitted, and steps of Adam on them.

While noise stands for rounding, the symbols are s(s(y) + u): s is the soft rounding of Agustsson &
Theis (2020), u noise in -1/2 .. 1/2. C3 (section 3.1) anneals both.
"""

from __future__ import annotations

import numpy as np

from pseudocodec.overfit.design import ABOVE, BESIDE
from pseudocodec.overfit.fitting._lanes import kernel, power_of_two, wide_vectors
from pseudocodec.overfit.laplace import LIMIT

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_LOG2E2 = np.float32(2 * 1.4426950408889634)
_MOST = np.float32(LIMIT)


@kernel
def soften(latents, noise, start, sharpness, padded, plane, slope):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Soft symbols of a level (h, w), into a padded plane and a plain one, and their slope.

    `noise` is a long vector of which the part from `start` on is used, `sharpness` the reciprocal
    of the temperature.
    """
    wide_vectors()
    height, width = latents.shape
    e = power_of_two(-_HALF * sharpness * _LOG2E2)
    top = (_ONE - e) / (_ONE + e)  # tanh(1 / (2 T))
    scale = _HALF / top
    for y in range(height):
        row, own, steep = latents[y], plane[y], slope[y]
        line = padded[y + ABOVE, BESIDE : BESIDE + width]
        at = start + y * width
        part = noise[at : at + width]  # an index that might be negative keeps loops from vectors
        for x in range(width):
            v = min(max(row[x], -_MOST), _MOST)
            low = np.floor(v)
            r = v - low - _HALF
            sign = _ONE if r > _ZERO else -_ONE
            z = power_of_two(-abs(r) * sharpness * _LOG2E2)
            th = (_ONE - z) / (_ONE + z)
            s1 = scale * sharpness * (_ONE - th * th)
            v = low + _HALF + scale * sign * th + part[x]
            low = np.floor(v)
            r = v - low - _HALF
            sign = _ONE if r > _ZERO else -_ONE
            z = power_of_two(-abs(r) * sharpness * _LOG2E2)
            th = (_ONE - z) / (_ONE + z)
            v = low + _HALF + scale * sign * th
            line[x] = v
            own[x] = v
            steep[x] = s1 * scale * sharpness * (_ONE - th * th)


@kernel
def harden(latents, padded, plane, slope):  # type: ignore[no-untyped-def]
    """Rounded symbols of a level; their slope counts as 1, which is of use to tests alone."""
    wide_vectors()
    height, width = latents.shape
    for y in range(height):
        row, own, steep = latents[y], plane[y], slope[y]
        line = padded[y + ABOVE, BESIDE : BESIDE + width]
        for x in range(width):
            v = np.rint(min(max(row[x], -_MOST), _MOST))
            line[x] = v
            own[x] = v
            steep[x] = _ONE


@kernel
def gather(shares, plane_gradient, slope, out):  # type: ignore[no-untyped-def]
    """The latents' gradient (h, w): the sum of planes, times the slope.

    Planes (threads, h, w + 2 BESIDE), set to zero for the next step, and `plane_gradient` (h, w).
    """
    wide_vectors()
    height, width = out.shape
    for y in range(height):
        line, own, steep = out[y], plane_gradient[y], slope[y]
        for x in range(width):
            line[x] = own[x]
        for t in range(shares.shape[0]):
            row = shares[t, y]
            for x in range(width):
                line[x] += row[BESIDE + x]
        for x in range(width):
            line[x] *= steep[x]
    shares[:] = _ZERO


@kernel
def adam(values, gradient, first, second, rate, decay1, decay2, step):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """A step of Adam (Kingma & Ba 2015) on vectors; `step` counts from 1."""
    wide_vectors()
    c1 = np.float32(1) / (_ONE - decay1**step)
    c2 = np.float32(1) / (_ONE - decay2**step)
    for i in range(len(values)):
        g = gradient[i]
        m = decay1 * first[i] + (_ONE - decay1) * g
        v = decay2 * second[i] + (_ONE - decay2) * g * g
        first[i] = m
        second[i] = v
        values[i] -= rate * m * c1 / (np.sqrt(v * c2) + np.float32(1e-8))
