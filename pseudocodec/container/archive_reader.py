"""Read any picture of an archive without the others."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container.archive_header import read_archive_header
from pseudocodec.container.bits import extract, padding_is_zero, read_int
from pseudocodec.container.blocks import CRC_BYTES, locate_blocks
from pseudocodec.container.geometry import Geometry, check_geometry
from pseudocodec.container.layout import MAX_PIXELS, RECORD_GEOMETRY_BITS, U32, block_crc
from pseudocodec.container.lengths import Lengths, index_bytes
from pseudocodec.container.source import Bounded
from pseudocodec.errors import Corrupt, OutOfRange


class Record(NamedTuple):
    """One picture of an archive; `geometry` is None unless each record states its own."""

    payload: bytes
    nbits: int
    geometry: Geometry | None


class _Block(NamedTuple):
    """A verified block and the bit offsets of its records, the end of the last one included."""

    number: int
    data: bytes
    offsets: list[int]


class ArchiveReader:
    """Random access to the archive in `file`, read through `read`, `seek` and `tell` alone.

    Opening reads the header and the index; each picture then costs one read of its block, and
    the last block is kept. Memory: the index, 8 bytes a block, one block. Not for use from
    several threads at once. `file` stays the caller's to close.

    Raises `NotPsl`, `UnsupportedVersion`, `Corrupt` (damaged, truncated, trailing bytes),
    `TooLarge` (a limit or `max_pixels` exceeded), `PslError` (a single picture, no seeking).
    `known` are the critical chunk tags the caller understands.
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        max_pixels: int = MAX_PIXELS,
        known: Collection[bytes] = frozenset(),
    ) -> None:
        """Read the header and the index of `file`."""
        self._file = Bounded(file)
        self._max_pixels = max_pixels
        self._header = header = read_archive_header(self._file, max_pixels, known)
        self.model_id = header.model_id
        self.count = header.count
        self.geometry = header.geometry
        self.record_geometry = header.record_geometry
        self.dense = header.dense
        self.chunks = header.chunks
        self.block_images = header.block_images
        self.block_count = -(-header.count // header.block_images)
        packed = self._read_index()
        self._lengths = Lengths(
            header.count, header.base_bits, header.unit_bits, header.length_width, packed
        )
        self._table = locate_blocks(self._lengths, header.blocks_offset, header.block_images)
        if self._table.end != header.index_offset:
            raise Corrupt(
                f"the blocks end at byte {self._table.end} but the header says "
                f"{header.index_offset}; the file is truncated or damaged"
            )
        self._last: _Block | None = None

    @property
    def file_bytes(self) -> int:
        """Size of the file."""
        return self._file.size

    @property
    def payload_bits(self) -> tuple[int, int]:
        """Bits of the shortest and of the longest record, sizes of pictures included."""
        return self._lengths.extent()

    def record_bits(self) -> NDArray[np.uint32]:
        """Bits of every record, shape (count,), sizes of pictures included."""
        return self._lengths.bits()

    @property
    def overhead_bytes(self) -> int:
        """Bytes of the file beyond the payloads of its records, these rounded up together."""
        bits = self._table.record_bits
        if self.record_geometry:
            bits -= RECORD_GEOMETRY_BITS * self.count
        return self._file.size - (bits + 7) // 8

    def block_of(self, i: int) -> int:
        """The number of the block that holds picture `i`; `OutOfRange` outside the archive."""
        if not 0 <= i < self.count:
            raise OutOfRange(f"picture {i} is not in the archive, which holds {self.count}")
        return i // self.block_images

    def records(self, b: int) -> list[Record]:
        """The records of block `b`, in order, from one verified read.

        Raises `OutOfRange` for a bad `b`, `Corrupt` or `TooLarge` for what the block holds.
        """
        block = self._block(b)
        return [self._parse(block, k) for k in range(len(block.offsets) - 1)]

    def check_block(self, b: int) -> None:
        """Read and verify block `b`, whatever its records say; raises as `records`."""
        self._block(b)

    def record(self, i: int) -> Record:
        """Record `i`; raises what `block_of` and `records` raise."""
        b = self.block_of(i)
        return self._parse(self._block(b), i - b * self.block_images)

    def verify(self) -> None:
        """Read and check every block and every record's picture size.

        Records without a size of their own hold nothing to check, and a block of a few bytes may
        claim 65,535 of them: they are not taken apart.
        """
        for b in range(self.block_count):
            if self.record_geometry:
                self.records(b)
            else:
                self._read(b)

    def _read_index(self) -> bytes:
        """The packed length codes, once the sizes the header states fit the file exactly."""
        header = self._header
        size = index_bytes(header.count, header.length_width)
        end = header.index_offset + (size + CRC_BYTES if header.length_width else 0)
        if end != self._file.size:
            damage = "has trailing bytes" if end < self._file.size else "is truncated"
            raise Corrupt(
                f"the archive {damage}: it must end at byte {end} and has {self._file.size}"
            )
        if header.blocks_offset + CRC_BYTES * self.block_count > header.index_offset:
            raise Corrupt(
                f"the archive claims {header.count} pictures, which do not fit before its index "
                f"at byte {header.index_offset}"
            )
        if not header.length_width:
            return b""
        raw = self._file.read_at(header.index_offset, size + CRC_BYTES)
        packed = raw[:size]
        if U32.unpack_from(raw, size)[0] != zlib.crc32(packed):
            raise Corrupt("the checksum of the archive's index differs; it is damaged")
        if not padding_is_zero(packed, header.count * header.length_width):
            raise Corrupt("the padding of the archive's index is not zero")
        return packed

    def _block(self, b: int) -> _Block:
        if self._last is None or self._last.number != b:
            self._last = self._load(b)
        return self._last

    def _load(self, b: int) -> _Block:
        data = self._read(b)
        return _Block(b, data, self._lengths.offsets(*self._extent(b)))

    def _extent(self, b: int) -> tuple[int, int]:
        """The first record of block `b` and the one behind its last."""
        if not 0 <= b < self.block_count:
            raise OutOfRange(f"block {b} is not in the archive, which has {self.block_count}")
        first = b * self.block_images
        return first, min(first + self.block_images, self.count)

    def _read(self, b: int) -> bytes:
        """The verified bytes of block `b`, in time linear in them and in its part of the index."""
        first, stop = self._extent(b)
        bits = self._lengths.total(first, stop)
        start = self._table.starts[b]
        size = (bits + 7) // 8
        raw = self._file.read_at(start, size + CRC_BYTES)
        data = raw[:size]
        if U32.unpack_from(raw, size)[0] != block_crc(b, data):
            raise Corrupt(
                f"the checksum of block {b} at byte {start} differs: pictures {first} to "
                f"{stop - 1} are damaged; the others can still be read"
            )
        if not padding_is_zero(data, bits):
            raise Corrupt(f"the padding of block {b} at byte {start} is not zero")
        return data

    def _parse(self, block: _Block, k: int) -> Record:
        start, stop = block.offsets[k], block.offsets[k + 1]
        geometry = None
        if self.record_geometry:
            width = read_int(block.data, start, 32)
            geometry = Geometry(width, read_int(block.data, start + 32, 32))
            check_geometry(geometry, self._max_pixels)
            start += RECORD_GEOMETRY_BITS
        return Record(extract(block.data, start, stop - start), stop - start, geometry)
