"""Scalar: rounding with a dead zone and entropy coding, what other learned codecs do.

The baseline that the pseudo-random codes are measured against, made as good as it gets: uniform
cells with the centroid of each as its value, and exact Gaussian frequency tables of every component
for the entropy coder. At low rates it needs 30-40 % more bits than Shannon's bound, because each
component pays for its own cell (Gish & Pierce 1968).

The step of a payload of b bits follows from the schedule's water level t_b: cells of width
sqrt(12 t (1 + 1.1 t)) leave an error of t, within 3 %, in a component of variance 1 (fitted to the
exact error for t from 0 to 0.75). How many bits a vector then takes varies, and the payload has
exactly `bits`. The encoder widens the dead zone - it rounds towards zero what lies less than a
margin above a cell's border - until the vector fits: that costs error. Bits that a vector leaves
over are zeros, and lost.

Decoding is exact: integer tables, quotients and square roots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container.bits import extract
from pseudocodec.entropy import decode as entropy_decode
from pseudocodec.entropy import encode as entropy_encode
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent._checks import checked_latents, checked_symbols
from pseudocodec.latent._scalar_cells import Cells, cells
from pseudocodec.latent.base import Payload, ScheduledCode
from pseudocodec.latent.schedule import UNIT, Schedule

MAX_DIMS = 1 << 12  # each with a table of its own: 130 MiB
MAX_BITS = 1 << 18
HALVINGS = (4, 5, 6, 8, 9, 10, 11, 12, 13, 14)  # of the interval of margins, by effort


@dataclass(frozen=True, eq=False)
class Quantiser:
    """What a payload size implies: component i uses sets[index[i]]."""

    sets: list[Cells]
    index: NDArray[np.int64]  # (d,)

    @property
    def tops(self) -> NDArray[np.int64]:
        """The largest cell of each component."""
        return np.array([c.top for c in self.sets], np.int64)[self.index]


class Scalar(ScheduledCode):
    """The scalar code with the given schedule.

    Latents have unit variance in each component. Raises PslError for a schedule of more than 4096
    components or 262144 bits.
    """

    kind = "scalar"

    def __init__(self, schedule: Schedule) -> None:
        """Check the parameters: they come from model files."""
        if schedule.dims > MAX_DIMS or schedule.max_bits > MAX_BITS:
            raise PslError(
                f"scalar: a schedule of {schedule.dims} components and {schedule.max_bits} bits, "
                f"at most {MAX_DIMS} and {MAX_BITS}; split the latent vector"
            )
        self.schedule = schedule
        self.dims, self.max_bits = schedule.dims, schedule.max_bits

    def usable_bits(self, bits: int, *, partial: bool = False) -> int:
        """`bits` up to max_bits; 0 with `partial`: a prefix of an entropy-coded stream is lost."""
        return 0 if partial else min(bits, self.max_bits)

    def quantiser(self, bits: int) -> Quantiser:
        """Cells and tables for payloads of `bits` bits, at most max_bits."""
        return _quantiser(self.schedule, bits)

    def encode(self, latents: NDArray[np.float32], bits: int, effort: int = 3) -> NDArray[np.int64]:
        """Latents (n, dims) -> symbols (n, dims): cells, 0 the most negative; none for no bits.

        `effort` sets how finely the margin is searched, HALVINGS.

        Raises PslError for a wrong shape, for an effort outside 0..9, and for latents that are not
        finite or beyond 1e6.
        """
        checked = checked_latents(latents, self.dims, effort).astype(np.float64)
        usable = self.usable_bits(bits)
        if not usable:
            return np.zeros((len(checked), 0), np.int64)
        quantiser = self.quantiser(usable)
        steps = np.array([c.step for c in quantiser.sets])[quantiser.index]
        rows = [self._fitting(row / steps, quantiser, usable, effort) for row in checked]
        return np.array(rows, np.int64).reshape(len(rows), self.dims)

    def _fitting(
        self, row: NDArray[np.float64], quantiser: Quantiser, bits: int, effort: int
    ) -> NDArray[np.int64]:
        """Cells of a row in steps, with the smallest margin found that fits; at worst all zero."""
        tops = quantiser.tops
        low, high = 0.0, float(np.abs(row).max()) + 1
        symbols, best = _rounded(row, 0.0, tops), tops
        if self._length(symbols, quantiser) <= bits:
            return symbols
        # All of margin 1 and more lie in few cells, so most vectors fit far below the largest.
        middle = min(1.0, high)
        for _ in range(HALVINGS[effort]):
            symbols = _rounded(row, middle, tops)
            if self._length(symbols, quantiser) <= bits:
                best, high = symbols, middle
            else:
                low = middle
            middle = (low + high) / 2
        return best

    def _length(self, symbols: NDArray[np.int64], quantiser: Quantiser) -> int:
        return self._coded(symbols, quantiser)[1]

    def _coded(self, symbols: NDArray[np.int64], quantiser: Quantiser) -> Payload:
        return entropy_encode(symbols, quantiser.index, [c.table for c in quantiser.sets])

    def decode(self, symbols: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
        """Symbols (n, dims) -> latents (n, dims): the centroids of the cells."""
        usable = self.usable_bits(bits)
        found = checked_symbols(symbols, self.dims if usable else 0)
        out = np.zeros((len(found), self.dims), np.float32)
        if usable:
            quantiser = self.quantiser(usable)
            self._check_range(found, quantiser)
            for i, which in enumerate(quantiser.index):
                out[:, i] = quantiser.sets[which].centroids[found[:, i]]
        return out

    def pack(self, symbols: NDArray[np.int64], bits: int) -> list[Payload]:
        """Symbols (n, dims) -> payloads of exactly `bits` bits, zero padded.

        Raises PslError for symbols that take more bits.
        """
        usable = self.usable_bits(bits)
        found = checked_symbols(symbols, self.dims if usable else 0)
        if not usable:
            return [(bytes(-(-bits // 8)), bits)] * len(found)
        quantiser = self.quantiser(usable)
        self._check_range(found, quantiser)
        payloads = []
        for row in found:
            payload, used = self._coded(row, quantiser)
            if used > usable:
                raise PslError(f"scalar: these symbols take {used} bits, there are {usable}")
            payloads.append((payload + bytes(-(-bits // 8) - len(payload)), bits))
        return payloads

    def unpack(self, payload: bytes, bits: int, *, partial: bool = False) -> NDArray[np.int64]:
        """One payload -> symbols (dims,); with `partial`, or for no bits, none."""
        if not partial and bits > self.max_bits:
            raise Corrupt(
                f"payload: {bits} bits, this model describes at most {self.max_bits}; "
                "the file is damaged"
            )
        whole = extract(payload, 0, bits)
        if len(whole) != len(payload) or (not partial and whole != payload):
            raise Corrupt(
                f"payload of {bits} bits in {len(payload)} bytes is not cut to its bits; "
                "the file is damaged"
            )
        usable = self.usable_bits(bits, partial=partial)
        if not usable:
            return np.zeros(0, np.int64)
        quantiser = self.quantiser(usable)
        tables = [c.table for c in quantiser.sets]
        return entropy_decode(payload, usable, quantiser.index, tables, padded=True)

    def _check_range(self, symbols: NDArray[np.int64], quantiser: Quantiser) -> None:
        if np.any(symbols < 0) or np.any(symbols > 2 * quantiser.tops):
            raise Corrupt(
                f"scalar: a symbol is outside 0..{2 * quantiser.tops.max()}; "
                "the file is damaged or was not written by this code"
            )

    def describe(self) -> dict[str, Any]:
        """The kind; the schedule travels as tensors."""
        return {"kind": self.kind}

    def tables(self) -> dict[str, NDArray[np.int64]]:
        """The schedule: "variances" (d,) and "levels" (max_bits + 1,)."""
        return {"variances": self.schedule.variances, "levels": self.schedule.levels}


@lru_cache(maxsize=64)
def _quantiser(schedule: Schedule, bits: int) -> Quantiser:
    # Quotients and square roots are correctly rounded: the steps are the same everywhere.
    variances, index = np.unique(schedule.variances, return_inverse=True)
    t = schedule.levels[bits] / UNIT
    steps = np.sqrt(12 * t * (1 + 1.1 * t) / (variances / UNIT))
    return Quantiser([cells(float(step)) for step in steps], index.astype(np.int64))


def _rounded(row: NDArray[np.float64], margin: float, tops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Symbols of values in steps, where a value moves up a cell `margin` later than it might."""
    magnitude = np.ceil(np.abs(row) - 0.5 - margin).clip(0, tops)
    out: NDArray[np.int64] = (np.copysign(magnitude, row) + tops).astype(np.int64)
    return out
