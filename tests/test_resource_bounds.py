"""No file of up to 1 MB costs more than it may, whatever it claims.

Beyond the model: 200 MB and the pixels that the file declares (which a reader's `max_pixels`
limits, by default to 2^28); 5 seconds and 2 for each megapixel, sides counted as multiples of 16.
Memory is measured, in forks of a process that has the models loaded (`bounds_probe`). Times on a
busy machine say little: each way to read a file only has to end.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_tools import seal, tiny
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.container import Chunk, Geometry, write_single
from pseudocodec.container.layout import ARCHIVE, COMMON, MAGIC, Flag
from pseudocodec.hyperprior import Decoded
from pseudocodec.image import resize
from pseudocodec.photo.decoder import NO_FILTER, Tiles, synthesise
from pseudocodec.photo.tiles import Box, Grid
from pseudocodec.photo.window import Window

MOST_MB = 200  # beyond the model and the declared picture
LARGE = Geometry(10_000, 10_000)
FILES: dict[str, tuple[Callable[[], bytes], int]] = {}  # how each is made, the pixels it declares

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is measured as Linux tells it"
)


def case(pixels: int = 0) -> Callable[[Callable[[], bytes]], Callable[[], bytes]]:
    """A worst-case file, of a picture with `pixels` bytes in memory if it decodes at all."""

    def register(make: Callable[[], bytes]) -> Callable[[], bytes]:
        FILES[make.__name__] = (make, pixels)
        return make

    return register


def photo(payload: bytes, size: Geometry = LARGE, chunks: tuple[Chunk, ...] = ()) -> bytes:
    model = tiny.models()[3].id
    return write_single(model, payload, geometry=size, chunks=chunks, dense=True)


def fitted(payload: bytes, size: Geometry = LARGE) -> bytes:
    return write_single(tiny.models()[4].id, payload, geometry=size, dense=True)


def noise(size: int) -> bytes:
    return np.random.default_rng(1).bytes(size)


def index(size: Geometry, tile: bytes) -> bytes:
    """The payload of a photo whose tiles are all the same, each checksum still to be set."""
    tiles = Grid(size.height, size.width).tiles
    entries = struct.pack("<II", len(tile), 0) * tiles
    return bytes(3) + entries + bytes(4) + tile * tiles


def archive(
    count: int,
    *,
    block_images: int = 65535,
    width: int = 0,
    base: int = 0,
    unit: int = 0,
    flags: Flag = Flag.DENSE,
    size: Geometry | None = None,
    rest: bytes | None = None,
    index_bytes: bytes = b"",
) -> bytes:
    """An archive for the first tiny model, by default of empty records, with right checksums."""
    blocks = -(-count // block_images)
    if rest is None:
        rest = b"".join(
            struct.pack("<I", zlib.crc32(struct.pack("<Q", number))) for number in range(blocks)
        )
    flags |= Flag.ARCHIVE | (Flag.GEOMETRY if size else Flag(0))
    end = COMMON.size + ARCHIVE.size + len(rest)
    head = COMMON.pack(MAGIC, 1, flags, tiny.models()[0].id, 0)
    fields = (count, *(size or (0, 0)), block_images, width, 0, base, unit, end)
    tail = index_bytes + struct.pack("<I", zlib.crc32(index_bytes)) if width else b""
    file = bytearray(head + ARCHIVE.pack(*fields) + rest + tail)
    file[16:20] = struct.pack("<I", zlib.crc32(file[:16] + file[20:56]))
    return bytes(file)


@case()
def photo_of_100_megapixels_without_payload() -> bytes:
    return photo(b"")


@case()
def photo_of_100_megapixels_of_noise() -> bytes:
    return photo(noise(10**6))


@case()
def photo_of_100_megapixels_with_tiles_of_noise() -> bytes:
    return seal(photo(index(LARGE, noise(9000))))


@case()
def photo_of_one_tile_of_noise() -> bytes:
    return photo(bytes(3) + b"\x80\x08" + noise(10**6 - 5), Geometry(1024, 1024))


@case()
def photo_of_the_widest_strip_without_payload() -> bytes:
    return photo(index(Geometry(1 << 20, 256), b""), Geometry(1 << 20, 256))


@case(3 * 8192 * 3072)
def photo_of_25_megapixels_from_200_bytes() -> bytes:
    """Tiles of one zero byte are right: no hyper-latents but zeros, no residuals but zeros."""
    size = Geometry(3072, 8192)
    return seal(photo(index(size, b"\0"), size))


@case(4 * 8192 * 3072)
def photo_of_25_megapixels_with_transparency() -> bytes:
    size = Geometry(3072, 8192)
    plane = zlib.compress(bytes([1]) + bytes(size.width * size.height - 1), 9)
    sealed = seal(photo(index(size, b"\0"), size))[28:]
    return photo(sealed, size, (Chunk(b"Alph", b"\2" + plane),))


@case(400_000_000)
def corner_of_100_megapixels_of_transparency() -> bytes:
    """The second tile is wrong, so that the whole is refused; one corner of it decodes."""
    plane = zlib.compress(bytes([7]) + bytes(10**8 - 1), 9)
    payload = bytearray(index(LARGE, b"\0"))
    payload[1 - Grid(*LARGE).tiles] = 0x80
    sealed = seal(photo(bytes(payload)))[28:]
    return photo(sealed, LARGE, (Chunk(b"Alph", b"\2" + plane),))


@case()
def fitted_of_100_megapixels_without_payload() -> bytes:
    return fitted(b"")


@case()
def fitted_of_100_megapixels_with_tiles_of_noise() -> bytes:
    return seal(fitted(index(LARGE, noise(9000))))


@case()
def fitted_of_one_tile_of_noise() -> bytes:
    return fitted(bytes(3) + bytes([31] + 5 * [5, 20]) + noise(10**6), Geometry(1024, 1024))


@case(3 * 2048 * 2048)
def fitted_of_4_megapixels_from_70_bytes() -> bytes:
    """Tiles of one zero byte are right: no net differs, every latent is the lowest."""
    size = Geometry(2048, 2048)
    return seal(fitted(index(size, b"\0"), size))


@case()
def corner_of_100_megapixels_of_fitted_tiles() -> bytes:
    """The second tile is wrong, so that the whole is refused; one corner of it decodes."""
    payload = bytearray(index(LARGE, b"\0"))
    payload[1 - Grid(*LARGE).tiles] = 0xFF
    return seal(fitted(bytes(payload)))


@case()
def alpha_bomb() -> bytes:
    bomb = zlib.compress(bytes(10**9), 9)[: 10**6 - 100]
    return photo(b"\0\0\0\0", Geometry(16, 16), (Chunk(b"Alph", b"\1" + bomb),))


@case()
def profile_bomb() -> bytes:
    bomb = zlib.compress(bytes(10**8), 9)
    return photo(b"\0\0\0\0", Geometry(16, 16), (Chunk(b"iccp", bomb),))


@case()
def chunks_without_number() -> bytes:
    section = (b"aaaa" + bytes(4)) * (10**6 // 8 - 16)
    flags = Flag.CHUNKS | Flag.DENSE
    head = COMMON.pack(MAGIC, 1, flags, tiny.models()[3].id, 0)
    return seal(head + struct.pack("<I", len(section)) + section)


@case()
def picture_of_2_to_the_40_pixels() -> bytes:
    file = bytearray(photo(b"", Geometry(1 << 20, 1)))
    file[24:28] = struct.pack("<I", 1 << 20)
    return seal(bytes(file))


@case(100_000_000)
def small_picture_stretched_to_100_megapixels() -> bytes:
    return write_single(tiny.models()[0].id, noise(12), geometry=LARGE, dense=True)


@case(300_000_000)
def small_colour_picture_stretched_to_100_megapixels() -> bytes:
    return write_single(tiny.models()[1].id, b"", geometry=LARGE)


@case()
def archive_claims_2_to_the_32_pictures_and_has_none() -> bytes:
    return archive(1 << 32, rest=b"")


@case()
def archive_has_2_to_the_32_empty_pictures() -> bytes:
    return archive(1 << 32)


@case()
def archive_index_of_a_megabyte() -> bytes:
    count = 8 * 990_000
    return archive(count, width=1, unit=1, index_bytes=bytes(count // 8))


@case()
def archive_index_of_the_widest_codes() -> bytes:
    return archive(250_000, width=32, unit=(1 << 32) - 1, index_bytes=b"\xff" * 10**6)


@case()
def archive_of_8_million_pictures_of_a_bit() -> bytes:
    blocks, size = 120, (65535 + 7) // 8
    body = b"".join(
        data + struct.pack("<I", zlib.crc32(struct.pack("<Q", number) + data))
        for number in range(blocks)
        for data in [bytes(size)]
    )
    return archive(65535 * blocks, base=1, rest=body)


@case()
def archive_of_200_000_blocks() -> bytes:
    return archive(200_000, block_images=1, width=1, unit=1, index_bytes=bytes(25_000))


@case(2 * 100_000_000)
def archive_of_stretched_pictures() -> bytes:
    return archive(1 << 20, size=LARGE)


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("worst")
    (folder / "warm").mkdir()
    for number, (model, size) in enumerate(
        zip(tiny.models(), [(8, 8), (10, 9, 3), (8, 8), (80, 80, 3)], strict=False)
    ):
        picture = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        for progressive in (True, False):
            options = {"quality": 50, "effort": 0, "progressive": progressive}
            data = pseudocodec.encode(picture, model=model, **options)
            (folder / "warm" / f"{number}{progressive}.psl").write_bytes(data)
    (folder / "warm" / "fitted.psl").write_bytes(fitted(bytes(4), Geometry(80, 80)))
    for name, (make, _) in FILES.items():
        data = make()
        assert len(data) <= 1 << 20, name
        (folder / f"{name}.psl").write_bytes(data)
    threads = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    probe = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("bounds_probe.py")), str(folder)],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert probe.returncode == 0, probe.stderr
    found: dict[str, Any] = json.loads(probe.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", FILES)
def test_worst_case(costs: dict[str, Any], name: str) -> None:
    cost, (_, picture) = costs[name], FILES[name]
    assert "killed" not in cost, "it did not end, or took the address space it was given"
    assert not [o for o in cost["outcomes"].values() if o.startswith("BUG")], cost
    assert cost["mb"] <= MOST_MB + picture / 1e6, cost


@pytest.mark.parametrize("size", [(8192, 16), (16, 8192)])
def test_a_decoder_holds_the_tiles_that_it_looks_at(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """Eight tiles in a line: each part sees its own and one on either side."""
    model, grid = tiny.models()[3], Grid(*size)
    most: list[int] = []
    decoded: list[int] = []

    class Watched(Window):
        def block(self, i: int) -> NDArray[np.float32]:
            most.append(len(self._store))
            return super().block(i)

    def content(number: int) -> Decoded:
        box = grid.tile(number)
        decoded.append(number)
        latents = np.zeros((model.code.latents, box.height, box.width), np.float32)
        return Decoded(latents, NO_FILTER)

    monkeypatch.setattr("pseudocodec.photo.decoder.Window", Watched)
    assert synthesise(model, Tiles(grid, False, 0, content)).shape == (*size, 3)
    assert most == [3] * 8
    assert decoded == list(range(8))


def test_a_decoder_lets_go_of_each_fitted_tile() -> None:
    """A region across six of eight tiles: they alone are decoded, none while another is held."""
    grid = Grid(4096, 2048)
    decoded: dict[int, weakref.ref[NDArray[np.uint8]]] = {}

    def content(number: int) -> NDArray[np.uint8]:
        assert not [n for n, pixels in decoded.items() if pixels() is not None]
        pixels = np.full((1024, 1024, 3), number, np.uint8)
        decoded[number] = weakref.ref(pixels)
        return pixels

    tiles = Tiles(grid, False, 0, content)
    out = synthesise(tiny.models()[4], tiles, Box(1000, 1020, 2060, 1030))
    assert list(decoded) == [0, 1, 2, 3, 4, 5]
    assert out.shape == (1060, 10, 3)
    assert (out[0, 0, 0], out[-1, -1, 0]) == (0, 5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(40, 3), (3, 40), (7, 11)])
def test_strips_are_resampled_as_the_whole_is(
    monkeypatch: pytest.MonkeyPatch, dtype: type, size: tuple[int, int]
) -> None:
    picture = np.random.default_rng(3).integers(0, np.iinfo(dtype).max, (9, 12, 3), dtype)
    whole = resize(picture, *size)
    monkeypatch.setattr("pseudocodec.image.STRIP", 1)
    np.testing.assert_array_equal(resize(picture, *size), whole)
