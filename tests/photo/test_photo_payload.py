"""The payload of a photo: front, index, tiles; and every way in which it can contradict itself."""

from __future__ import annotations

import struct
import zlib

import pytest

from pseudocodec.errors import Corrupt
from pseudocodec.photo import payload
from pseudocodec.photo.tiles import Grid

ONE, FOUR = Grid(1000, 1024), Grid(1025, 1100)
TILES = [b"first", b"second", b"", b"4"]


def indexed(front: bytes, entries: bytes, grid: Grid = FOUR) -> bytes:
    """A front with a checksum that is right."""
    body = front + entries
    size = struct.pack("<II", grid.width, grid.height)
    return body + struct.pack("<I", zlib.crc32(size + body))


def unpack(data: bytes, grid: Grid = FOUR) -> payload.Front:
    return payload.unpack(data[: payload.front_size(grid)], len(data), grid)


def test_one_tile_takes_three_bytes_of_front() -> None:
    data = payload.pack(ONE, True, 0x0102, [b"tile"])
    assert data == b"\x01\x02\x01tile"
    assert unpack(data, ONE) == payload.Front(True, 0x0102, [3, 7], [])


def test_several_tiles_have_an_index() -> None:
    data = payload.pack(FOUR, False, 7, TILES)
    front = unpack(data)
    assert (front.grey, front.level) == (False, 7)
    assert front.offsets[0] == payload.front_size(FOUR) == 3 + 4 * 8 + 4
    parts = [data[a:b] for a, b in zip(front.offsets, front.offsets[1:], strict=False)]
    assert parts == TILES
    assert front.checksums == [payload.tile_crc(i, tile) for i, tile in enumerate(TILES)]
    entries = b"".join(
        struct.pack("<II", len(t), zlib.crc32(struct.pack("<I", i) + t))
        for i, t in enumerate(TILES)
    )
    assert data == indexed(b"\x00\x07\x00", entries) + b"".join(TILES)


def test_swapped_tiles_have_other_checksums() -> None:
    assert payload.tile_crc(0, b"same") != payload.tile_crc(1, b"same")


@pytest.mark.parametrize("grid", [ONE, FOUR])
def test_a_truncated_front_is_refused(grid: Grid) -> None:
    data = payload.pack(grid, False, 7, TILES[: grid.tiles])
    for length in range(payload.front_size(grid)):
        with pytest.raises(Corrupt, match=f"{length} bytes of payload.*before its tiles"):
            unpack(data[:length], grid)


@pytest.mark.parametrize("flags", [2, 3, 0x80, 0xFF])
@pytest.mark.parametrize("grid", [ONE, FOUR])
def test_unknown_flags_are_refused(grid: Grid, flags: int) -> None:
    data = bytearray(payload.pack(grid, False, 7, TILES[: grid.tiles]))
    data[0] = flags
    with pytest.raises(Corrupt, match=f"unknown flags {flags:#x}"):
        unpack(bytes(data), grid)


def test_every_flipped_bit_of_the_index_is_noticed() -> None:
    data = bytearray(payload.pack(FOUR, False, 7, TILES))
    for bit in range(8 * payload.front_size(FOUR)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Corrupt):
            unpack(bytes(data))
        data[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("other", [Grid(1100, 1025), Grid(1025, 1101), Grid(1026, 1100)])
def test_the_index_belongs_to_a_size(other: Grid) -> None:
    assert other.tiles == FOUR.tiles
    with pytest.raises(Corrupt, match="checksum of the tile index"):
        unpack(payload.pack(FOUR, False, 7, TILES), other)


@pytest.mark.parametrize("lengths", [(5, 6, 0, 0), (5, 6, 0, 2), (2**32 - 1,) * 4])
def test_lengths_that_do_not_add_up_are_refused(lengths: tuple[int, ...]) -> None:
    entries = b"".join(struct.pack("<II", length, 0) for length in lengths)
    with pytest.raises(Corrupt, match="the tiles end at byte"):
        unpack(indexed(b"\x00\x07\x00", entries) + b"".join(TILES))


def test_bytes_behind_the_tiles_are_refused() -> None:
    with pytest.raises(Corrupt, match="the tiles end at byte"):
        unpack(payload.pack(FOUR, False, 7, TILES) + b"\x00")
