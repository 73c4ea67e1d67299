"""Where the blocks of an archive lie, computed from the record lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container.layout import MAX_RECORD_BITS, U32
from pseudocodec.container.lengths import Lengths
from pseudocodec.errors import TooLarge

_RUN = 2**18  # records looked at together, about

CRC_BYTES = U32.size


class BlockTable(NamedTuple):
    """File offsets of the blocks, the offset behind the last one, and the bits of all records."""

    starts: Sequence[int]
    end: int
    record_bits: int


def locate_blocks(lengths: Lengths, first: int, block_images: int) -> BlockTable:
    """The blocks of `block_images` records each, the first at file offset `first`.

    Memory: 8 bytes a block when lengths differ, none otherwise. Raises `TooLarge` for a record
    above the limit.
    """
    _check_length(lengths.base)
    if lengths.width == 0:
        return _equal_blocks(lengths, first, block_images)
    step = block_images * max(1, _RUN // block_images)
    sizes, record_bits = [], 0
    for start in range(0, lengths.count, step):
        codes = lengths.codes(start, min(start + step, lengths.count))
        _check_length(lengths.base + lengths.unit * int(codes.max()))  # exact: Python integers
        bits = lengths.base + lengths.unit * codes
        record_bits += int(bits.sum())
        block_bits = np.add.reduceat(bits, np.arange(0, bits.size, block_images))
        sizes.append((block_bits + 7) // 8 + CRC_BYTES)
    ends = first + np.cumsum(np.concatenate(sizes))
    starts = np.concatenate([[first], ends[:-1]])
    # A memoryview is a sequence of Python integers at 8 bytes each; a list takes 36.
    return BlockTable(starts.data, int(ends[-1]), record_bits)


def whole_blocks(bits: NDArray[np.uint32], block_images: int) -> NDArray[np.int64]:
    """Bytes of each full block of records of `bits` (N,), CRC included, shape (N // block_images,).

    Memory: 8 bytes a record.
    """
    full = bits[: bits.size // block_images * block_images].astype(np.int64)
    sums: NDArray[np.int64] = full.reshape(-1, block_images).sum(axis=1)
    return (sums + 7) // 8 + CRC_BYTES


def _equal_blocks(lengths: Lengths, first: int, block_images: int) -> BlockTable:
    blocks, rest = divmod(lengths.count, block_images)
    size = (block_images * lengths.base + 7) // 8 + CRC_BYTES
    end = first + blocks * size
    starts = range(first, end + (1 if rest else 0), size)
    if rest:
        end += (rest * lengths.base + 7) // 8 + CRC_BYTES
    return BlockTable(starts, end, lengths.count * lengths.base)


def _check_length(bits: int) -> None:
    if bits > MAX_RECORD_BITS:
        raise TooLarge(f"a record of {bits} bits exceeds the limit of {MAX_RECORD_BITS} bits")
