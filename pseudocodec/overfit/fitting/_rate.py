"""Bits of latents under the context net and their gradients, a row of lanes at a time.

Planes of symbols are padded with zeros, ABOVE rows at the top and BESIDE columns on either side.
Loops run over slices that begin at 0: an index that might be negative keeps them from vectors.
"""

from __future__ import annotations

import math

import numpy as np

from pseudocodec.overfit.design import ABOVE, BESIDE, COARSER, CONTEXT, OWN, WIDTH
from pseudocodec.overfit.fitting._lanes import LANES, affine, correlate, kernel, power_of_two, total
from pseudocodec.overfit.laplace import OCTAVE, SCALE_ONE, SCALES

_OWN, _COARSER = np.array(OWN), np.array(COARSER)
_N_OWN, _N_COARSER = len(OWN), len(COARSER)
_LOW = np.float32(-SCALE_ONE / OCTAVE)  # log2 of the smallest scale
_HIGH = np.float32((SCALES - 1 - SCALE_ONE) / OCTAVE)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LN2, _LOG2E = np.float32(math.log(2)), np.float32(1 / math.log(2))
_LEAST = np.float32(2.0**-24)  # share of a symbol


@kernel
def interpolate(coarser, height, width, out):  # type: ignore[no-untyped-def]
    """As `context.interpolated`, of a padded plane, in units of the latents."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    share = np.float32(1 / 16)
    for y in range(height + 1):
        p = coarser[ABOVE + min(y >> 1, rows - 1)]
        q = coarser[ABOVE + min(max((y >> 1) + 2 * (y & 1) - 1, 0), rows - 1)]
        for x in range(width + 1):
            r = BESIDE + min(x >> 1, columns - 1)
            s = BESIDE + min(max((x >> 1) + 2 * (x & 1) - 1, 0), columns - 1)
            out[y, x] = (3 * (3 * p[r] + p[s]) + 3 * q[r] + q[s]) * share


@kernel
def interpolate_back(gradient, height, width, coarser):  # type: ignore[no-untyped-def]
    """Add the gradient of `interpolate`'s plane to that of the padded coarser one."""
    rows, columns = (height + 1) // 2, (width + 1) // 2
    share = np.float32(1 / 16)
    for y in range(height + 1):
        p = coarser[ABOVE + min(y >> 1, rows - 1)]
        q = coarser[ABOVE + min(max((y >> 1) + 2 * (y & 1) - 1, 0), rows - 1)]
        for x in range(width + 1):
            r = BESIDE + min(x >> 1, columns - 1)
            s = BESIDE + min(max((x >> 1) + 2 * (x & 1) - 1, 0), columns - 1)
            g = gradient[y, x] * share
            p[r] += 9 * g
            p[s] += 3 * g
            q[r] += 3 * g
            q[s] += g


@kernel
def rate_rows(  # type: ignore[no-untyped-def]  # noqa: PLR0912, PLR0917
    plane, coarser, width, rows, level, weights, gain, dplane, dcoarser, gradients, work
):
    """Bits of rows rows[0] to rows[1] of a level; `gain` times their gradients is added.

    Args:
        plane: padded symbols; `dplane` their gradient.
        coarser: interpolated coarser level (h + 1, w + 1); `dcoarser` its gradient.
        width: columns of the level.
        rows: first row and the one behind the last.
        level: the level's number, which its biases go by.
        weights: w1, b1 (LEVELS, WIDTH), w2, b2, w3, b3, and w1, w2 transposed.
        gain: factor of the gradients.
        dplane: see plane.
        dcoarser: see coarser.
        gradients: of w1, b1, w2, b2, w3, b3.
        work: (6, WIDTH, LANES) scratch.
    """
    w1, b1, w2, b2, w3, b3, w1t, w2t = weights
    g1, gb1, g2, gb2, g3, gb3 = gradients
    c, h1, h2, d2, d1, dc = work[0], work[1], work[2], work[3], work[4], work[5]
    none = np.zeros(WIDTH, np.float32)
    out = np.empty((2, LANES), np.float32)
    dout = np.empty((2, LANES), np.float32)
    share = np.empty(LANES, np.float32)
    bits = 0.0
    for y in range(rows[0], rows[1]):
        for x0 in range(0, width, LANES):
            n = min(LANES, width - x0)
            for i in range(_N_OWN):
                x = x0 + BESIDE + _OWN[i, 1]
                line, row = plane[y + ABOVE + _OWN[i, 0], x : x + n], c[i]
                for z in range(n):
                    row[z] = line[z]
            for i in range(_N_COARSER):
                x = x0 + _COARSER[i, 1]
                line, row = coarser[y + _COARSER[i, 0], x : x + n], c[_N_OWN + i]
                for z in range(n):
                    row[z] = line[z]
            affine(w1, b1[level], c, h1, n)
            for i in range(WIDTH):
                for z in range(n):
                    h1[i, z] = max(h1[i, z], _ZERO)
            affine(w2, b2, h1, h2, n)
            for i in range(WIDTH):
                for z in range(n):
                    h2[i, z] = max(h2[i, z] + h1[i, z], _ZERO)
            _last(w3, b3, h2, c, out, n)
            own = slice(x0 + BESIDE, x0 + BESIDE + n)
            bits += _laplace(plane[y + ABOVE, own], out, gain, dout, share, n)
            line = dplane[y + ABOVE, own]
            for z in range(n):
                line[z] -= dout[0, z]  # of v what is not of the mean
            correlate(dout, h2, g3[:, :WIDTH], n)
            correlate(dout, c, g3[:, WIDTH:], n)
            total(dout, gb3, n)
            for i in range(WIDTH):
                a, b = w3[0, i], w3[1, i]
                for z in range(n):
                    d = a * dout[0, z] + b * dout[1, z]
                    d2[i, z] = d if h2[i, z] > _ZERO else _ZERO
            correlate(d2, h1, g2, n)
            total(d2, gb2, n)
            affine(w2t, none, d2, d1, n)
            for i in range(WIDTH):
                for z in range(n):
                    d1[i, z] = d1[i, z] + d2[i, z] if h1[i, z] > _ZERO else _ZERO
            correlate(d1, c, g1, n)
            total(d1, gb1[level], n)
            affine(w1t, none, d1, dc, n)
            for i in range(CONTEXT):
                a, b = w3[0, WIDTH + i], w3[1, WIDTH + i]
                for z in range(n):
                    dc[i, z] += a * dout[0, z] + b * dout[1, z]
            for i in range(_N_OWN):
                x = x0 + BESIDE + _OWN[i, 1]
                line, row = dplane[y + ABOVE + _OWN[i, 0], x : x + n], dc[i]
                for z in range(n):
                    line[z] += row[z]
            for i in range(_N_COARSER):
                x = x0 + _COARSER[i, 1]
                line, row = dcoarser[y + _COARSER[i, 0], x : x + n], dc[_N_OWN + i]
                for z in range(n):
                    line[z] += row[z]
    return bits


@kernel
def _last(w3, b3, h2, c, out, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Mean and log2 of the scale of each lane."""
    for o in range(2):
        row, bias = out[o], b3[o]
        for z in range(n):
            row[z] = bias
        for i in range(0, WIDTH, 4):
            a0, a1, a2, a3 = w3[o, i], w3[o, i + 1], w3[o, i + 2], w3[o, i + 3]
            k = WIDTH + i
            e0, e1, e2, e3 = w3[o, k], w3[o, k + 1], w3[o, k + 2], w3[o, k + 3]
            for z in range(n):
                row[z] += a0 * h2[i, z] + a1 * h2[i + 1, z] + a2 * h2[i + 2, z] + a3 * h2[i + 3, z]
                row[z] += e0 * c[i, z] + e1 * c[i + 1, z] + e2 * c[i + 2, z] + e3 * c[i + 3, z]


@kernel
def _laplace(line, out, gain, dout, share, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Bits of symbols; `gain` times the gradients by mean and log2 of the scale go to `dout`.

    With t = 1 / scale and a = |v - mean| the share of a symbol's bin is, beyond its half,
    exp(-(a - 1/2) t) (1 - exp(-t)) / 2, whose logarithm has the slope -t however far away; within
    it is 1 - (exp(-(1/2 + a) t) + exp(-(1/2 - a) t)) / 2.
    """
    for z in range(n):
        wide = out[1, z]
        g = min(max(wide, _LOW), _HIGH)
        t = power_of_two(_LOW - g)
        t = t * np.float32(2.0 ** (SCALE_ONE // OCTAVE))  # 2^-g
        d = line[z] - out[0, z]
        a = abs(d)
        sign = _ONE if d > _ZERO else -_ONE
        whole = power_of_two(-t * _LOG2E)
        near = power_of_two(-abs(a - _HALF) * t * _LOG2E)
        far = whole * near if a > _HALF else whole / near
        outside = _HALF * near * (_ONE - whole)
        inside = _ONE - _HALF * (far + near)
        beyond = a > _HALF
        p = max(outside if beyond else inside, _LEAST)
        # by a, and by t
        slope = -t if beyond else _HALF * t * (far - near) / p
        if beyond:
            steep = whole / max(_ONE - whole, _LEAST) - (a - _HALF)
        else:
            steep = _HALF * ((_HALF + a) * far + (_HALF - a) * near) / p
        share[z] = p
        dout[0, z] = gain * _LOG2E * slope * sign  # bits = -log2 p; d falls as the mean rises
        clamped = (wide < _LOW and steep * t > _ZERO) or (wide > _HIGH and steep * t < _ZERO)
        dout[1, z] = _ZERO if clamped else gain * steep * t
    bits = 0.0
    for z in range(0, n - 3, 4):  # shares are at least 2^-24: four of them at a time
        bits -= math.log2(share[z] * share[z + 1] * share[z + 2] * share[z + 3])
    for z in range(n - n % 4, n):
        bits -= math.log2(share[z])
    return bits
