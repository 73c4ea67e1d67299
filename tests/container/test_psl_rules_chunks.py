"""M36 to M42: transparency and colour profiles in the chunk section."""

import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from pseudocodec.container import Chunk, Geometry, read_single, write_single
from pseudocodec.errors import Corrupt, TooLarge, UnsupportedVersion
from pseudocodec.picture import KNOWN, MAX_ICC, as_picture, from_chunks, to_chunks

WIDTH, HEIGHT = 7, 5
ALPHA = (np.arange(WIDTH * HEIGHT, dtype=np.uint8) ** 2).reshape(HEIGHT, WIDTH)
RGBA = np.dstack([ALPHA] * 4)


def read(tag, data):
    """Alpha and profile of a file with this chunk."""
    file = write_single(
        bytes(8), b"", geometry=Geometry(WIDTH, HEIGHT), chunks=[Chunk(tag, data)], dense=True
    )
    return from_chunks(read_single(file, known=KNOWN).chunks, WIDTH, HEIGHT)


@pytest.mark.parametrize("kind", [3, 4, 255])
def test_m36_unknown_alpha_is_refused(kind):
    with pytest.raises(UnsupportedVersion, match=f"kind {kind}"):
        read(b"Alph", bytes([kind, 0]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"\x00\x01\x02",
        *(k + zlib.compress(bytes(n)) for k in (b"\x01", b"\x02") for n in (0, 34, 36)),
        *(k + zlib.compress(bytes(35))[:-1] for k in (b"\x01", b"\x02")),
        *(k + zlib.compress(bytes(35)) + b"\x00" for k in (b"\x01", b"\x02")),
        b"\x01" + zlib.compress(bytes(35))[:-1] + b"\xff",
        b"\x01not zlib",
    ],
)
def test_m37_alpha_is_one_value_a_pixel(data):
    with pytest.raises(Corrupt, match="'Alph'"):
        read(b"Alph", data)


def test_m38_alpha_bomb_is_not_inflated():
    bomb = b"\x02" + zlib.compress(bytes(2**24), 9)
    tracemalloc.start()
    with pytest.raises(Corrupt, match="more than the 35 values"):
        read(b"Alph", bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_m39_opaque_alpha_is_not_stored(dtype):
    opaque = RGBA.astype(dtype)
    opaque[:, :, 3] = np.iinfo(dtype).max
    assert to_chunks(as_picture(opaque)) == ()
    if dtype is np.uint16:
        opaque[0, 0, 3] -= 100  # 255 once it has 8 bits
        assert to_chunks(as_picture(opaque)) == ()
    assert read(b"Alph", b"\x00\xff") == (None, None)  # taken for no alpha


def test_m40_profile_bomb_is_refused():
    assert read(b"iccp", zlib.compress(bytes(MAX_ICC)))[1] == bytes(2**22)
    bomb = zlib.compress(bytes(2**26))
    tracemalloc.start()
    with pytest.raises(TooLarge, match=f"limit of {2**22} bytes"):
        read(b"iccp", bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not zlib",
        zlib.compress(b""),
        zlib.compress(b"profile")[:-1],
        zlib.compress(b"profile") + b"\x00",
    ],
)
def test_m41_profile_is_one_whole_stream(data):
    with pytest.raises(Corrupt, match="'iccp'"):
        read(b"iccp", data)


@pytest.mark.parametrize("turned", [3, 6, 8])
def test_m42_orientation_is_applied(turned):
    image = Image.fromarray(RGBA)
    image.getexif()[0x0112] = turned
    quarters = {3: 2, 6: -1, 8: 1}[turned]
    picture = as_picture(image)
    np.testing.assert_array_equal(picture.alpha, np.rot90(ALPHA, quarters))
    np.testing.assert_array_equal(picture.pixels, np.rot90(RGBA[:, :, :3], quarters))
