"""Array arguments, turned into numpy arrays or refused with a `PslError`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import PslError


def integers(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return an array of integers of any size, as it is; refuse bools, floats and the rest.

    The dtype is an integer one, or object where Python ints exceed 64 bits.
    """
    try:
        array: NDArray[Any] = np.asarray(values)
        if array.dtype.kind == "f" and isinstance(values, Sequence):
            array = np.asarray(values, object)  # numpy reads [] and [0, 2**64 - 1] as float64
    except ValueError as error:
        raise PslError(f"{what} do not form an array ({error}); give integers.") from None
    if array.dtype.kind in "iu":
        return array
    if array.dtype == object and all(type(value) is int for value in array.flat):
        return array
    raise PslError(f"{what} have dtype {array.dtype}; give integers.")


def reals(values: ArrayLike, what: str) -> NDArray[np.float64]:
    """Return a float64 array, NaN and infinity included."""
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise PslError(f"{what} do not form an array of numbers ({error}).") from None
