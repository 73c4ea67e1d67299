"""What of a half-written archive can be relied on."""

from __future__ import annotations

import zlib
from array import array
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container.archive_writer import ArchiveWriter
from pseudocodec.container.bits import BitWriter, payload_bytes
from pseudocodec.container.blocks import CRC_BYTES, whole_blocks
from pseudocodec.container.journal import Entry, Journal
from pseudocodec.container.layout import U32, block_crc
from pseudocodec.container.source import Bounded

# Empty records take no bytes but, in a writer, four each: so many are taken on trust.
_TRUSTED_RECORDS = 2**24


def most_records(size: int) -> int:
    """Records that are believed of a file of `size` bytes; bounds the memory their lengths take."""
    return max(_TRUSTED_RECORDS, 8 * size)


def salvage(file: BinaryIO, journal: Journal, writer: ArchiveWriter) -> Entry:
    """Have `writer`, just made in `file`, take up all that `journal` notes and that is right.

    Every block is read. Gives the last entry whose records are all there; the journal goes back to
    it, and the file is cut behind it. Memory: 12 bytes a record for a moment, one block.
    """
    data = Bounded(file)
    most = most_records(data.size)
    lengths = array("I")
    for entry in journal.entries(most):
        lengths.frombytes(entry.bits.tobytes())
    bits = np.array(lengths, np.uint32)
    good, start = _good_blocks(data, bits, writer)
    first = good * writer.block_images
    last = None
    for entry in journal.entries(most):
        open_bits = bits[first : entry.records]
        if entry.records > first and (
            entry.records - first >= writer.block_images
            or _open_crc(data, start, open_bits) != entry.open_crc
        ):
            break
        last = entry
    assert last is not None  # the first entry has no records
    journal.go_back(last)
    writer.take_up(bits[: last.records])
    return last


def _good_blocks(data: Bounded, bits: NDArray[np.uint32], writer: ArchiveWriter) -> tuple[int, int]:
    """How many full blocks, of the records of `bits`, are there and right, and where they end."""
    start = writer.blocks_offset
    sizes = whole_blocks(bits, writer.block_images)
    for number, size in enumerate(map(int, sizes)):
        if start + size > data.size:
            return number, start
        block = data.read_at(start, size)
        if U32.unpack_from(block, size - CRC_BYTES)[0] != block_crc(number, block[:-CRC_BYTES]):
            return number, start
        start += size
    return sizes.size, start


def _open_crc(data: Bounded, start: int, bits: NDArray[np.uint32]) -> int | None:
    """The CRC-32 of records of `bits` from byte `start` on, as `checkpoint` gives it.

    None if the file is too short.
    """
    nbits = int(bits.sum(dtype=np.int64))
    size = payload_bytes(nbits)
    if start + size > data.size:
        return None
    open_block = BitWriter()
    open_block.write_payload(data.read_at(start, size), nbits)  # without the bits behind
    return zlib.crc32(open_block.getvalue())
