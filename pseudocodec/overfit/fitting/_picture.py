"""Planes of latents to colours and back to gradients: what `synthesis` does, in float32.

Beyond the border a plane's last values are repeated, and their gradients go back to these.
"""

from __future__ import annotations

import numpy as np

from pseudocodec.overfit.design import HIDDEN, LEVELS
from pseudocodec.overfit.fitting._lanes import LANES, affine, correlate, kernel, total

_ZERO, _ONE = np.float32(0), np.float32(1)


@kernel
def finer(plane, weights, out):  # type: ignore[no-untyped-def]
    """A plane (h', w') at the size of `out` (h, w): `weights` (TAPS,) down, then along the rows."""
    columns = plane.shape[1]
    k0, k1, k2, k3 = weights[0], weights[1], weights[2], weights[3]
    temp = np.empty(columns + 4, np.float32)
    for y in range(out.shape[0]):
        _down(plane, y, weights, temp)
        line = out[y]
        for x in range(len(line) // 2):  # both at once: stores with gaps would not be vectors
            a, b, c, d, e = temp[x], temp[x + 1], temp[x + 2], temp[x + 3], temp[x + 4]
            line[2 * x] = k0 * c + k1 * b + k2 * d + k3 * a
            line[2 * x + 1] = k0 * c + k1 * d + k2 * b + k3 * e
        if len(line) % 2:
            x = len(line) // 2
            line[2 * x] = k0 * temp[x + 2] + k1 * temp[x + 1] + k2 * temp[x + 3] + k3 * temp[x]


@kernel
def _down(plane, y, weights, temp):  # type: ignore[no-untyped-def]
    """Row y of `finer` before it is widened, two values more at either end."""
    rows, columns = plane.shape
    k0, k1, k2, k3 = weights[0], weights[1], weights[2], weights[3]
    side, near = 2 * (y & 1) - 1, y >> 1
    r0 = plane[near]
    r1 = plane[min(max(near + side, 0), rows - 1)]
    r2 = plane[min(max(near - side, 0), rows - 1)]
    r3 = plane[min(max(near + 2 * side, 0), rows - 1)]
    for x in range(columns):
        temp[x + 2] = k0 * r0[x] + k1 * r1[x] + k2 * r2[x] + k3 * r3[x]
    temp[0] = temp[1] = temp[2]
    temp[columns + 2] = temp[columns + 3] = temp[columns + 1]


@kernel
def finer_back(plane, weights, dout, dplane, dweights):  # type: ignore[no-untyped-def]
    """Gradients of `finer`: `dplane` is overwritten, `dweights` (TAPS,) added to."""
    rows, columns = plane.shape
    height, width = dout.shape
    evens, odds = (width + 1) // 2, width // 2
    k0, k1, k2, k3 = weights[0], weights[1], weights[2], weights[3]
    temp = np.empty(columns + 4, np.float32)
    even, odd = np.zeros(columns + 8, np.float32), np.zeros(columns + 8, np.float32)
    own_even, own_odd = even[4:], odd[4:]
    dtemp = np.empty(columns + 4, np.float32)
    middle = dtemp[2:]
    dplane[:] = _ZERO
    s0 = s1 = s2 = s3 = _ZERO
    for y in range(height):
        _down(plane, y, weights, temp)
        line = dout[y]
        for x in range(odds):
            own_even[x] = line[2 * x]
            own_odd[x] = line[2 * x + 1]
        if evens > odds:
            own_even[odds] = line[2 * odds]
        for x in range(evens):
            e, o = own_even[x], own_odd[x]
            s0 += (e + o) * temp[x + 2]
            s1 += e * temp[x + 1] + o * temp[x + 3]
            s2 += e * temp[x + 3] + o * temp[x + 1]
            s3 += e * temp[x] + o * temp[x + 4]
        for q in range(columns + 4):  # of temp[q], which outputs x = q - 2 + 2 .. q - 2 - 2 read
            v = k0 * (even[q + 2] + odd[q + 2]) + k1 * (even[q + 3] + odd[q + 1])
            dtemp[q] = v + k2 * (even[q + 1] + odd[q + 3]) + k3 * (even[q + 4] + odd[q])
        dtemp[2] += dtemp[0] + dtemp[1]
        dtemp[columns + 1] += dtemp[columns + 2] + dtemp[columns + 3]
        side, near = 2 * (y & 1) - 1, y >> 1
        i1 = min(max(near + side, 0), rows - 1)
        i2 = min(max(near - side, 0), rows - 1)
        i3 = min(max(near + 2 * side, 0), rows - 1)
        r0, r1, r2, r3 = plane[near], plane[i1], plane[i2], plane[i3]
        for x in range(columns):
            d = middle[x]
            s0 += d * r0[x]
            s1 += d * r1[x]
            s2 += d * r2[x]
            s3 += d * r3[x]
        for place, k in ((near, k0), (i1, k1), (i2, k2), (i3, k3)):
            row = dplane[place]
            for x in range(columns):
                row[x] += k * middle[x]
    dweights[0] += s0
    dweights[1] += s1
    dweights[2] += s2
    dweights[3] += s3


@kernel
def mix_rows(planes, rows, weights, out, work):  # type: ignore[no-untyped-def]
    """Rows of planes (LEVELS, h, w) through the 1 x 1 layers, into `out` (3, h + 2, w + 2).

    Args:
        planes: what the layers see.
        rows: first row and the one behind the last.
        weights: w1 (HIDDEN, 8), whose last column is the biases, w2 (4, HIDDEN), whose last row is
            0, b2 (4,), and w1 transposed.
        out: where colours go.
        work: (HIDDEN, LANES) scratch twice, (8, LANES) and (4, LANES) twice.
    """
    w1, w2, b2, _ = weights
    h, _, u, _, d, _ = work
    none = np.zeros(HIDDEN, np.float32)
    width = planes.shape[2]
    for y in range(rows[0], rows[1]):
        for x0 in range(0, width, LANES):
            n = min(LANES, width - x0)
            _hidden(planes, y, x0, w1, none, u, h, n)
            affine(w2, b2, h, d, n)
            for c in range(3):
                line, row = out[c, y + 1, x0 + 1 : x0 + 1 + n], d[c]
                for z in range(n):
                    line[z] = row[z]


@kernel
def _hidden(planes, y, x0, w1, none, u, h, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The first layer's inputs, with a row of ones behind them, and its outputs."""
    for i in range(LEVELS):
        line, row = planes[i, y, x0 : x0 + n], u[i]
        for z in range(n):
            row[z] = line[z]
    for z in range(n):
        u[LEVELS, z] = _ONE
    affine(w1, none, u, h, n)
    for o in range(HIDDEN):
        row = h[o]
        for z in range(n):
            row[z] = max(row[z], _ZERO)


@kernel
def mix_rows_back(planes, rows, weights, dout, dplanes, gradients, learn, work):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Gradients of `mix_rows` for dout (3, h + 2, w + 2): `dplanes` overwritten, others added to.

    `gradients` are of w1, w2 and b2, from one row in learn[0] (none for 0), from learn[1] on. The
    hidden features are computed again: to read them from memory would take longer.
    """
    w1, w2, _, w1t = weights
    g1, g2, gb2 = gradients
    h, dh, u, du, d, _ = work
    none = np.zeros(HIDDEN, np.float32)
    width = planes.shape[2]
    for y in range(rows[0], rows[1]):
        wanted = learn[0] > 0 and y % max(learn[0], 1) == learn[1]
        for x0 in range(0, width, LANES):
            n = min(LANES, width - x0)
            _hidden(planes, y, x0, w1, none, u, h, n)
            for c in range(3):
                line, row = dout[c, y + 1, x0 + 1 : x0 + 1 + n], d[c]
                for z in range(n):
                    row[z] = line[z]
            for z in range(n):
                d[3, z] = _ZERO
            if wanted:
                correlate(d, h, g2, n)
                total(d, gb2, n)
            d0, d1, d2 = d[0], d[1], d[2]
            for o in range(HIDDEN):
                row, own = dh[o], h[o]
                a, b, c = w2[0, o], w2[1, o], w2[2, o]
                for z in range(n):
                    e = a * d0[z] + b * d1[z] + c * d2[z]
                    row[z] = e if own[z] > _ZERO else _ZERO
            if wanted:
                correlate(dh, u, g1, n)
            affine(w1t, none, dh, du, n)
            for i in range(LEVELS):
                line, row = dplanes[i, y, x0 : x0 + n], du[i]
                for z in range(n):
                    line[z] = row[z]


@kernel
def edges(planes):  # type: ignore[no-untyped-def]
    """Fill the border, one wide, of padded planes (3, h + 2, w + 2) with their last values."""
    for c in range(planes.shape[0]):
        plane = planes[c]
        plane[:, 0] = plane[:, 1]
        plane[:, -1] = plane[:, -2]
        plane[0] = plane[1]
        plane[-1] = plane[-2]


@kernel
def edges_back(planes):  # type: ignore[no-untyped-def]
    """Add the border's gradients to those of the last values."""
    for c in range(planes.shape[0]):
        plane = planes[c]
        plane[1] += plane[0]
        plane[-2] += plane[-1]
        plane[:, 1] += plane[:, 0]
        plane[:, -2] += plane[:, -1]


@kernel
def convolve_rows(planes, first, last, weights, biases, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Rows of a residual 3 x 3 layer: (3, h + 2, w + 2) with edges, into the same without."""
    width = planes.shape[2] - 2
    for y in range(first, last):
        for o in range(3):
            line, own, bias = out[o, y + 1, 1:], planes[o, y + 1, 1:], biases[o]
            for x in range(width):
                line[x] = bias + own[x]
        p, q, r = out[0, y + 1, 1:], out[1, y + 1, 1:], out[2, y + 1, 1:]
        for i in range(3):
            for j in range(3):
                w, row = weights[:, i, j], planes[i, y + j]
                p0, p1, p2 = w[0, 0], w[0, 1], w[0, 2]
                q0, q1, q2 = w[1, 0], w[1, 1], w[1, 2]
                r0, r1, r2 = w[2, 0], w[2, 1], w[2, 2]
                for x in range(width):
                    a, b, c = row[x], row[x + 1], row[x + 2]
                    p[x] += p0 * a + p1 * b + p2 * c
                    q[x] += q0 * a + q1 * b + q2 * c
                    r[x] += r0 * a + r1 * b + r2 * c


@kernel
def convolve_rows_back(first, last, weights, dout, dplanes):  # type: ignore[no-untyped-def]
    """Gradients of `convolve_rows` by its planes: rows `first` to `last` are overwritten.

    `dout` (3, h + 4, w + 4) has two zeros on every side, so that all of the border is a sum, too.
    Rows of the gradient are numbered as those of the planes, from -1 to h; `first` is -1 or more.
    """
    width = dplanes.shape[2]
    for y in range(first, last):
        for i in range(3):
            line, own = dplanes[i, y + 1], dout[i, y + 2, 1:]
            for x in range(width):
                line[x] = own[x]
        p, q, r = dplanes[0, y + 1], dplanes[1, y + 1], dplanes[2, y + 1]
        for o in range(3):
            for j in range(3):
                w, row = weights[o, :, j], dout[o, y + 3 - j]
                p0, p1, p2 = w[0, 0], w[0, 1], w[0, 2]
                q0, q1, q2 = w[1, 0], w[1, 1], w[1, 2]
                r0, r1, r2 = w[2, 0], w[2, 1], w[2, 2]
                for x in range(width):
                    a, b, c = row[x], row[x + 1], row[x + 2]
                    p[x] += p0 * c + p1 * b + p2 * a
                    q[x] += q0 * c + q1 * b + q2 * a
                    r[x] += r0 * c + r1 * b + r2 * a


@kernel
def learn_convolution(planes, first, last, learn, dout, dweights, dbiases):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Add the gradients of a 3 x 3 layer's weights and biases, from those rows that it has.

    `learn`: from one row in so many (none for 0), from which.
    """
    if learn[0] == 0:
        return
    height, width = planes.shape[1] - 2, planes.shape[2] - 2
    first, last, every = max(first, 0), min(last, height), learn[0]
    first += (learn[1] - first) % every
    for o in range(3):
        t = _ZERO
        for y in range(first, last, every):
            row = dout[o, y + 2]
            for x in range(width):
                t += row[x + 2]
        dbiases[o] += t
        for i in range(3):
            for j in range(3):
                s0 = s1 = s2 = _ZERO
                for y in range(first, last, every):
                    row, line = dout[o, y + 2], planes[i, y + j]
                    for x in range(width):
                        e = row[x + 2]
                        s0 += e * line[x]
                        s1 += e * line[x + 1]
                        s2 += e * line[x + 2]
                dweights[o, i, j, 0] += s0
                dweights[o, i, j, 1] += s1
                dweights[o, i, j, 2] += s2


@kernel
def rectify_rows(planes, first, last):  # type: ignore[no-untyped-def]
    """max(v, 0) of rows of padded planes, in place."""
    for c in range(3):
        for y in range(first + 1, last + 1):
            row = planes[c, y]
            for x in range(1, len(row) - 1):
                row[x] = max(row[x], _ZERO)


@kernel
def error_rows(planes, target, first, last, gain, dout):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The squared error of padded planes against (3, h, w); `gain` times its gradient to `dout`."""
    width = target.shape[2]
    squared = 0.0
    for c in range(3):
        for y in range(first, last):
            row, wanted, line = planes[c, y + 1], target[c, y], dout[c, y + 2]
            s = _ZERO
            for x in range(width):
                e = row[x + 1] - wanted[x]
                s += e * e
                line[x + 2] = 2 * gain * e
            squared += float(s)
    return squared


@kernel
def gate_rows(dplanes, planes, first, last, dout):  # type: ignore[no-untyped-def]
    """Gradients (3, h + 2, w + 2) of what `rectify_rows` left positive, into (3, h + 4, w + 4)."""
    width = planes.shape[2] - 2
    for c in range(3):
        for y in range(first, last):
            d, row, line = dplanes[c, y + 1], planes[c, y + 1], dout[c, y + 2]
            for x in range(width):
                line[x + 2] = d[x + 1] if row[x + 1] > _ZERO else _ZERO
