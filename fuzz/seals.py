"""Make the checksums of mutated files right again, so that mutations reach what lies behind them.

`seal` takes any bytes for a .psl file: the magic, the version, and a model that is here are put in
front, and every checksum whose place is known is computed again, from the outside in: the blocks of
an archive, its index, its header; the index and the tiles of a photo's payload. What cannot be a
file of that shape stays as it is, for the readers to refuse.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from pseudocodec.container.layout import (
    ARCHIVE,
    ARCHIVE_HEADER_BYTES,
    COMMON,
    GEOMETRY,
    MAGIC,
    U32,
    VERSION,
    Flag,
    block_crc,
    front_crc,
)
from pseudocodec.container.lengths import Lengths, index_bytes
from pseudocodec.photo import payload
from pseudocodec.photo.tiles import Grid

MOST_BLOCKS = 1 << 10  # that are sealed: the rest of a large claim stays as it is


def seal(data: bytes, models: Sequence[bytes] = ()) -> bytes:
    """`data` as a file of one of `models` (any, without them) with every checksum right."""
    if len(data) < COMMON.size:
        return data
    file = bytearray(data)
    file[: len(MAGIC) + 1] = MAGIC + bytes([VERSION])
    if models:
        file[8:16] = models[file[8] % len(models)]
    if Flag.ARCHIVE & file[7]:
        _seal_archive(file)
    else:
        _seal_photo(file)
        _put_crc(file, 16, front_crc(memoryview(file)))
    return bytes(file)


def seal_photo_payload(data: bytes, grid: Grid) -> bytes:
    """A photo's payload with the checksums of its tiles and of their index right."""
    start = payload.front_size(grid)
    if grid.tiles == 1 or len(data) < start:
        return data
    file = bytearray(data)
    end = start
    for number in range(grid.tiles):
        at = payload.FRONT.size + payload.ENTRY.size * number
        length = payload.ENTRY.unpack_from(file, at)[0]
        crc = payload.tile_crc(number, bytes(file[end : end + length]))
        payload.ENTRY.pack_into(file, at, length, crc)
        end += length
    size = payload.SIZE.pack(grid.width, grid.height)
    _put_crc(file, start - 4, zlib.crc32(file[: start - 4], zlib.crc32(size)))
    return bytes(file)


def _seal_photo(file: bytearray) -> None:
    """The payload of a single picture with a size and no chunks, as if it were a photo's."""
    start = COMMON.size + GEOMETRY.size
    if file[7] != Flag.GEOMETRY | Flag.DENSE or len(file) < start:
        return
    width, height = GEOMETRY.unpack_from(file, COMMON.size)
    grid = Grid(height, width)
    if 1 < grid.tiles < MOST_BLOCKS:
        file[start:] = seal_photo_payload(bytes(file[start:]), grid)


def _seal_archive(file: bytearray) -> None:
    if len(file) < ARCHIVE_HEADER_BYTES:
        return
    count, _, _, block_images, width, _, base, unit, index = ARCHIVE.unpack_from(file, COMMON.size)
    first = ARCHIVE_HEADER_BYTES
    if Flag.CHUNKS & file[7] and len(file) >= first + 4:
        first += 4 + U32.unpack_from(file, first)[0]
    size = index_bytes(count, width)
    if width and index + size + 4 <= len(file):
        _put_crc(file, index + size, zlib.crc32(file[index : index + size]))
    if block_images and width <= 32 and index + size <= len(file):
        packed = bytes(file[index : index + size]) if width else b""
        _seal_blocks(file, Lengths(count, base, unit, width, packed), first, block_images)
    _put_crc(file, 16, front_crc(bytes(file[:first])))


def _seal_blocks(file: bytearray, lengths: Lengths, start: int, block_images: int) -> None:
    for number in range(min(MOST_BLOCKS, -(-lengths.count // block_images))):
        first = number * block_images
        stop = min(first + block_images, lengths.count)
        end = start + (lengths.total(first, stop) + 7) // 8
        if end + 4 > len(file):
            return
        _put_crc(file, end, block_crc(number, bytes(file[start:end])))
        start = end + 4


def _put_crc(file: bytearray, at: int, crc: int) -> None:
    file[at : at + 4] = U32.pack(crc)
