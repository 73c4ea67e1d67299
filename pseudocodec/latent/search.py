"""Search every window of an LCG's orbits for the one that best explains a target.

All sequences of one generator are windows of its orbits, so scoring every seed against a target is
a sliding correlation over the orbit: memory grows with the modulus m, not with m times the length.
For a residual r, component scales S and a window u the reconstruction +-S u leaves

    |r - (+-S u)|^2 = |r|^2 - (2 |<S r, u>| - sum_i S_i^2 u_i^2),

so the search maximises the bracket, 2 |correlation| - energy. The energy is one vector of m values
a stage, shared by all targets, and is itself a sliding correlation: of u^2 with S^2.

A result depends neither on the number of threads nor on the other targets of the batch: every
score is summed in one fixed order, and equal scores go to the earlier position.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

TARGETS = 4  # targets a pass: 4 targets x 4 taps keep 16 coefficients and 8 vectors in registers
TAPS = 4
BLOCK = 1024  # positions a block: the accumulators of a pass (16 KiB) fit the first-level cache
CHUNKS = 32  # parallel tasks, and candidates a search offers
EXCLUDED = np.float32(1e30)  # energy of a position that must not be chosen

# contract: multiply-add in one instruction; nnan and nsz let the maximum be taken in vectors.
# No reassociation: the order of a sum is part of the result.
_MATH = {"contract", "nnan", "nsz"}


def padded_length(length: int) -> int:
    """Positions up to the next whole block."""
    return -(-length // BLOCK) * BLOCK


def pad_windows(values: NDArray[np.floating], longest: int) -> NDArray[np.float32]:
    """Values (L,) as float32 with zeros behind, so that a block at the end may read past it.

    `longest` is the longest window that will be searched.
    """
    out = np.zeros(padded_length(len(values)) + -(-longest // TAPS) * TAPS + TAPS, np.float32)
    out[: len(values)] = values
    return out


def correlate(
    values: NDArray[np.float32], taps: NDArray[np.float32], positions: int
) -> NDArray[np.float32]:
    """Sliding correlation of padded `values` with `taps` (d,) at positions 0..`positions` - 1."""
    rows = _rows(taps[None])
    out: NDArray[np.float32] = _correlate(values, rows, padded_length(positions))
    return out[:positions]


def chunk_winners(
    values: NDArray[np.float32], energy: NDArray[np.float32], targets: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best position in each chunk, for each target (B, d): positions int64 and gains (B, chunks).

    `values` come from `pad_windows`; `energy` (P,) belongs to position 0..P-1 and is EXCLUDED where
    no window may start. The gain is 2 |correlation| - energy. The positions are cut into about
    CHUNKS chunks of whole blocks, whatever the number of threads, so the winners are fixed too.
    Memory: 4 bytes a position (values) + 8 (energy) + 16 KiB a thread + 12 a target and chunk.
    """
    padded = np.full(padded_length(len(energy)), EXCLUDED, np.float32)
    padded[: len(energy)] = energy
    chunk = -(-len(padded) // (BLOCK * CHUNKS)) * BLOCK
    gains, positions = _best(values, padded, _rows(targets), chunk)
    count = len(targets)
    return positions[:, :count].T, gains[:, :count].T


def best_windows(
    values: NDArray[np.float32], energy: NDArray[np.float32], targets: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Best position for each target (B, d): positions int64 (B,) and gains; see `chunk_winners`."""
    positions, gains = chunk_winners(values, energy, targets)
    chunk = np.argmax(gains, axis=1)[:, None]  # the first of equals: the earlier position
    return (
        np.take_along_axis(positions, chunk, 1)[:, 0],
        np.take_along_axis(gains, chunk, 1)[:, 0],
    )


def _rows(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Targets padded with zeros to whole passes: rows to TARGETS, taps to TAPS."""
    rows, taps = targets.shape
    out = np.zeros((-(-rows // TARGETS) * TARGETS, -(-taps // TAPS) * TAPS), np.float32)
    out[:rows, :taps] = targets
    return out


@numba.njit(fastmath=_MATH, cache=True)
def _accumulate(x, start, c, a):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Correlations of four targets' taps `c` with the BLOCK windows from `start`, into `a`."""
    a[:] = 0
    a0, a1, a2, a3 = a[0], a[1], a[2], a[3]
    for i in range(0, c.shape[1], TAPS):
        c00, c01, c02, c03 = c[0, i], c[0, i + 1], c[0, i + 2], c[0, i + 3]
        c10, c11, c12, c13 = c[1, i], c[1, i + 1], c[1, i + 2], c[1, i + 3]
        c20, c21, c22, c23 = c[2, i], c[2, i + 1], c[2, i + 2], c[2, i + 3]
        c30, c31, c32, c33 = c[3, i], c[3, i + 1], c[3, i + 2], c[3, i + 3]
        w = x[start + i : start + i + BLOCK + TAPS]
        for j in range(BLOCK):
            x0, x1, x2, x3 = w[j], w[j + 1], w[j + 2], w[j + 3]
            a0[j] += c00 * x0 + c01 * x1 + c02 * x2 + c03 * x3
            a1[j] += c10 * x0 + c11 * x1 + c12 * x2 + c13 * x3
            a2[j] += c20 * x0 + c21 * x1 + c22 * x2 + c23 * x3
            a3[j] += c30 * x0 + c31 * x1 + c32 * x2 + c33 * x3


@numba.njit(fastmath=_MATH, cache=True)
def _peak(a, energy, start):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Turn correlations into gains in place; the largest gain of the block."""
    best = np.float32(-3e38)
    for j in range(BLOCK):
        gain = np.float32(2) * abs(a[j]) - energy[start + j]
        a[j] = gain
        best = max(best, gain)
    return best


@numba.njit(cache=True)
def _find(a, value):  # type: ignore[no-untyped-def]  # pragma: no cover
    for j in range(BLOCK):
        if a[j] == value:
            return j
    return 0


@numba.njit(parallel=True, cache=True)
def _best(x, energy, targets, chunk_length):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Best gain and position of every target in every chunk: (chunks, targets) each."""
    length = len(energy)
    chunks = (length + chunk_length - 1) // chunk_length
    count = targets.shape[0]
    gains = np.full((chunks, count), np.float32(-3e38))
    positions = np.zeros((chunks, count), np.int64)
    for chunk in numba.prange(chunks):
        first = chunk * chunk_length
        a = np.empty((TARGETS, BLOCK), np.float32)
        for start in range(first, min(length, first + chunk_length), BLOCK):
            for t in range(0, count, TARGETS):
                _accumulate(x, start, targets[t : t + TARGETS], a)
                for q in range(TARGETS):
                    peak = _peak(a[q], energy, start)
                    if peak > gains[chunk, t + q]:
                        gains[chunk, t + q] = peak
                        positions[chunk, t + q] = start + _find(a[q], peak)
    return gains, positions


@numba.njit(parallel=True, cache=True)
def _correlate(x, rows, length):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.empty(length, np.float32)
    for block in numba.prange(length // BLOCK):
        start = block * BLOCK
        a = np.empty((TARGETS, BLOCK), np.float32)
        _accumulate(x, start, rows, a)
        out[start : start + BLOCK] = a[0]
    return out
