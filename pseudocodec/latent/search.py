"""Search every window of an LCG's orbits for the one that best explains a target.

All sequences of one generator are windows of its orbits, so scoring every seed against a target is
a sliding correlation over the orbit: memory grows with the modulus m, not with m times the length.
For a residual r, component scales S and a window u the reconstruction +-S u leaves

    |r - (+-S u)|^2 = |r|^2 - (2 |<S r, u>| - sum_i S_i^2 u_i^2),

so the search maximises the bracket, 2 |correlation| - energy. The energy is one vector of m values
a stage, shared by all targets, and is itself a sliding correlation: of u^2 with S^2.

The line of all orbits is cut into LANES equal runs that stand side by side, as the columns of a
matrix read row by row: position q LANES + l is the window that starts at value q of run l, and its
next value stands LANES further on. So neighbouring positions are summed by one vector instruction
from aligned memory, and the same values serve the windows of the next rows: 32 multiply-adds read
11 vectors, at one target as at many.

A result depends neither on the number of threads nor on the other targets of the batch: every
score is one chain of multiply-adds from the first value to the last, and equal scores go to the
earlier position.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

LANES = 16  # runs side by side: two vectors of 8, one cache line
ROWS = 8  # rows of windows and
TAPS = 4  # values of each that one step takes in: 8 sums, 11 values and 4 taps in registers
BLOCK = 1024  # positions a block: with 100 values a window it takes 15 KiB of first-level cache
CHUNKS = 32  # parallel tasks, and candidates a search offers
EXCLUDED = np.float32(1e30)  # energy of a position that must not be chosen

# contract: multiply-add in one instruction; nnan and nsz let the maximum be taken in vectors.
# No reassociation: the order of a sum is part of the result.
_MATH = {"contract", "nnan", "nsz"}


def run_length(count: int) -> int:
    """Windows of each run when there are `count` in all: whole blocks of positions."""
    return -(-count // BLOCK) * (BLOCK // LANES)


def lay_out(line: NDArray[np.floating], longest: int) -> NDArray[np.float32]:
    """Values (n,), in which windows of up to `longest` start at 0..n - longest, for the search.

    Each run is followed by the values that its last windows need; zeros stand behind the line.
    """
    run, spare = run_length(len(line) - longest + 1), -(-longest // TAPS) * TAPS - 1
    padded = np.zeros(LANES * run + spare, np.float32)
    padded[: len(line)] = line
    return np.stack([padded[k * run :][: run + spare] for k in range(LANES)], axis=1).ravel()


def by_position(entries: NDArray[Any], fill: object) -> NDArray[Any]:
    """Entries of the windows along the line (count,), by position; `fill` where none starts."""
    run = run_length(len(entries))
    padded = np.full(LANES * run, fill, entries.dtype)
    padded[: len(entries)] = entries
    return padded.reshape(LANES, run).T.ravel()


def windows_at(
    values: NDArray[np.float32], positions: NDArray[np.int64], length: int
) -> NDArray[np.float32]:
    """Windows (..., length) at `positions` (...) of values from `lay_out`."""
    out: NDArray[np.float32] = values[positions[..., None] + LANES * np.arange(length)]
    return out


def correlate(
    values: NDArray[np.float32], taps: NDArray[np.float32], positions: int
) -> NDArray[np.float32]:
    """Sliding correlation of laid out `values` with `taps` (d,) at positions 0..`positions` - 1.

    `positions` is a multiple of BLOCK, as `by_position` returns them.
    """
    out: NDArray[np.float32] = _correlate(values, _whole_taps(taps[None])[0], positions)
    return out


def chunk_winners(
    values: NDArray[np.float32], energy: NDArray[np.float32], targets: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best position in each chunk, for each target (B, d): positions int64 and gains (B, chunks).

    `values` come from `lay_out`; `energy` belongs to the positions, a multiple of BLOCK of them,
    and is EXCLUDED where no window may start. The gain is 2 |correlation| - energy. There are
    CHUNKS chunks of whole blocks, or as many as there are blocks, whatever the number of threads,
    so the winners are fixed too. Memory: 8 bytes a position + 4 KiB a thread + 12 a target and
    chunk.
    """
    bounds = chunk_bounds(len(energy))
    gains, positions = _best(values, energy, _whole_taps(targets), bounds)
    return positions, gains


def best_windows(
    values: NDArray[np.float32], energy: NDArray[np.float32], targets: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best position for each target (B, d): positions int64 (B,) and gains; see `chunk_winners`."""
    return overall(*chunk_winners(values, energy, targets))


def overall(
    positions: NDArray[np.int64], gains: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The best position and gain (B,) of those of all chunks (B, chunks)."""
    chunk = np.argmax(gains, axis=1)[:, None]  # the first of equals: the earlier position
    return (
        np.take_along_axis(positions, chunk, 1)[:, 0],
        np.take_along_axis(gains, chunk, 1)[:, 0],
    )


def chunk_bounds(positions: int) -> NDArray[np.int64]:
    """Where chunks begin, and the end of the last: chunk k has positions bounds[k:k + 2]."""
    blocks = positions // BLOCK
    chunks = min(CHUNKS, blocks)
    return np.arange(chunks + 1) * blocks // chunks * BLOCK


def gains_at(
    values: NDArray[np.float32],
    energy: NDArray[np.float32],
    targets: NDArray[np.float32],
    rows: NDArray[np.int64],
    positions: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Gains (n,) of targets[rows] at `positions`, (n,) each: bit for bit those of the search."""
    out: NDArray[np.float32] = _gains_at(values, energy, targets, rows, positions)
    return out


def _whole_taps(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Targets (B, d) with zeros up to a whole number of steps."""
    rows, taps = targets.shape
    out = np.zeros((rows, -(-taps // TAPS) * TAPS), np.float32)
    out[:, :taps] = targets
    return out


@numba.njit(fastmath=_MATH, cache=True)
def _accumulate(x, start, c, a):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Correlations of the taps `c` with the BLOCK windows from `start`, into `a`."""
    L = LANES
    a[:] = 0
    for i in range(0, len(c), TAPS):
        c0, c1, c2, c3 = c[i], c[i + 1], c[i + 2], c[i + 3]
        for j in range(0, BLOCK, ROWS * L):
            first = start + j + i * L
            w = x[first : first + (ROWS + TAPS - 1) * L]
            b = a[j : j + ROWS * L]
            for k in range(L):
                x0, x1, x2, x3 = w[k], w[k + L], w[k + 2 * L], w[k + 3 * L]
                x4, x5, x6, x7 = w[k + 4 * L], w[k + 5 * L], w[k + 6 * L], w[k + 7 * L]
                x8, x9, x10 = w[k + 8 * L], w[k + 9 * L], w[k + 10 * L]
                b[k] = (((b[k] + c0 * x0) + c1 * x1) + c2 * x2) + c3 * x3
                b[k + L] = (((b[k + L] + c0 * x1) + c1 * x2) + c2 * x3) + c3 * x4
                b[k + 2 * L] = (((b[k + 2 * L] + c0 * x2) + c1 * x3) + c2 * x4) + c3 * x5
                b[k + 3 * L] = (((b[k + 3 * L] + c0 * x3) + c1 * x4) + c2 * x5) + c3 * x6
                b[k + 4 * L] = (((b[k + 4 * L] + c0 * x4) + c1 * x5) + c2 * x6) + c3 * x7
                b[k + 5 * L] = (((b[k + 5 * L] + c0 * x5) + c1 * x6) + c2 * x7) + c3 * x8
                b[k + 6 * L] = (((b[k + 6 * L] + c0 * x6) + c1 * x7) + c2 * x8) + c3 * x9
                b[k + 7 * L] = (((b[k + 7 * L] + c0 * x7) + c1 * x8) + c2 * x9) + c3 * x10


@numba.njit(fastmath=_MATH, cache=True)
def _peak(a, energy, top):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Turn correlations into gains in place; the largest gain of the block.

    Folded, because a running maximum waits for the one before. `top` has room for BLOCK // 4.
    """
    for j in range(BLOCK):
        a[j] = np.float32(2) * abs(a[j]) - energy[j]
    quarter, sixteenth = BLOCK // 4, BLOCK // 16
    for j in range(quarter):
        left, right = max(a[j], a[j + quarter]), max(a[j + 2 * quarter], a[j + 3 * quarter])
        top[j] = max(left, right)
    best = top[0]
    for j in range(sixteenth):
        left = max(top[j], top[j + sixteenth])
        right = max(top[j + 2 * sixteenth], top[j + 3 * sixteenth])
        best = max(best, left, right)
    return best


@numba.njit(cache=True)
def _find(a, value):  # type: ignore[no-untyped-def]  # pragma: no cover
    for j in range(BLOCK):
        if a[j] == value:
            return j
    return 0


@numba.njit(parallel=True, cache=True)
def _best(x, energy, targets, bounds):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Best gain and position of every target in every chunk: (targets, chunks) each."""
    count, chunks = len(targets), len(bounds) - 1
    gains = np.full((count, chunks), np.float32(-3e38))
    positions = np.zeros((count, chunks), np.int64)
    for chunk in numba.prange(chunks):
        a, top = np.empty(BLOCK, np.float32), np.empty(BLOCK // 4, np.float32)
        for start in range(bounds[chunk], bounds[chunk + 1], BLOCK):
            for t in range(count):
                _accumulate(x, start, targets[t], a)
                peak = _peak(a, energy[start : start + BLOCK], top)
                if peak > gains[t, chunk]:
                    gains[t, chunk] = peak
                    positions[t, chunk] = start + _find(a, peak)
    return gains, positions


@numba.njit(parallel=True, cache=True)
def _correlate(x, taps, length):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.empty(length, np.float32)
    for block in numba.prange(length // BLOCK):
        start = block * BLOCK
        _accumulate(x, start, taps, out[start : start + BLOCK])
    return out


@numba.njit(fastmath=_MATH, cache=True)
def _gains_at(x, energy, targets, rows, positions):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.empty(len(rows), np.float32)
    for k in range(len(rows)):
        target, position = targets[rows[k]], positions[k]
        total = np.float32(0)
        for i in range(len(target)):
            total += target[i] * x[position + i * LANES]
        out[k] = np.float32(2) * abs(total) - energy[position]
    return out
