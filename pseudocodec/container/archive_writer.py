"""Write an archive picture by picture, holding one block and four bytes a picture."""

from __future__ import annotations

import os
import zlib
from array import array
from collections.abc import Iterable
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container.archive_header import ArchiveHeader, pack_archive_header
from pseudocodec.container.bits import BitWriter, check_payload, payload_bytes
from pseudocodec.container.blocks import whole_blocks
from pseudocodec.container.chunks import Chunk, pack_section
from pseudocodec.container.geometry import Geometry, check_geometry
from pseudocodec.container.layout import (
    ARCHIVE_HEADER_BYTES,
    MAX_BLOCK_IMAGES,
    MAX_IMAGES,
    MAX_RECORD_BITS,
    MODEL_ID_BYTES,
    RECORD_GEOMETRY_BITS,
    U32,
    block_crc,
)
from pseudocodec.container.lengths import Lengths
from pseudocodec.container.source import Bounded
from pseudocodec.errors import PslError, TooLarge

DEFAULT_BLOCK_IMAGES = 256


class ArchiveWriter:
    """Writes an archive into `file`: empty, binary, seekable, and the caller's to close.

    Until `close` the file begins with zeros, which no reader accepts. As a context manager it
    closes the archive on success only: after an exception the file stays unreadable.

    `geometry` is the size of all pictures where it is not the model's own; `record_geometry`
    gives each its own size; `block_images` (1 to 65535) pictures share a checksum and a read;
    the first block begins at byte `blocks_offset`.
    Raises `PslError` for arguments that no archive can hold.
    """

    def __init__(
        self,
        file: BinaryIO,
        model_id: bytes,
        *,
        geometry: Geometry | None = None,
        record_geometry: bool = False,
        dense: bool = False,
        chunks: Iterable[Chunk] = (),
        block_images: int = DEFAULT_BLOCK_IMAGES,
    ) -> None:
        """Reserve room for the header at the front of `file`."""
        if len(model_id) != MODEL_ID_BYTES:
            raise PslError(f"model_id has {len(model_id)} bytes; it must have {MODEL_ID_BYTES}")
        if not 1 <= block_images <= MAX_BLOCK_IMAGES:
            raise PslError(f"block_images is {block_images}; it must be 1 to {MAX_BLOCK_IMAGES}")
        if geometry is not None:
            if record_geometry:
                raise PslError("geometry and record_geometry exclude each other; pass one")
            check_geometry(geometry, max_pixels=geometry.width * geometry.height)
        self._file = file
        self._model_id = model_id
        self._geometry = geometry
        self._record_geometry = record_geometry
        self._dense = dense
        self._chunks = tuple(chunks)
        self._section = pack_section(self._chunks)
        self.block_images = block_images
        self.blocks_offset = ARCHIVE_HEADER_BYTES + len(self._section)
        self._block = BitWriter()
        self._block_number = 0
        self._lengths = array("I")
        self._closed = False
        self._file.seek(0)
        self._file.write(bytes(self.blocks_offset))

    @property
    def count(self) -> int:
        """Pictures added so far."""
        return len(self._lengths)

    def add(self, payload: bytes, nbits: int, geometry: Geometry | None = None) -> None:
        """Append a picture of `nbits` bits, MSB first and zero-padded to whole bytes.

        `geometry` is given exactly when the archive has `record_geometry`. Raises `PslError` for
        a payload that does not match `nbits`, `TooLarge` above the format's limits.
        """
        self._check_open()
        if (geometry is not None) != self._record_geometry:
            raise PslError(
                "geometry must be given for each picture of a record_geometry archive only"
            )
        check_payload(payload, nbits)
        total = nbits + (RECORD_GEOMETRY_BITS if self._record_geometry else 0)
        if total > MAX_RECORD_BITS:
            raise TooLarge(f"a record of {total} bits exceeds the limit of {MAX_RECORD_BITS} bits")
        if self.count >= MAX_IMAGES:
            raise TooLarge(f"an archive holds at most {MAX_IMAGES} pictures; begin another one")
        if geometry is not None:
            check_geometry(geometry, max_pixels=geometry.width * geometry.height)
            self._block.write(geometry.width, 32)
            self._block.write(geometry.height, 32)
        self._block.write_payload(payload, nbits)
        self._lengths.append(total)
        if self.count % self.block_images == 0:
            self._flush()

    def record_bits(self, start: int) -> NDArray[np.uint32]:
        """Bits of the records added from number `start` on, sizes of pictures included."""
        return np.array(self._lengths[start:], np.uint32)

    def checkpoint(self) -> int:
        """Hand all that was added to the operating system; the CRC-32 of the open block so far.

        The bits of a block that is not full go where its first bytes will stand. More bits leave
        these whole bytes as they are and fill the last one, so that whatever is written later,
        the file still begins with what it holds now (`take_up` reads it).
        """
        self._check_open()
        data = self._block.getvalue()
        self._file.write(data)
        self._file.seek(-len(data), os.SEEK_CUR)
        self._file.flush()
        return zlib.crc32(data)

    def take_up(self, bits: NDArray[np.uint32]) -> None:
        """Go on, in a writer just made, behind records that stand in the file already.

        `bits` (N,) are their lengths, sizes of pictures included. Bytes behind them are cut off.
        The caller has verified the blocks. Raises `Corrupt` if the file is too short.
        """
        sizes = whole_blocks(bits, self.block_images)
        self._block_number = sizes.size
        start = self.blocks_offset + int(sizes.sum())
        open_bits = int(bits[sizes.size * self.block_images :].sum(dtype=np.int64))
        size = payload_bytes(open_bits)
        data = Bounded(self._file).read_at(start, size)
        self._block.write_payload(data, open_bits)
        self._lengths = array("I", bits.tobytes())
        self._file.truncate(start + size)
        self._file.seek(start)

    def close(self) -> None:
        """Write the last block, the index and the header; `PslError` when already closed."""
        self._check_open()
        if self.count % self.block_images:
            self._flush()
        self._closed = True
        index_offset = self._file.tell()
        lengths = Lengths.from_bits(np.frombuffer(self._lengths, np.uint32))
        if lengths.width:
            self._file.write(lengths.packed + U32.pack(zlib.crc32(lengths.packed)))
        header = ArchiveHeader(
            model_id=self._model_id,
            count=self.count,
            geometry=self._geometry,
            record_geometry=self._record_geometry,
            dense=self._dense,
            block_images=self.block_images,
            length_width=lengths.width,
            base_bits=lengths.base,
            unit_bits=lengths.unit,
            index_offset=index_offset,
            chunks=self._chunks,
            blocks_offset=self.blocks_offset,
        )
        self._file.seek(0)
        self._file.write(pack_archive_header(header, self._section))

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the archive, unless an exception ended the block."""
        if exc_type is None:
            self.close()

    def _flush(self) -> None:
        data = self._block.getvalue()
        self._file.write(data + U32.pack(block_crc(self._block_number, data)))
        self._block_number += 1
        self._block = BitWriter()

    def _check_open(self) -> None:
        if self._closed:
            raise PslError("the archive is closed; write another one")
