"""Bits of latents under the context net and their gradients, a row of lanes at a time.

Planes of symbols are padded with zeros, ABOVE rows at the top and BESIDE columns on either side.
Loops run over slices that begin at 0: an index that might be negative keeps them from vectors.
"""

from __future__ import annotations

import math

import numpy as np

from pseudocodec.overfit.design import ABOVE, BESIDE, COARSER, CONTEXT, OWN, WIDTH
from pseudocodec.overfit.fitting._lanes import (
    LANES,
    affine,
    correlate,
    kernel,
    power_of_two,
    total,
    wide_vectors,
)
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
    wide_vectors()
    rows, columns = (height + 1) // 2, (width + 1) // 2
    share = np.float32(1 / 16)
    temp = np.empty(columns + 3, np.float32)
    inner = temp[1:]
    for y in range(height + 1):
        p = coarser[ABOVE + min(y >> 1, rows - 1), BESIDE:]
        q = coarser[ABOVE + min(max((y >> 1) + 2 * (y & 1) - 1, 0), rows - 1), BESIDE:]
        for x in range(columns):
            inner[x] = share * (3 * p[x] + q[x])
        temp[0] = inner[0]
        inner[columns] = inner[columns + 1] = inner[columns - 1]
        line = out[y]
        for x in range((width + 1) // 2):
            a, b, c = temp[x], temp[x + 1], temp[x + 2]
            line[2 * x] = 3 * b + a
            line[2 * x + 1] = 3 * b + c
        if width % 2 == 0:
            line[width] = 3 * inner[columns] + inner[columns - 1]


@kernel
def interpolate_back(gradient, height, width, coarser):  # type: ignore[no-untyped-def]
    """Add the gradient of `interpolate`'s plane to that of the padded coarser one."""
    wide_vectors()
    rows, columns = (height + 1) // 2, (width + 1) // 2
    share = np.float32(1 / 16)
    even, odd = np.zeros(columns + 4, np.float32), np.zeros(columns + 4, np.float32)
    own_even, own_odd = even[2:], odd[2:]
    dtemp = np.empty(columns + 2, np.float32)  # of columns -1 to the one behind the last
    inner = dtemp[1:]
    for y in range(height + 1):
        line = gradient[y]
        for x in range((width + 1) // 2):
            own_even[x] = line[2 * x]
            own_odd[x] = line[2 * x + 1]
        if width % 2 == 0:
            own_even[columns] = line[width]
        for x in range(columns + 2):
            dtemp[x] = share * (3 * (even[x + 1] + odd[x + 1]) + even[x + 2] + odd[x])
        inner[0] += dtemp[0]
        inner[columns - 1] += inner[columns]
        p = coarser[ABOVE + min(y >> 1, rows - 1), BESIDE:]
        q = coarser[ABOVE + min(max((y >> 1) + 2 * (y & 1) - 1, 0), rows - 1), BESIDE:]
        for x in range(columns):
            p[x] += 3 * inner[x]
        for x in range(columns):
            q[x] += inner[x]


@kernel
def rate_rows(  # type: ignore[no-untyped-def]  # noqa: PLR0917
    plane, coarser, width, rows, level, weights, gain, dplane, dcoarser, gradients, learn, work
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
        learn: the rows that these are wanted of: one in so many (none for 0), from which.
        work: (6, WIDTH, LANES) scratch.
    """
    wide_vectors()
    w3 = weights[4]
    c, h1, h2, d2, d1, dc = work[0], work[1], work[2], work[3], work[4], work[5]
    out = np.empty((2, LANES), np.float32)
    dout = np.empty((2, LANES), np.float32)
    share = np.empty(LANES, np.float32)
    bits = 0.0
    for y in range(rows[0], rows[1]):
        wanted = learn[0] > 0 and y % max(learn[0], 1) == learn[1]
        for x0 in range(0, width, LANES):
            n = min(LANES, width - x0)
            _gather(plane, coarser, y, x0, c, n)
            _forwards(weights, level, c, h1, h2, out, n)
            own = slice(x0 + BESIDE, x0 + BESIDE + n)
            bits += _laplace(plane[y + ABOVE, own], out, gain, dout, share, n)
            line, d = dplane[y + ABOVE, own], dout[0]
            for z in range(n):
                line[z] -= d[z]  # of v what is not of the mean
            _backwards(weights, dout, h1, h2, d2, d1, dc, n)
            if wanted:
                _learn(gradients, level, c, h1, h2, dout, d2, d1, n)
            d, e = dout[0], dout[1]
            for i in range(CONTEXT):
                row, a, b = dc[i], w3[0, WIDTH + i], w3[1, WIDTH + i]
                for z in range(n):
                    row[z] += a * d[z] + b * e[z]
            _scatter(dplane, dcoarser, y, x0, dc, n)
    return bits


@kernel
def _gather(plane, coarser, y, x0, c, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The contexts of n latents, a row of `c` for each place."""
    wide_vectors()
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


@kernel
def _scatter(dplane, dcoarser, y, x0, dc, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Add the gradients of contexts to where `_gather` took them from."""
    wide_vectors()
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


@kernel
def _forwards(weights, level, c, h1, h2, out, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Contexts to mean and log2 of the scale."""
    wide_vectors()
    w1, b1, w2, b2, w3, b3, _, _ = weights
    affine(w1, b1[level], c, h1, n)
    for i in range(WIDTH):
        row = h1[i]
        for z in range(n):
            row[z] = max(row[z], _ZERO)
    affine(w2, b2, h1, h2, n)
    for i in range(WIDTH):
        row, before = h2[i], h1[i]
        for z in range(n):
            row[z] = max(row[z] + before[z], _ZERO)
    _last(w3, b3, h2, c, out, n)


@kernel
def _backwards(weights, dout, h1, h2, d2, d1, dc, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The gradients of both hidden layers and, but for the last layer's part, of contexts."""
    wide_vectors()
    w3, w1t, w2t = weights[4], weights[6], weights[7]
    none = np.zeros(WIDTH, np.float32)
    d, e = dout[0], dout[1]
    for i in range(WIDTH):
        row, own, a, b = d2[i], h2[i], w3[0, i], w3[1, i]
        for z in range(n):
            t = a * d[z] + b * e[z]
            row[z] = t if own[z] > _ZERO else _ZERO
    affine(w2t, none, d2, d1, n)
    for i in range(WIDTH):
        row, after, own = d1[i], d2[i], h1[i]
        for z in range(n):
            row[z] = row[z] + after[z] if own[z] > _ZERO else _ZERO
    affine(w1t, none, d1, dc, n)


@kernel
def _learn(gradients, level, c, h1, h2, dout, d2, d1, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Add the gradients of the weights and biases."""
    wide_vectors()
    g1, gb1, g2, gb2, g3, gb3 = gradients
    correlate(dout, h2, g3[:, :WIDTH], n)
    correlate(dout, c, g3[:, WIDTH:], n)
    total(dout, gb3, n)
    correlate(d2, h1, g2, n)
    total(d2, gb2, n)
    correlate(d1, c, g1, n)
    total(d1, gb1[level], n)


@kernel
def _last(w3, b3, h2, c, out, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Mean and log2 of the scale of each lane."""
    wide_vectors()
    for o in range(2):
        row, bias = out[o], b3[o]
        for z in range(n):
            row[z] = bias
        for i in range(0, WIDTH, 4):
            h, j, k, m = h2[i], h2[i + 1], h2[i + 2], h2[i + 3]
            p, q, r, s = c[i], c[i + 1], c[i + 2], c[i + 3]
            h0, j0, k0, m0 = w3[o, i], w3[o, i + 1], w3[o, i + 2], w3[o, i + 3]
            at = WIDTH + i
            p0, q0, r0, s0 = w3[o, at], w3[o, at + 1], w3[o, at + 2], w3[o, at + 3]
            for z in range(n):
                row[z] += h0 * h[z] + j0 * j[z] + k0 * k[z] + m0 * m[z]
                row[z] += p0 * p[z] + q0 * q[z] + r0 * r[z] + s0 * s[z]


@kernel
def _laplace(line, out, gain, dout, share, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Bits of symbols; `gain` times the gradients by mean and log2 of the scale go to `dout`.

    With t = 1 / scale and a = |v - mean| the share of a symbol's bin is, beyond its half,
    exp(-(a - 1/2) t) (1 - exp(-t)) / 2, whose logarithm has the slope -t however far away; within
    it is 1 - (exp(-(1/2 + a) t) + exp(-(1/2 - a) t)) / 2.
    """
    wide_vectors()
    means, scales, own, other = out[0], out[1], dout[0], dout[1]
    for z in range(n):
        wide = scales[z]
        g = min(max(wide, _LOW), _HIGH)
        t = power_of_two(_LOW - g)
        t = t * np.float32(2.0 ** (SCALE_ONE // OCTAVE))  # 2^-g
        d = line[z] - means[z]
        a = abs(d)
        sign = _ONE if d > _ZERO else -_ONE
        whole = power_of_two(-t * _LOG2E)
        near = power_of_two(-abs(a - _HALF) * t * _LOG2E)
        far = power_of_two(-(a + _HALF) * t * _LOG2E)
        # Factors of 0 and 1 in place of branches, which would keep the loop from vectors.
        beyond = _ONE if a > _HALF else _ZERO
        within = _ONE - beyond
        outside = _HALF * near * (_ONE - whole)
        inside = _ONE - _HALF * (far + near)
        p = max(beyond * outside + within * inside, _LEAST)
        half = _HALF / p
        # by a, and by t
        slope = within * half * t * (far - near) - beyond * t
        steep = half * ((within * (_HALF + a) + beyond) * far + within * (_HALF - a) * near)
        steep -= beyond * (a - _HALF)
        share[z] = p
        own[z] = gain * _LOG2E * slope * sign  # bits = -log2 p; d falls as the mean rises
        rising = _ONE if steep > _ZERO else _ZERO
        low, high = (_ONE if wide < _LOW else _ZERO), (_ONE if wide > _HIGH else _ZERO)
        free = _ONE - low * rising - high * (_ONE - rising)
        other[z] = gain * free * steep * t
    quarter = n // 4
    p, q = share[:quarter], share[quarter : 2 * quarter]
    r, s = share[2 * quarter : 3 * quarter], share[3 * quarter : 4 * quarter]
    for z in range(quarter):
        p[z] *= q[z] * r[z] * s[z]
    bits, product = 0.0, 1.0
    for z in range(quarter):
        product *= p[z]
        if z % 8 == 7:
            bits -= math.log2(product)
            product = 1.0
    for z in range(4 * quarter, n):
        bits -= math.log2(share[z])
    return bits - math.log2(product)
