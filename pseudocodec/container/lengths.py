"""Record lengths of an archive: base + unit * code, the codes packed in the index.

Lengths stay packed in memory (w bits a record, as in the file) and are unpacked a run at a time,
so that an index cannot make a reader allocate a multiple of its size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RUN = 2**18  # records packed at a time; a multiple of 8, so that runs end on whole bytes


@dataclass(frozen=True, slots=True)
class Lengths:
    """`count` lengths in bits; `packed` holds `count` codes of `width` bits, MSB first."""

    count: int
    base: int
    unit: int
    width: int
    packed: bytes

    @classmethod
    def from_bits(cls, bits: NDArray[np.uint32]) -> Lengths:
        """The canonical form of `bits` (N,): smallest base, largest unit, fewest bits a code."""
        if bits.size == 0:
            return cls(0, 0, 0, 0, b"")
        base = int(bits.min())
        unit = int(np.gcd.reduce(bits - np.uint32(base)))
        if unit == 0:
            return cls(bits.size, base, 0, 0, b"")
        width = ((int(bits.max()) - base) // unit).bit_length()
        runs = (bits[start : start + _RUN] for start in range(0, bits.size, _RUN))
        packed = b"".join(_pack((run - np.uint32(base)) // np.uint32(unit), width) for run in runs)
        return cls(bits.size, base, unit, width, packed)

    def extent(self) -> tuple[int, int]:
        """The shortest and the longest length; (0, 0) when there are none."""
        if not self.width:
            return self.base, self.base
        runs = [
            self.codes(start, min(start + _RUN, self.count)) for start in range(0, self.count, _RUN)
        ]
        low, high = min(int(run.min()) for run in runs), max(int(run.max()) for run in runs)
        return self.base + self.unit * low, self.base + self.unit * high

    def codes(self, start: int, stop: int) -> NDArray[np.int64]:
        """Codes of records `start` to `stop`, shape (stop - start,)."""
        width = self.width
        first, skip = divmod(start * width, 8)
        raw = np.frombuffer(self.packed, np.uint8)[first : (stop * width + 7) // 8]
        bits = np.unpackbits(raw)[skip : skip + (stop - start) * width]
        wide = np.zeros((stop - start, 32), np.uint8)
        wide[:, 32 - width :] = bits.reshape(stop - start, width)
        return np.packbits(wide, axis=1).view(">u4").ravel().astype(np.int64)

    def bits(self) -> NDArray[np.uint32]:
        """The lengths of all records, shape (count,)."""
        bits = np.empty(self.count, np.uint32)
        for start in range(0, self.count, _RUN):
            stop = min(start + _RUN, self.count)
            bits[start:stop] = self.base + self.unit * self.codes(start, stop)
        return bits

    def total(self, start: int, stop: int) -> int:
        """Bits of records `start` to `stop` together."""
        bits = self.base * (stop - start)
        return bits + self.unit * int(self.codes(start, stop).sum()) if self.width else bits

    def offsets(self, start: int, stop: int) -> list[int]:
        """Bit offsets of records `start` to `stop` laid end to end, the end included."""
        bits = self.base + self.unit * self.codes(start, stop)
        return [0, *np.cumsum(bits).tolist()]


def index_bytes(count: int, width: int) -> int:
    """Bytes of `count` codes of `width` bits, without the CRC."""
    return (count * width + 7) // 8


def _pack(codes: NDArray[np.uint32], width: int) -> bytes:
    columns = np.unpackbits(codes.astype(">u4").view(np.uint8).reshape(-1, 4), axis=1)
    return np.packbits(columns[:, 32 - width :].ravel()).tobytes()
