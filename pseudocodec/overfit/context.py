"""The context net in fixed point, one with the coder: latents to symbols and back.

All numbers are integers held in float64, every sum of products below 2^53: exact, whatever the
order, as in `hyperprior.integer`. Inputs and features have FEATURE fractional bits, weights WEIGHT:

    c  = own neighbours and the coarser level, 0 outside the plane
    h1 = relu(W1 c + bias1[level]),  h2 = relu(W2 h1 + bias2 + h1)
    mean, log2 scale = W3 [h2, c] + bias3

each sum requantised by floor((sum + 2^11) / 2^12), features limited to MOST either side of zero.
Levels are coded from the coarsest to the finest, each by rows from the top.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy.ranges import advance, peek
from pseudocodec.overfit import laplace
from pseudocodec.overfit.design import (
    ABOVE,
    BESIDE,
    COARSER,
    CONTEXT,
    LEVELS,
    OWN,
    WIDTH,
    level_sizes,
)
from pseudocodec.overfit.laplace import MOST_MEAN, SCALE_ONE, SCALES

FEATURE, WEIGHT = 8, 12  # fractional bits
MOST = float(1 << 20)  # of a feature
_UNIT = float(1 << FEATURE)
_HALF, _DOWN = float(1 << (WEIGHT - 1)), 1.0 / (1 << WEIGHT)
_SIXTEENTH = _UNIT / 16
_MEAN_BITS = FEATURE - 6  # from a feature to a mean in 1/64
_SCALE_BITS = FEATURE - 3  # and to eighths of an octave
_OWN = np.array(OWN)
_COARSER = np.array(COARSER)
_N_OWN = len(OWN)
_PLANE = ABOVE + 1  # where the first row of a padded plane begins
_RIGHT = 3  # columns beyond a padded plane's end


class Net(NamedTuple):
    """The context net for the kernels: float64, matrices transposed to (in, out)."""

    first: NDArray[np.float64]
    first_bias: NDArray[np.float64]  # (LEVELS, WIDTH), FEATURE + WEIGHT fractional bits
    second: NDArray[np.float64]
    second_bias: NDArray[np.float64]
    last: NDArray[np.float64]  # (2, WIDTH + CONTEXT), not transposed
    last_bias: NDArray[np.float64]


class Tables(NamedTuple):
    """Integers that make distributions, see `laplace`."""

    powers: NDArray[np.int64]
    rates: NDArray[np.int64]


def net_of(nets: dict[str, NDArray[np.int64]]) -> Net:
    """From parameters with WEIGHT fractional bits, by name."""

    def weights(name: str) -> NDArray[np.float64]:
        return np.ascontiguousarray(nets[name].T.astype(np.float64))

    def biases(name: str) -> NDArray[np.float64]:
        return nets[name].astype(np.float64) * _UNIT

    return Net(
        weights("context.1"),
        biases("context.bias.1"),
        weights("context.2"),
        biases("context.bias.2"),
        nets["context.3"].astype(np.float64),
        biases("context.bias.3"),
    )


def code_latents(  # noqa: PLR0917 - as the kernels
    net: Net,
    tables: Tables,
    latents: list[NDArray[np.int32]],
    words: NDArray[np.uint32] | None,
    state: NDArray[np.uint64],
    starts: NDArray[np.uint32],
    sizes: NDArray[np.uint32],
) -> None:
    """Code all levels, the finest of them first in `latents`, each (h, w).

    Without `words` they are what is encoded; else they are decoded from there into `latents`, the
    coder being in `state`. Where in 2^24 each symbol begins and how wide it is goes to `starts` and
    `sizes`, in coding order.
    """
    decoding = words is not None
    given = np.zeros(0, np.uint32) if words is None else words
    at = 0
    coarser = np.zeros((0, 0), np.int32)
    for level in range(LEVELS - 1, -1, -1):
        plane = latents[level]
        to = at + plane.size
        args = (net, tables, level, plane, interpolated(coarser, plane.shape))
        _code_plane(*args, decoding, given, state, starts[at:to], sizes[at:to])
        at, coarser = to, plane


def blank(height: int, width: int) -> list[NDArray[np.int32]]:
    """Latents of a tile, all 0."""
    return [np.zeros(size, np.int32) for size in level_sizes(height, width)]


@numba.njit(cache=True)
def interpolated(coarser, size):  # type: ignore[no-untyped-def]
    """A level at the size of the next finer one and one row and column more, in sixteenths.

    Bilinear: 9/16 of the latent that a place belongs to, 3/16 of its neighbour on the place's side
    in the same column, 3/16 in the same row, 1/16 across. Beyond the border the last ones are
    repeated. 0 where there is no coarser level.
    """
    height, width = size
    out = np.zeros((height + 1, width + 1), np.int32)
    rows, columns = coarser.shape
    if rows == 0:
        return out
    for y in range(height + 1):
        p = min(y >> 1, rows - 1)
        q = min(max((y >> 1) + 2 * (y & 1) - 1, 0), rows - 1)
        for x in range(width + 1):
            r = min(x >> 1, columns - 1)
            s = min(max((x >> 1) + 2 * (x & 1) - 1, 0), columns - 1)
            near = 3 * coarser[p, r] + coarser[p, s]
            out[y, x] = 3 * near + 3 * coarser[q, r] + coarser[q, s]
    return out


@numba.njit(cache=True)
def _code_plane(  # type: ignore[no-untyped-def]  # noqa: PLR0917 - numba's kernels take arrays
    net, tables, level, plane, coarser, decoding, words, state, starts, sizes
):
    w1, w2, w3 = net.first, net.second, net.last
    b1, b2, b3 = net.first_bias[level], net.second_bias, net.last_bias
    powers, rates = tables.powers, tables.rates
    height, width = plane.shape
    rows = np.zeros((ABOVE + 1, width + 2 * BESIDE))  # the last rows, as features
    above = np.zeros((2, width + 1))
    context = np.zeros(CONTEXT)
    h1, h2, out = np.zeros(WIDTH), np.zeros(WIDTH), np.zeros(2)
    _distribution(w1, b1, w2, b2, w3, b3, context, h1, h2, out)
    empty_mean, empty_scale = out[0], out[1]  # of a context of zeros, which is the most frequent
    at = 0
    for y in range(height):
        for x in range(width + 1):
            above[0, x] = coarser[y, x] * _SIXTEENTH
            above[1, x] = coarser[y + 1, x] * _SIXTEENTH
        for x in range(width):
            anything = 0.0
            for i in range(_N_OWN):
                context[i] = rows[ABOVE + _OWN[i, 0], x + BESIDE + _OWN[i, 1]]
                anything += abs(context[i])
            for i in range(CONTEXT - _N_OWN):
                context[_N_OWN + i] = above[_COARSER[i, 0], x + _COARSER[i, 1]]
                anything += abs(context[_N_OWN + i])
            if anything == 0.0:
                out[0], out[1] = empty_mean, empty_scale
            else:
                _distribution(w1, b1, w2, b2, w3, b3, context, h1, h2, out)
            mean = np.int64(out[0])
            rate = rates[np.int64(out[1])]
            if decoding:
                v = laplace.found(peek(state), mean, rate, powers)
                plane[y, x] = v
            else:
                v = np.int64(plane[y, x])
            start = laplace.below(v, mean, rate, powers)
            size = laplace.below(v + 1, mean, rate, powers) - start
            starts[at], sizes[at] = start, size
            at += 1
            if decoding:
                advance(words, state, start, size)
            rows[ABOVE, x + BESIDE] = v * _UNIT
        for i in range(ABOVE):
            rows[i] = rows[i + 1]
        rows[ABOVE] = 0.0


@numba.njit(cache=True, fastmath={"contract", "nsz", "nnan"})
def _distribution(w1, b1, w2, b2, w3, b3, context, h1, h2, out):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """The mean in 1/64 and the scale's number that a context gives, into `out`."""
    for o in range(WIDTH):
        h1[o] = b1[o]
    for i in range(CONTEXT):
        c = context[i]
        for o in range(WIDTH):
            h1[o] += w1[i, o] * c
    for o in range(WIDTH):
        h1[o] = min(max(np.floor((h1[o] + _HALF) * _DOWN), 0.0), MOST)
        h2[o] = b2[o] + h1[o] * (2.0 * _HALF)
    for i in range(WIDTH):
        c = h1[i]
        for o in range(WIDTH):
            h2[o] += w2[i, o] * c
    mean, scale = b3[0], b3[1]
    for i in range(WIDTH):
        c = min(max(np.floor((h2[i] + _HALF) * _DOWN), 0.0), MOST)
        mean += w3[0, i] * c
        scale += w3[1, i] * c
    for i in range(CONTEXT):
        mean += w3[0, WIDTH + i] * context[i]
        scale += w3[1, WIDTH + i] * context[i]
    mean = np.floor((mean + _HALF) * _DOWN)
    scale = np.floor((scale + _HALF) * _DOWN)
    out[0] = min(max(np.floor((mean + 2.0) * 0.25), -float(MOST_MEAN)), float(MOST_MEAN))
    scale = np.floor((scale + 16.0) / 32.0) + SCALE_ONE
    out[1] = min(max(scale, 0.0), SCALES - 1.0)


@numba.njit(cache=True)
def code_values(tables, values, scale, decoding, words, state, starts, sizes):  # type: ignore[no-untyped-def]  # noqa: PLR0917
    """Code `values` (n,) of mean 0 and one scale, as `code_latents` codes latents."""
    rate = tables.rates[scale]
    for i in range(len(values)):
        if decoding:
            values[i] = laplace.found(peek(state), 0, rate, tables.powers)
        v = np.int64(values[i])
        start = laplace.below(v, 0, rate, tables.powers)
        size = laplace.below(v + 1, 0, rate, tables.powers) - start
        starts[i], sizes[i] = start, size
        if decoding:
            advance(words, state, start, size)
