"""Residuals of known scale: signed integers, each coded with the table of its standard deviation.

A hyperprior (Balle et al. 2018; with means, Minnen et al. 2018) predicts a mean and a deviation for
each value of a latent; what is coded is the value less its mean, rounded. The deviation is one of a
few dozen, each with a table of integers that is made once and shipped with the model: a float that
differs in its last bit must not decide what a decoder reads (Balle et al. 2019).

The payload is one stream of the range coder: the symbols of `ScaleTables`, grouped by table; then
how far the residuals outside their tables lie, in the order of their places (`_escapes`). It ends
with its last set bit, so that it needs no length besides that of its bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.entropy import _escapes
from pseudocodec.entropy._scale_tables import ScaleTables, scale_tables, split
from pseudocodec.entropy.coder import Groups, Reader, Writer, checked_index, groups
from pseudocodec.errors import Corrupt, PslError

__all__ = ["MAX_RESIDUAL", "ScaleTables", "decode", "encode", "scale_tables"]

MAX_RESIDUAL = _escapes.MAX_ESCAPE  # the largest absolute value


def encode(residuals: ArrayLike, index: ArrayLike, tables: ScaleTables) -> bytes:
    """Signed integers (n,), each with the table of its `index` (n,) -> the payload.

    Raises PslError for residuals of absolute value above 65,535 and for an index without a table,
    TooLarge for more than 2^26 residuals.

    >>> from pseudocodec.entropy import FrequencyTable
    >>> narrow, wide = FrequencyTable.of([20, 1, 1, 1]), FrequencyTable.of([3, 2, 1, 1, 1, 2])
    >>> tables = ScaleTables((narrow, wide))
    >>> payload = encode([0, -1, 0, 7], [0, 1, 0, 1], tables)
    >>> payload.hex()
    'b520'
    >>> decode(payload, [0, 1, 0, 1], tables).tolist()
    [0, -1, 0, 7]
    """
    which = checked_index(index, tables.tables)
    values = np.asarray(residuals)
    if values.shape != which.shape or (values.size and values.dtype.kind != "i"):
        raise PslError(
            f"residuals: {values.dtype} of shape {values.shape}, expected {len(which)} signed "
            "integers"
        )
    if values.size and not -MAX_RESIDUAL <= values.min() <= values.max() <= MAX_RESIDUAL:
        raise PslError(
            f"residuals: {values.min()} to {values.max()}, expected at most {MAX_RESIDUAL} either "
            "side of zero; clip them first"
        )
    symbols, _, escapes = split(values.astype(np.int32), tables.tops[which])
    return _payload(symbols, escapes, groups(which, tables.tables))


def decode(payload: bytes, index: ArrayLike, tables: ScaleTables) -> NDArray[np.int32]:
    """A payload -> the residuals (n,), for the same `index` and `tables`.

    Raises Corrupt for a payload that `encode` does not write, and as `encode` for the index.
    Symbols and escapes are n at most: no payload takes more time or memory than the index asks for.
    """
    which = checked_index(index, tables.tables)
    grouped = groups(which, tables.tables)
    tops = tables.tops[which]
    reader = Reader(payload)
    symbols = reader.take(grouped)
    outside = np.flatnonzero(symbols == tops + 1)
    escapes = _escapes.take(reader, len(outside))
    out: NDArray[np.int32] = symbols - (symbols > tops) * (2 * tops + 2)
    top = tops[outside]
    out[outside] = np.where(escapes < 0, escapes - top, escapes + top)
    far = int(np.abs(out[outside]).max(initial=0))
    if far > MAX_RESIDUAL or _payload(symbols, escapes, grouped) != payload:
        raise Corrupt(
            f"entropy coder: the payload of {len(payload)} bytes is none that these tables give; "
            "the file is damaged or belongs to another model"
        )
    return out


def _payload(symbols: NDArray[np.int32], escapes: NDArray[np.int32], grouped: Groups) -> bytes:
    writer = Writer()
    writer.put(symbols, grouped)
    _escapes.put(writer, escapes)
    return writer.payload()[0]
