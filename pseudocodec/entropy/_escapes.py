"""Integers that no table holds: an Exp-Golomb code (Teuhola 1978) as symbols of the range coder.

x, not zero, has the class c = floor(log2 |x|), of probability 2^-(c+1). The c bits below the first
and then the sign are one symbol of a uniform table of 2^(c+1): 2c + 2 bits in all. The classes of a
stream's escapes, and then their low bits, are two more stages of its coder: they need no length,
for the symbols before them say how many there are.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy.coder import Reader, Writer, groups
from pseudocodec.entropy.tables import TOTAL, FrequencyTable

CLASSES = 16
MAX_ESCAPE = (1 << CLASSES) - 1  # of |x|: the uniform table of the last class has 2^16 symbols


def put(writer: Writer, escapes: NDArray[np.int32]) -> None:
    """Code `escapes` (n,), of absolute values 1 to MAX_ESCAPE."""
    classes = _classes(escapes)
    low = np.abs(escapes) - (1 << classes)
    writer.put(classes, groups(np.zeros_like(classes), _class_tables()))
    writer.put(2 * low + (escapes < 0), groups(classes, _low_tables()))


def take(reader: Reader, count: int) -> NDArray[np.int32]:
    """The next `count` escapes: int32 (count,), of absolute values 1 to MAX_ESCAPE."""
    classes = reader.take(groups(np.zeros(count, np.uint8), _class_tables()))
    low = reader.take(groups(classes, _low_tables()))
    return (1 - 2 * (low & 1)) * ((1 << classes) + (low >> 1))


def information(escapes: NDArray[np.int32]) -> NDArray[np.float64]:
    """Bits that each of `escapes` costs, besides the symbol that announces it."""
    classes = _classes(escapes).astype(np.int64)
    return _class_tables()[0].information(classes) + classes + 1


def _classes(escapes: NDArray[np.int32]) -> NDArray[np.int32]:
    """The binary exponent, which frexp reads off a float64 that holds the integer exactly."""
    exponents: NDArray[np.int32] = np.frexp(np.abs(escapes).astype(np.float64))[1]
    return exponents - 1


@cache
def _class_tables() -> tuple[FrequencyTable, ...]:
    return (FrequencyTable.of([1 << (CLASSES - 1 - c) for c in range(CLASSES)]),)


@cache
def _low_tables() -> tuple[FrequencyTable, ...]:
    return tuple(
        FrequencyTable(np.full(2 << c, TOTAL // (2 << c), np.int64)) for c in range(CLASSES)
    )
