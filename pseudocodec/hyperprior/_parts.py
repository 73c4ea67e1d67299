"""Parts that the codes of a photo model's streams share: tensors of a prefix, and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy.scales import ScaleTables
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.hyperprior.integer import ACTIVATION, Integers, row_at

if TYPE_CHECKING:
    from pseudocodec.hyperprior.contexts import Contexts

Tensors = Mapping[str, NDArray[Any]]


def integers(tensors: Tensors, key: str) -> Integers:
    """A tensor of integers. Raises KeyError where there is none, PslError for other numbers."""
    value = tensors[key]
    if value.dtype.kind != "i":
        raise PslError(f"hyperprior code: {key} is {value.dtype}, expected integers")
    return value.astype(np.int64)


def contexts_of(
    tensors: Tensors, prefix: str, tables: ScaleTables, channels: int, top: int
) -> Contexts | None:
    """What the tensors of a prefix make; None where there are none."""
    kept = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not kept:
        return None
    from pseudocodec.hyperprior.contexts import Contexts  # which loads numba

    return Contexts(kept, tables, channels, top)


def tables_at(
    rows: Integers, level: int, shape: tuple[int, ...], tables: ScaleTables
) -> NDArray[np.uint8]:
    """The table of each value (C, h, w): that of its channel in `rows` (R, C) at a level."""
    row = row_at(rows, level) + (1 << (ACTIVATION - 1))
    index = (row >> ACTIVATION).clip(0, tables.count - 1).astype(np.uint8)
    return np.broadcast_to(index[:, None, None], shape)


def with_length(stream: bytes) -> bytes:
    """A stream behind its length, a varint."""
    value, out = len(stream), bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out) + stream


def split_at_length(payload: bytes, what: str) -> tuple[bytes, bytes]:
    """A stream that `with_length` wrote, and what is behind it.

    Raises Corrupt for a length that is not in its shortest form, or beyond the payload.
    """
    length, start = _read_varint(payload)
    if length > len(payload) - start:
        raise Corrupt(
            f"tile: {what} of {length} bytes in a payload of {len(payload)}; the file is damaged"
        )
    return payload[start : start + length], payload[start + length :]


def _read_varint(data: bytes) -> tuple[int, int]:
    """The number in front of `data` and how many bytes it takes, at most five and none too many."""
    value = 0
    for i, byte in enumerate(data[:5]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if i and not byte:
                raise Corrupt("tile: a length has a byte too many; the file is damaged")
            return value, i + 1
    raise Corrupt("tile: its payload ends inside a length; the file is damaged")
