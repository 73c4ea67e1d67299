"""Frequency tables of integers: what the entropy coder takes for probabilities.

Floating-point probabilities would have to be equal, to the last bit, where a stream is written and
where it is read. Integers are: symbol i has probability f_i / 2^24.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import constriction
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import PslError

TOTAL = 1 << 24  # the precision of constriction's default models
MAX_SYMBOLS = 1 << 16  # of one table


@dataclass(frozen=True, eq=False)
class FrequencyTable:
    """How often each symbol 0..k-1 occurs, in 2^-24: int64 (k,), all >= 1, of sum 2^24.

    Raises PslError for anything else, so that tables from a file need no other check.

    >>> FrequencyTable.of([3, 1]).frequencies.tolist()
    [12582912, 4194304]
    """

    frequencies: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the table: it may come from a model file."""
        f = self.frequencies
        if not isinstance(f, np.ndarray) or f.dtype != np.int64 or f.ndim != 1:
            raise PslError("frequency table: expected an int64 vector; the model is damaged")
        if not 1 <= len(f) <= MAX_SYMBOLS:
            raise PslError(f"frequency table: {len(f)} symbols, expected 1 to {MAX_SYMBOLS}")
        if f.min() < 1 or f.max() > TOTAL or int(f.sum()) != TOTAL:
            raise PslError(
                f"frequency table: frequencies from {f.min()} to {f.max()} of sum {f.sum()}, "
                f"expected at least 1 each and the sum {TOTAL}"
            )

    @staticmethod
    def of(weights: ArrayLike) -> FrequencyTable:
        """The table nearest to `weights` (k,), non-negative integers that need not sum to 2^24.

        Each symbol gets one, the rest is shared in proportion, rounded down, and what that leaves
        over goes to the most frequent symbol. Integer arithmetic only. Raises PslError for
        weights that are not integers in 0..2^62, or all zero.
        """
        array = np.asarray(weights)
        if array.dtype.kind not in "iu" or array.ndim != 1 or len(array) > MAX_SYMBOLS:
            raise PslError(
                f"weights: {array.dtype} of shape {array.shape}, expected up to {MAX_SYMBOLS} "
                "integers"
            )
        whole = [int(w) for w in array]
        total = sum(whole)
        if not total or min(whole) < 0 or max(whole) > 1 << 62:
            raise PslError("weights: expected integers from 0 to 2**62, not all of them zero")
        shared = TOTAL - len(whole)
        f = np.array([1 + w * shared // total for w in whole], np.int64)
        f[np.argmax(f)] += TOTAL - int(f.sum())
        return FrequencyTable(f)

    def information(self, symbols: NDArray[np.int64]) -> NDArray[np.float64]:
        """Bits that each symbol costs: -log2(f / 2^24), the shape of `symbols`."""
        out: NDArray[np.float64] = np.log2(TOTAL / self.frequencies)[symbols]
        return out

    @cached_property
    def model(self) -> Any:
        """The table as a model of constriction, which takes floats and quantises them again.

        It gives every symbol one and shares out the rest in proportion: of f_i - 1, which sum to
        the rest exactly and are exact in float64, it makes f_i.
        """
        return constriction.stream.model.Categorical(
            (self.frequencies - 1).astype(np.float64), perfect=False
        )
