"""Latents to pixels in fixed point: the same pixels on every machine.

As in `context`, numbers are integers held in float64. Each level is brought to the size of the next
finer one together with all coarser ones, first down the columns and then along the rows, then seven
planes of the picture's size go through the 1 x 1 layers, pixel by pixel, and the 3 x 3 ones. A
colour of 0 .. 255 is a sixteenth of what comes out, whose FEATURE fractional bits are dropped:
it is floor((v + 8) / 16). Beyond the border of a plane its last values are repeated.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.context import FEATURE, WEIGHT
from pseudocodec.overfit.design import HIDDEN, LEVELS

_MOST = float(1 << 20)  # of a feature
_UNIT = float(1 << FEATURE)
_ONE = float(1 << WEIGHT)
_HALF, _DOWN = float(1 << (WEIGHT - 1)), 1.0 / (1 << WEIGHT)
_CHUNK = 128  # pixels through the 1 x 1 layers at a time: their features stay in the first cache
_EXACT = {"contract", "nsz", "nnan"}

Planes = NDArray[np.float64]


def render(
    nets: dict[str, NDArray[np.int64]], latents: list[NDArray[np.int32]], *, grey: bool
) -> NDArray[np.uint8]:
    """Latents, the finest level first, and nets with WEIGHT fractional bits -> (h, w, 1 or 3)."""
    floats = {name: value.astype(np.float64) for name, value in nets.items()}
    kernels = floats["upsampling"]
    stack = latents[-1].astype(np.float64)[None] * _UNIT
    for level in range(LEVELS - 2, 0, -1):
        stack = _finer(stack, latents[level], kernels[level])
    colours = _mixed(
        stack,
        latents[0],
        kernels[0],
        floats["synthesis.1"],
        floats["synthesis.bias.1"] * _UNIT,
        floats["synthesis.2"],
        floats["synthesis.bias.2"] * _UNIT,
    )
    smoothed = _convolved(
        colours, floats["synthesis.3"], floats["synthesis.bias.3"] * _UNIT, lowest=0.0
    )
    out = _convolved(
        smoothed, floats["synthesis.4"], floats["synthesis.bias.4"] * _UNIT, lowest=-_MOST
    )
    if grey:
        pixels = np.floor((out.sum(0, keepdims=True) + 24.0) / 48.0)
    else:
        pixels = np.floor((out + 8.0) / 16.0)
    return np.ascontiguousarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))


def _convolved(planes: Planes, weights: Planes, biases: Planes, *, lowest: float) -> Planes:
    padded = np.pad(planes, ((0, 0), (1, 1), (1, 1)), mode="edge")
    out: Planes = _convolve(padded, weights, biases, lowest)
    return out


@numba.njit(cache=True)
def _finer(stack, own, kernel):  # type: ignore[no-untyped-def]
    """Planes (n, h', w') of the coarser levels at the size of `own` (h, w), behind it: n + 1."""
    count, _, columns = stack.shape
    height, width = own.shape
    out = np.empty((count + 1, height, width))
    out[0] = own * _UNIT
    temp = np.empty(columns + 4)
    for n in range(count):
        for y in range(height):
            _row(stack[n], y, kernel, temp, out[n + 1, y])
    return out


@numba.njit(cache=True, fastmath=_EXACT)
def _row(plane, y, kernel, temp, out):  # type: ignore[no-untyped-def]
    """Row y of a plane at twice its size, into `out`."""
    rows, columns = plane.shape
    k0, k1, k2, k3 = kernel[0], kernel[1], kernel[2], kernel[3]
    side = 2 * (y & 1) - 1  # of the nearest coarse row, on which this one lies
    near = y >> 1
    r0 = plane[near]
    r1 = plane[min(max(near + side, 0), rows - 1)]
    r2 = plane[min(max(near - side, 0), rows - 1)]
    r3 = plane[min(max(near + 2 * side, 0), rows - 1)]
    for x in range(columns):
        v = np.floor((k0 * r0[x] + k1 * r1[x] + k2 * r2[x] + k3 * r3[x] + _HALF) * _DOWN)
        temp[x + 2] = min(max(v, -_MOST), _MOST)
    temp[0] = temp[1] = temp[2]
    temp[columns + 2] = temp[columns + 3] = temp[columns + 1]
    for x in range((len(out) + 1) // 2):
        a, b, c, d = temp[x + 1], temp[x + 2], temp[x + 3], temp[x]
        v = np.floor((k0 * b + k1 * a + k2 * c + k3 * d + _HALF) * _DOWN)
        out[2 * x] = min(max(v, -_MOST), _MOST)
    for x in range(len(out) // 2):
        a, b, c, d = temp[x + 1], temp[x + 2], temp[x + 3], temp[x + 4]
        v = np.floor((k0 * b + k1 * c + k2 * a + k3 * d + _HALF) * _DOWN)
        out[2 * x + 1] = min(max(v, -_MOST), _MOST)


@numba.njit(cache=True, fastmath=_EXACT)
def _mixed(stack, own, kernel, w1, b1, w2, b2):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The last upsampling and the 1 x 1 layers: (3, h, w)."""
    count, _, columns = stack.shape
    height, width = own.shape
    out = np.empty((3, height, width))
    planes = np.empty((LEVELS, width))
    temp = np.empty(columns + 4)
    hidden = np.empty(_CHUNK)
    for y in range(height):
        for x in range(width):
            planes[0, x] = own[y, x] * _UNIT
        for n in range(count):
            _row(stack[n], y, kernel, temp, planes[n + 1])
        for start in range(0, width, _CHUNK):
            end = min(start + _CHUNK, width)
            _pixels(planes[:, start:end], w1, b1, w2, b2, hidden, out[:, y, start:end])
    return out


@numba.njit(cache=True, fastmath=_EXACT)
def _pixels(u, w1, b1, w2, b2, hidden, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Planes (LEVELS, n) through both 1 x 1 layers, into `out` (3, n)."""
    u0, u1, u2, u3, u4, u5, u6 = u[0], u[1], u[2], u[3], u[4], u[5], u[6]
    out0, out1, out2 = out[0], out[1], out[2]
    n = u.shape[1]
    for x in range(n):
        out0[x], out1[x], out2[x] = b2[0], b2[1], b2[2]
    for o in range(HIDDEN):
        w, b = w1[o], b1[o]
        for x in range(n):
            v = b + w[0] * u0[x] + w[1] * u1[x] + w[2] * u2[x] + w[3] * u3[x]
            v += w[4] * u4[x] + w[5] * u5[x] + w[6] * u6[x]
            hidden[x] = min(max(np.floor((v + _HALF) * _DOWN), 0.0), _MOST)
        r, g, b = w2[0, o], w2[1, o], w2[2, o]
        for x in range(n):
            out0[x] += r * hidden[x]
            out1[x] += g * hidden[x]
            out2[x] += b * hidden[x]
    for c in range(3):
        for x in range(n):
            v = np.floor((out[c, x] + _HALF) * _DOWN)
            out[c, x] = min(max(v, -_MOST), _MOST)


@numba.njit(cache=True, fastmath=_EXACT)
def _convolve(padded, weights, biases, lowest):  # type: ignore[no-untyped-def]
    """A residual 3 x 3 layer, at least `lowest`: (3, h + 2, w + 2) -> (3, h, w)."""
    _, rows, columns = padded.shape
    height, width = rows - 2, columns - 2
    out = np.empty((3, height, width))
    for o in range(3):
        for y in range(height):
            row = out[o, y]
            middle = padded[o, y + 1]
            for x in range(width):
                row[x] = biases[o] + _ONE * middle[x + 1]
            for i in range(3):
                for j in range(3):
                    a, b, c = weights[o, i, j, 0], weights[o, i, j, 1], weights[o, i, j, 2]
                    line = padded[i, y + j]
                    for x in range(width):
                        row[x] += a * line[x] + b * line[x + 1] + c * line[x + 2]
            for x in range(width):
                v = np.floor((row[x] + _HALF) * _DOWN)
                row[x] = min(max(v, lowest), _MOST)
    return out
