"""Small dense layers over lanes: (channels, n) arrays of float32, n neighbouring pixels at a time.

A layer of 16 x 16 is too small for a matrix library, which would stream features of all pixels
through memory layer by layer. Here a few hundred pixels stay in the first cache from the latents to
the gradients. Inputs are taken four and outputs two at a time, so that loads do not bound the
multiplications.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.extending import intrinsic

LANES = 256
_FAST = {"reassoc", "contract", "nsz", "nnan", "ninf", "arcp"}

# By numba's other error model a division raises, and a loop that may raise is no loop of vectors.
kernel: Any = numba.njit(cache=True, nogil=True, fastmath=_FAST, error_model="numpy")


def _wide_vectors(_: Any) -> Any:
    """In a kernel: vectors of 512 bits for its loops, where the processor has them.

    LLVM holds on to 256 for most such processors, whose clock may slow down; loops of nothing but
    multiplications gain more than that costs.
    """

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        attributes = builder.function.attributes
        set.add(attributes, '"prefer-vector-width"="512"')  # its own `add` knows no such text
        return context.get_dummy_value()

    return numba.types.void(), generate


wide_vectors: Any = intrinsic(_wide_vectors)

_ZERO, _ONE = np.float32(0), np.float32(1)
_THIRTYSECOND, _CENTRE, _LN2 = np.float32(1 / 32), np.float32(0.625), np.float32(0.6931471805599453)
_BASE = np.float32(2.0**-0.625)
_C2, _C3, _C4 = np.float32(1 / 2), np.float32(1 / 6), np.float32(1 / 24)
_C5, _C6 = np.float32(1 / 120), np.float32(1 / 720)
_LOWEST = np.float32(-40)


@numba.njit(inline="always", fastmath=_FAST)  # a call would keep loops from being vectorised
def power_of_two(x):  # type: ignore[no-untyped-def]
    """2^x for x <= 0, at least 2^-40: a polynomial to the 32nd, which compilers vectorise."""
    t = (max(x, _LOWEST) * _THIRTYSECOND + _CENTRE) * _LN2
    p = _ONE + t * (_ONE + t * (_C2 + t * (_C3 + t * (_C4 + t * (_C5 + t * _C6)))))
    p *= _BASE
    p *= p
    p *= p
    p *= p
    p *= p
    return p * p


@kernel
def affine(w, b, x, out, n):  # type: ignore[no-untyped-def]
    """out = w x + b: w (o, i) with i a multiple of 4 and o of 2, b (o,), x (i, lanes)."""
    wide_vectors()
    for o in range(0, w.shape[0], 2):
        p, q = out[o], out[o + 1]
        bp, bq = b[o], b[o + 1]
        x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
        p0, p1, p2, p3 = w[o, 0], w[o, 1], w[o, 2], w[o, 3]
        q0, q1, q2, q3 = w[o + 1, 0], w[o + 1, 1], w[o + 1, 2], w[o + 1, 3]
        for z in range(n):
            a0, a1, a2, a3 = x0[z], x1[z], x2[z], x3[z]
            p[z] = bp + p0 * a0 + p1 * a1 + p2 * a2 + p3 * a3
            q[z] = bq + q0 * a0 + q1 * a1 + q2 * a2 + q3 * a3
        for i in range(4, w.shape[1], 4):
            x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
            p0, p1, p2, p3 = w[o, i], w[o, i + 1], w[o, i + 2], w[o, i + 3]
            q0, q1, q2, q3 = w[o + 1, i], w[o + 1, i + 1], w[o + 1, i + 2], w[o + 1, i + 3]
            for z in range(n):
                a0, a1, a2, a3 = x0[z], x1[z], x2[z], x3[z]
                p[z] += p0 * a0 + p1 * a1 + p2 * a2 + p3 * a3
                q[z] += q0 * a0 + q1 * a1 + q2 * a2 + q3 * a3


@kernel
def correlate(d, x, dw, n):  # type: ignore[no-untyped-def]
    """dw += d x^T over the lanes: d (o, lanes), x (i, lanes), sizes as of `affine`."""
    wide_vectors()
    for o in range(0, dw.shape[0], 2):
        d0, d1 = d[o], d[o + 1]
        for i in range(0, dw.shape[1], 4):
            x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
            s0 = s1 = s2 = s3 = _ZERO
            t0 = t1 = t2 = t3 = _ZERO
            for z in range(n):
                e, f = d0[z], d1[z]
                a0, a1, a2, a3 = x0[z], x1[z], x2[z], x3[z]
                s0 += e * a0
                s1 += e * a1
                s2 += e * a2
                s3 += e * a3
                t0 += f * a0
                t1 += f * a1
                t2 += f * a2
                t3 += f * a3
            dw[o, i] += s0
            dw[o, i + 1] += s1
            dw[o, i + 2] += s2
            dw[o, i + 3] += s3
            dw[o + 1, i] += t0
            dw[o + 1, i + 1] += t1
            dw[o + 1, i + 2] += t2
            dw[o + 1, i + 3] += t3


@kernel
def total(d, out, n):  # type: ignore[no-untyped-def]
    """out += the sum over the lanes of each row of d."""
    wide_vectors()
    for o in range(len(out)):
        row = d[o]
        s = _ZERO
        for z in range(n):
            s += row[z]
        out[o] += s
