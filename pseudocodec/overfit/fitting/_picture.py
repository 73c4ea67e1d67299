"""Planes of latents to colours and back to gradients: what `synthesis` does, in float32.

Beyond the border a plane's last values are repeated, and their gradients go back to these.
"""

from __future__ import annotations

import numpy as np

from pseudocodec.overfit.design import HIDDEN, LEVELS
from pseudocodec.overfit.fitting._lanes import LANES, affine, correlate, kernel, total, wide_vectors

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
    wide_vectors()
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
    wide_vectors()
    w1, w2, b2, _ = weights
    u = work[2]
    width = planes.shape[2]
    for y in range(rows[0], rows[1]):
        for x0 in range(0, width, LANES):
            n = min(LANES, width - x0)
            _take(planes, y, x0, u, n)
            at = slice(x0 + 1, x0 + 1 + n)
            _mix(w1, w2, b2, u, out[0, y + 1, at], out[1, y + 1, at], out[2, y + 1, at], n)


@kernel
def _take(planes, y, x0, u, n):  # type: ignore[no-untyped-def]
    """The first layer's inputs: n places of a row of each plane."""
    wide_vectors()
    for i in range(LEVELS):
        line, row = planes[i, y, x0 : x0 + n], u[i]
        for z in range(n):
            row[z] = line[z]


@kernel
def _mix(w1, w2, b2, u, p, q, r, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Both layers at once, two hidden features at a time, which are never written anywhere."""
    wide_vectors()
    u0, u1, u2, u3, u4, u5, u6 = u[0], u[1], u[2], u[3], u[4], u[5], u[6]
    bp, bq, br = b2[0], b2[1], b2[2]
    for z in range(n):
        p[z] = bp
        q[z] = bq
        r[z] = br
    for o in range(0, HIDDEN, 2):
        s, t = w1[o], w1[o + 1]
        s0, s1, s2, s3, s4, s5, s6, bs = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
        t0, t1, t2, t3, t4, t5, t6, bt = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
        ps, qs, rs = w2[0, o], w2[1, o], w2[2, o]
        pt, qt, rt = w2[0, o + 1], w2[1, o + 1], w2[2, o + 1]
        for z in range(n):
            a, b, c, d, e, f, g = u0[z], u1[z], u2[z], u3[z], u4[z], u5[z], u6[z]
            h = bs + s0 * a + s1 * b + s2 * c + s3 * d + s4 * e + s5 * f + s6 * g
            k = bt + t0 * a + t1 * b + t2 * c + t3 * d + t4 * e + t5 * f + t6 * g
            h, k = max(h, _ZERO), max(k, _ZERO)
            p[z] += ps * h + pt * k
            q[z] += qs * h + qt * k
            r[z] += rs * h + rt * k


@kernel
def _mix_back(w1, w2, u, d, du, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Gradients of `_mix` by its inputs, from those of colours, `d`; features are found again."""
    wide_vectors()
    u0, u1, u2, u3, u4, u5, u6 = u[0], u[1], u[2], u[3], u[4], u[5], u[6]
    v0, v1, v2, v3, v4, v5, v6 = du[0], du[1], du[2], du[3], du[4], du[5], du[6]
    p, q, r = d[0], d[1], d[2]
    for i in range(LEVELS):
        row = du[i]
        for z in range(n):
            row[z] = _ZERO
    for o in range(0, HIDDEN, 2):
        s, t = w1[o], w1[o + 1]
        s0, s1, s2, s3, s4, s5, s6, bs = s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
        t0, t1, t2, t3, t4, t5, t6, bt = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
        ps, qs, rs = w2[0, o], w2[1, o], w2[2, o]
        pt, qt, rt = w2[0, o + 1], w2[1, o + 1], w2[2, o + 1]
        for z in range(n):
            a, b, c, d, e, f, g = u0[z], u1[z], u2[z], u3[z], u4[z], u5[z], u6[z]
            h = bs + s0 * a + s1 * b + s2 * c + s3 * d + s4 * e + s5 * f + s6 * g
            k = bt + t0 * a + t1 * b + t2 * c + t3 * d + t4 * e + t5 * f + t6 * g
            x, y, w = p[z], q[z], r[z]
            m = ps * x + qs * y + rs * w if h > _ZERO else _ZERO
            j = pt * x + qt * y + rt * w if k > _ZERO else _ZERO
            v0[z] += s0 * m + t0 * j
            v1[z] += s1 * m + t1 * j
            v2[z] += s2 * m + t2 * j
            v3[z] += s3 * m + t3 * j
            v4[z] += s4 * m + t4 * j
            v5[z] += s5 * m + t5 * j
            v6[z] += s6 * m + t6 * j


@kernel
def mix_rows_back(planes, rows, weights, dout, dplanes, gradients, learn, work):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Gradients of `mix_rows` for dout (3, h + 2, w + 2): `dplanes` overwritten, others added to.

    `gradients` are of w1, w2 and b2, from one row in learn[0] (none for 0), from learn[1] on. The
    hidden features are computed again: to read them from memory would take longer.
    """
    wide_vectors()
    w1, w2, _, _ = weights
    _, _, u, du, d, _ = work
    width = planes.shape[2]
    for y in range(rows[0], rows[1]):
        wanted = learn[0] > 0 and y % max(learn[0], 1) == learn[1]
        for x0 in range(0, width, LANES):
            n = min(LANES, width - x0)
            _take(planes, y, x0, u, n)
            for c in range(3):
                line, row = dout[c, y + 1, x0 + 1 : x0 + 1 + n], d[c]
                for z in range(n):
                    row[z] = line[z]
            if wanted:
                _mix_learn(w1, w2, gradients, work, n)
            _mix_back(w1, w2, u, d, du, n)
            for i in range(LEVELS):
                line, row = dplanes[i, y, x0 : x0 + n], du[i]
                for z in range(n):
                    line[z] = row[z]


@kernel
def _mix_learn(w1, w2, gradients, work, n):  # type: ignore[no-untyped-def]
    """Add the gradients of the weights and biases."""
    wide_vectors()
    g1, g2, gb2 = gradients
    h, dh, u, _, d, _ = work
    none = np.zeros(HIDDEN, np.float32)
    d0, d1, d2, d3, ones = d[0], d[1], d[2], d[3], u[LEVELS]
    for z in range(n):
        ones[z] = _ONE
        d3[z] = _ZERO
    affine(w1, none, u, h, n)
    for o in range(HIDDEN):
        row, own = dh[o], h[o]
        a, b, c = w2[0, o], w2[1, o], w2[2, o]
        for z in range(n):
            own[z] = max(own[z], _ZERO)
            e = a * d0[z] + b * d1[z] + c * d2[z]
            row[z] = e if own[z] > _ZERO else _ZERO
    correlate(d, h, g2, n)
    total(d, gb2, n)
    correlate(dh, u, g1, n)


@kernel
def edges(planes):  # type: ignore[no-untyped-def]
    """Fill the border, one wide, of padded planes (3, h + 2, w + 2) with their last values."""
    wide_vectors()
    for c in range(planes.shape[0]):
        plane = planes[c]
        plane[:, 0] = plane[:, 1]
        plane[:, -1] = plane[:, -2]
        plane[0] = plane[1]
        plane[-1] = plane[-2]


@kernel
def edges_back(planes):  # type: ignore[no-untyped-def]
    """Add the border's gradients to those of the last values."""
    wide_vectors()
    for c in range(planes.shape[0]):
        plane = planes[c]
        plane[1] += plane[0]
        plane[-2] += plane[-1]
        plane[:, 1] += plane[:, 0]
        plane[:, -2] += plane[:, -1]


@kernel
def convolve_rows(planes, first, last, weights, biases, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Rows of a residual 3 x 3 layer: (3, h + 2, w + 2) with edges, into the same without."""
    wide_vectors()
    width = planes.shape[2] - 2
    for y in range(first, last):
        for o in range(3):
            line, own, bias = out[o, y + 1, 1:], planes[o, y + 1, 1:], biases[o]
            for x in range(width):
                line[x] = bias + own[x]
        p, q, r = out[0, y + 1, 1:], out[1, y + 1, 1:], out[2, y + 1, 1:]
        for i in range(3):
            above, row, below = planes[i, y], planes[i, y + 1], planes[i, y + 2]
            _convolve(weights[0, i], above, row, below, p, width)
            _convolve(weights[1, i], above, row, below, q, width)
            _convolve(weights[2, i], above, row, below, r, width)


@kernel
def _convolve(w, above, row, below, out, n):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Add a 3 x 3 kernel's share of n values: rows of n + 2 values, one beyond either end."""
    wide_vectors()
    a0, a1, a2 = w[0, 0], w[0, 1], w[0, 2]
    r0, r1, r2 = w[1, 0], w[1, 1], w[1, 2]
    b0, b1, b2 = w[2, 0], w[2, 1], w[2, 2]
    for x in range(n):
        s = a0 * above[x] + a1 * above[x + 1] + a2 * above[x + 2]
        s += r0 * row[x] + r1 * row[x + 1] + r2 * row[x + 2]
        s += b0 * below[x] + b1 * below[x + 1] + b2 * below[x + 2]
        out[x] += s


@kernel
def convolve_rows_back(first, last, weights, dout, dplanes):  # type: ignore[no-untyped-def]
    """Gradients of `convolve_rows` by its planes: rows `first` to `last` are overwritten.

    `dout` (3, h + 4, w + 4) has two zeros on every side, so that all of the border is a sum, too.
    Rows of the gradient are numbered as those of the planes, from -1 to h; `first` is -1 or more.
    """
    wide_vectors()
    width = dplanes.shape[2]
    for y in range(first, last):
        for i in range(3):
            line, own = dplanes[i, y + 1], dout[i, y + 2, 1:]
            for x in range(width):
                line[x] = own[x]
        p, q, r = dplanes[0, y + 1], dplanes[1, y + 1], dplanes[2, y + 1]
        for o in range(3):
            above, row, below = dout[o, y + 1], dout[o, y + 2], dout[o, y + 3]
            _convolve(weights[o, 0, ::-1, ::-1], above, row, below, p, width)
            _convolve(weights[o, 1, ::-1, ::-1], above, row, below, q, width)
            _convolve(weights[o, 2, ::-1, ::-1], above, row, below, r, width)


@kernel
def learn_convolution(planes, first, last, learn, dout, dweights, dbiases):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Add the gradients of a 3 x 3 layer's weights and biases, from those rows that it has.

    `learn`: from one row in so many (none for 0), from which.
    """
    wide_vectors()
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
    wide_vectors()
    for c in range(3):
        for y in range(first + 1, last + 1):
            row = planes[c, y]
            for x in range(1, len(row) - 1):
                row[x] = max(row[x], _ZERO)


@kernel
def error_rows(planes, target, first, last, gain, dout):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The squared error of padded planes against (3, h, w); `gain` times its gradient to `dout`."""
    wide_vectors()
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
    wide_vectors()
    width = planes.shape[2] - 2
    for c in range(3):
        for y in range(first, last):
            d, row, line = dplanes[c, y + 1], planes[c, y + 1], dout[c, y + 2]
            for x in range(width):
                line[x + 2] = d[x + 1] if row[x + 1] > _ZERO else _ZERO
