"""Tables for residuals of known scale, as a model ships them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import _escapes
from pseudocodec.entropy.coder import checked_index
from pseudocodec.entropy.tables import FrequencyTable
from pseudocodec.errors import PslError

MAX_SCALES = 256  # an index fits in a byte
MAX_TOP = 1500  # K_s; of the deviation 256 that is 5.9
_NAMES = ("frequencies", "widths")


@dataclass(frozen=True, eq=False)
class ScaleTables:
    """The tables of 1 to 256 scales; table s holds the residuals -K_s..K_s and an escape.

    Residual r is the symbol r modulo 2 K_s + 2, which leaves K_s + 1 for all outside. So 0 comes
    first, and a stream of zeros alone takes no bits. Raises PslError for tables that are not of
    2 K_s + 2 symbols with 0 <= K_s <= 1,500.
    """

    tables: tuple[FrequencyTable, ...]

    def __post_init__(self) -> None:
        """Check the tables: they may come from a model file."""
        _check_widths([len(table.frequencies) for table in self.tables])

    @property
    def count(self) -> int:
        """How many tables there are."""
        return len(self.tables)

    @cached_property
    def tops(self) -> NDArray[np.int32]:
        """K_s, the largest residual of each table: int32 (count,)."""
        return np.array([len(table.frequencies) // 2 - 1 for table in self.tables], np.int32)

    def to_tensors(self) -> dict[str, NDArray[np.int64]]:
        """What a model file holds: all tables in one vector, and the symbols of each.

        >>> tensors = scale_tables(2, 0.11, 0.5).to_tensors()
        >>> tensors["frequencies"].tolist()[:4], tensors["widths"].tolist()
        ([16777123, 46, 1, 46], [4, 6])
        """
        frequencies = [table.frequencies for table in self.tables]
        widths = np.array([len(f) for f in frequencies], np.int64)
        return {"frequencies": np.concatenate(frequencies), "widths": widths}

    @staticmethod
    def from_tensors(tensors: Mapping[str, NDArray[np.int64]]) -> ScaleTables:
        """The tables of `to_tensors`. Raises PslError for tensors that it does not make."""
        if set(tensors) != set(_NAMES):
            raise PslError(
                f"scale tables: tensors {sorted(tensors)}, expected {sorted(_NAMES)}; "
                "the model is damaged"
            )
        frequencies, widths = (_vector(tensors[name], name) for name in _NAMES)
        _check_widths(widths.tolist())
        if int(widths.sum()) != len(frequencies):
            raise PslError(
                f"scale tables: {len(frequencies)} frequencies, but widths of sum {widths.sum()}; "
                "the model is damaged"
            )
        parts = np.split(frequencies, np.cumsum(widths)[:-1])
        return ScaleTables(tuple(FrequencyTable(part) for part in parts))

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """Bits that each residual costs: float64 (count, 2 R + 1), residual r in column R + r.

        R is the largest K_s and one.
        """
        reach = int(self.tops.max()) + 1
        residuals = np.arange(-reach, reach + 1, dtype=np.int32)
        out = np.empty((self.count, len(residuals)))
        for row, table, top in zip(out, self.tables, self.tops, strict=True):
            symbols, outside, escapes = split(residuals, np.full_like(residuals, top))
            row[:] = table.information(symbols.astype(np.int64))
            row[outside] += _escapes.information(escapes)
        return out

    def information(
        self, residuals: NDArray[np.signedinteger], index: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Bits that each residual costs with the table of its `index`: two arrays of one shape.

        A lookup in `bits`: residuals outside cost what the outermost there do, a few bits less
        than `encode` takes. Raises PslError for other shapes and an index without a table.
        """
        if residuals.shape != index.shape:
            raise PslError(
                f"residuals of shape {residuals.shape} with an index of shape {index.shape}, "
                "expected the same shape"
            )
        which = checked_index(index.ravel(), self.tables)
        width = self.bits.shape[1]
        reach = width // 2
        columns = np.clip(residuals.ravel(), -reach, reach).astype(np.int32) + reach
        out: NDArray[np.float64] = self.bits.ravel()[which.astype(np.int32) * width + columns]
        return out.reshape(residuals.shape)


def split(
    residuals: NDArray[np.int32], tops: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.intp], NDArray[np.int32]]:
    """Symbols (n,) for the K of each residual; the places of those outside, and how far they are.

    >>> split(np.array([-1, 2, -5], np.int32), np.array([2, 2, 2], np.int32))[0].tolist()
    [5, 2, 3]
    """
    symbols: NDArray[np.int32] = residuals + (residuals < 0) * (2 * tops + 2)
    outside = np.flatnonzero(np.abs(residuals) > tops)
    far, top = residuals[outside], tops[outside]
    symbols[outside] = top + 1
    return symbols, outside, np.where(far < 0, far + top, far - top)


def scale_tables(
    count: int = 64, low: float = 0.11, high: float = 256.0, tail: float = 2.0**-14
) -> ScaleTables:
    """Tables of Gaussians, rounded, whose deviations rise from `low` to `high` in equal ratios.

    K_s is the smallest from 1 on outside which less than `tail` of the probability lies, at most
    1,500. This computes in floats: make tables once, and ship them. Raises PslError unless
    1 <= count <= 256, 0 < low <= high < infinity and 0 < tail < 1.
    """
    if not (1 <= count <= MAX_SCALES and 0 < low <= high < math.inf and 0 < tail < 1):
        raise PslError(
            f"scale tables: {count} deviations {low} to {high}, tail {tail}; expected 1 to "
            f"{MAX_SCALES}, positive and finite ones that rise, a tail between 0 and 1"
        )
    ratio = (high / low) ** (1 / max(1, count - 1))
    return ScaleTables(tuple(_gaussian(low * ratio**k, tail) for k in range(count)))


def _gaussian(deviation: float, tail: float) -> FrequencyTable:
    """The table of one deviation. Weights in 2^-40, of which 2^-24 are left."""
    beyond = [1.0]  # of the absolute value, r - 1/2 for r = 0, 1, ..
    while len(beyond) < 3 or (beyond[-1] >= tail and len(beyond) < MAX_TOP + 2):
        beyond.append(math.erfc((len(beyond) - 0.5) / (deviation * math.sqrt(2))))
    mass = [(near - far) / 2 for near, far in itertools.pairwise(beyond)]
    mass = [2 * mass[0], *mass[1:], beyond[-1], *mass[:0:-1]]
    return FrequencyTable.of([round(share * 2**40) for share in mass])


def _vector(array: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    if not isinstance(array, np.ndarray) or array.dtype != np.int64 or array.ndim != 1:
        raise PslError(f"scale tables: {name} are no int64 vector; the model is damaged")
    return array


def _check_widths(widths: list[int]) -> None:
    if not 1 <= len(widths) <= MAX_SCALES:
        raise PslError(f"scale tables: {len(widths)} of them, expected 1 to {MAX_SCALES}")
    for which, width in enumerate(widths):
        if width % 2 or not 2 <= width <= 2 * MAX_TOP + 2:
            raise PslError(
                f"scale tables: table {which} has {width} symbols, expected an even number from 2 "
                f"to {2 * MAX_TOP + 2}"
            )
