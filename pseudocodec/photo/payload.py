"""The payload of a photograph: a front, for several tiles an index, and the tiles.

| size | field | |
|---|---|---|
| 1 | u8 flags | 1: grey; others 0 |
| 2 | u16 level | 256 a row of the model's tables |
| 8 a tile | u32 length, u32 CRC-32 of the tile's number (u32) and bytes | only for several tiles |
| 4 | u32 CRC-32 of the picture's width and height (u32 each) and all the above | likewise |
| | the tiles, in reading order | |
"""

from __future__ import annotations

import zlib
from struct import Struct
from typing import NamedTuple

from pseudocodec.errors import Corrupt
from pseudocodec.photo.tiles import Grid

FRONT = Struct("<BH")
ENTRY = Struct("<II")
U32 = Struct("<I")
SIZE = Struct("<II")
GREY = 1


class Front(NamedTuple):
    """What stands before the tiles: `offsets` (count + 1) from the payload's beginning."""

    grey: bool
    level: int
    offsets: list[int]
    checksums: list[int]  # empty for a single tile, which the file's own checksum covers


def pack(grid: Grid, grey: bool, level: int, tiles: list[bytes]) -> bytes:
    """The payload of these tiles of a picture."""
    front = FRONT.pack(GREY if grey else 0, level)
    if len(tiles) > 1:
        front += b"".join(ENTRY.pack(len(t), tile_crc(i, t)) for i, t in enumerate(tiles))
        front += U32.pack(_front_crc(grid, front))
    return front + b"".join(tiles)


def front_size(grid: Grid) -> int:
    """Bytes before the tiles of such a picture."""
    return FRONT.size + (ENTRY.size * grid.tiles + U32.size if grid.tiles > 1 else 0)


def unpack(front: bytes, size: int, grid: Grid, *, cut: bool = False) -> Front:
    """The front of a payload of `size` bytes, of which with `cut` the end may be missing.

    Raises Corrupt when it contradicts itself.
    """
    start = front_size(grid)
    if size < start or len(front) < start:
        raise Corrupt(
            f"photo: {size} bytes of payload; a picture of {grid.width} x {grid.height} pixels "
            f"needs {start} before its tiles: the file is truncated or damaged"
        )
    flags, level = FRONT.unpack_from(front)
    if flags & ~GREY:
        raise Corrupt(f"photo: unknown flags {flags:#x}; the file is damaged or of a later version")
    if grid.tiles == 1:
        return Front(bool(flags), level, [start, size], [])
    if _front_crc(grid, front[: start - U32.size]) != U32.unpack_from(front, start - U32.size)[0]:
        raise Corrupt("photo: the checksum of the tile index differs; the file is damaged")
    entries = list(ENTRY.iter_unpack(front[FRONT.size : start - U32.size]))
    offsets = [start]
    for length, _ in entries:
        offsets.append(offsets[-1] + length)
    if offsets[-1] != size and not (cut and offsets[-1] > size):
        raise Corrupt(
            f"photo: the tiles end at byte {offsets[-1]} of a payload of {size}; "
            "the file is truncated or damaged"
        )
    return Front(bool(flags), level, offsets, [crc for _, crc in entries])


def _front_crc(grid: Grid, front: bytes) -> int:
    """CRC-32 of the front; who reads a region verifies nothing else of the picture's size."""
    return zlib.crc32(front, zlib.crc32(SIZE.pack(grid.width, grid.height)))


def tile_crc(number: int, data: bytes) -> int:
    """CRC-32 of a tile; its number makes swapped tiles visible."""
    return zlib.crc32(data, zlib.crc32(U32.pack(number)))
