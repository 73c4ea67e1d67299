"""Checks that every latent code makes of its arguments."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import Corrupt, PslError

EFFORTS = 10
LATENT_LIMIT = 1e6
"""Latents have unit variance or lie in [-1, 1]; squares of larger ones would swamp float32."""


def checked_latents(latents: ArrayLike, dims: int, effort: int) -> NDArray[np.float32]:
    """Latents as float32 (n, dims), or a PslError; refuses an effort outside 0..9 as well."""
    array = np.asarray(latents)
    if array.dtype.kind not in "fiu":
        raise PslError(f"latents: dtype {array.dtype}, expected real numbers")
    if array.ndim != 2 or array.shape[1] != dims:
        raise PslError(f"latents: shape {array.shape}, expected (n, {dims})")
    if not (np.abs(array) <= LATENT_LIMIT).all():  # NaN compares as false
        raise PslError(
            f"latents: a value is NaN, infinite or beyond {LATENT_LIMIT:g}; "
            "give finite latents of about unit size"
        )
    if type(effort) is not int or not 0 <= effort < EFFORTS:
        raise PslError(f"effort={effort!r}: expected an int from 0 to {EFFORTS - 1}")
    return array.astype(np.float32)


def checked_symbols(symbols: ArrayLike, count: int) -> NDArray[np.int64]:
    """Symbols as int64 (n, count), or Corrupt."""
    array = np.asarray(symbols)
    if array.dtype.kind not in "iu" or array.ndim != 2 or array.shape[1] != count:
        raise Corrupt(
            f"symbols: {array.dtype} of shape {array.shape}, expected integers (n, {count}); "
            "the file is damaged or belongs to another model"
        )
    return array.astype(np.int64)
