"""Transparency and ICC profiles: in, to chunks, and back."""

from __future__ import annotations

import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from pseudocodec.container import Chunk, Geometry, read_single, write_single
from pseudocodec.errors import Corrupt, PslError, TooLarge, UnsupportedVersion
from pseudocodec.image import as_array, read, to_8_bit
from pseudocodec.picture import KNOWN, MAX_ICC, Picture, as_picture, from_chunks, merge, to_chunks

RNG = np.random.default_rng(0)
H, W = 5, 7
RGBA = RNG.integers(0, 256, (H, W, 4), dtype=np.uint8)
RGB, ALPHA = RGBA[:, :, :3], RGBA[:, :, 3]
GREY = RGBA[:, :, :1]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

planes = hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40)))


def profile(space: bytes) -> bytes:
    """The header of an ICC profile for colours of `space`."""
    return SRGB[:16] + space + SRGB[20:]


def with_alpha(alpha: np.ndarray | None, icc: bytes | None = None) -> Picture:
    shape = (*(alpha.shape if alpha is not None else (H, W)), 1)
    dtype = np.uint8 if alpha is None else alpha.dtype
    return Picture(np.zeros(shape, dtype), alpha, icc)


class TestAsPicture:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("colours", [1, 3])
    def test_arrays_with_alpha(self, colours: int, dtype: type) -> None:
        array = np.dstack([RGB[:, :, :colours], ALPHA]).astype(dtype)
        picture = as_picture(array)
        assert picture.alpha is not None
        assert picture.pixels.dtype == picture.alpha.dtype == dtype
        np.testing.assert_array_equal(picture.pixels, array[:, :, :-1])
        np.testing.assert_array_equal(picture.alpha, ALPHA)
        assert picture.icc is None

    def test_float_alpha_becomes_16_bits(self) -> None:
        picture = as_picture(RGBA / 255)
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, ALPHA.astype(np.uint16) * 257)

    def test_bool_alpha(self) -> None:
        picture = as_picture(np.array([[[True, False], [False, True]]]))
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0, 255]]

    @pytest.mark.parametrize("colours", [1, 3])
    def test_tensors_with_alpha(self, colours: int) -> None:
        import torch

        array = np.dstack([RGB[:, :, :colours], ALPHA])
        picture = as_picture(torch.from_numpy(array).permute(2, 0, 1))
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.pixels, RGB[:, :, :colours])
        np.testing.assert_array_equal(picture.alpha, ALPHA)

    @pytest.mark.parametrize("mode", ["LA", "RGBA"])
    def test_pil_with_alpha(self, mode: str) -> None:
        image = Image.fromarray(RGBA).convert(mode)
        picture = as_picture(image)
        assert picture.alpha is not None
        np.testing.assert_array_equal(merge(picture.pixels, picture.alpha), np.asarray(image))

    @pytest.mark.parametrize("colours", ["greys", "colours"])
    def test_palette_with_alpha(self, colours: str) -> None:
        source = Image.fromarray(GREY[:, :, 0] if colours == "greys" else RGB).convert("P")
        image = source.convert("PA")
        image.putalpha(Image.fromarray(ALPHA))
        picture = as_picture(image)
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, ALPHA)
        np.testing.assert_array_equal(picture.pixels, as_array(source))

    @pytest.mark.parametrize("key", [1, b"\xff\x00"])
    def test_palette_with_a_transparent_entry(self, key: object) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([10, 20, 30, 40, 50, 60])
        image.putpixel((1, 0), 1)
        image.info["transparency"] = key
        picture = as_picture(image)
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[255, 0]]
        assert picture.pixels.tolist() == [[[10, 20, 30], [40, 50, 60]]]

    @pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16", "I"])
    def test_colour_key(self, mode: str) -> None:
        image = Image.new(mode, (2, 1), (1, 1, 1) if mode == "RGB" else 1)
        image.putpixel((1, 0), (0, 0, 0) if mode == "RGB" else 0)
        image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
        picture = as_picture(image)
        assert picture.alpha is not None
        full = np.iinfo(picture.pixels.dtype).max
        assert picture.alpha.tolist() == [[full, 0]]
        assert picture.pixels.shape == (1, 2, 3 if mode == "RGB" else 1)

    @pytest.mark.parametrize("array", [GREY, RGB, RGB.astype(np.uint16), GREY[:, :, 0]])
    def test_without_alpha_as_array_agrees(self, array: np.ndarray) -> None:
        picture = as_picture(array)
        assert picture.alpha is None
        np.testing.assert_array_equal(picture.pixels, as_array(array))

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.bool_])
    def test_opaque_alpha_is_none(self, dtype: type) -> None:
        full = 1 if dtype in (np.float32, np.bool_) else np.iinfo(dtype).max
        assert as_picture(np.full((2, 3, 4), full, dtype)).alpha is None

    def test_orientation_turns_alpha_too(self) -> None:
        image = Image.fromarray(RGBA)
        image.getexif()[0x0112] = 6
        image.info["icc_profile"] = SRGB
        picture = as_picture(image)
        assert picture.alpha is not None
        np.testing.assert_array_equal(picture.alpha, np.rot90(ALPHA, -1))
        np.testing.assert_array_equal(picture.pixels, np.rot90(RGB, -1))
        assert picture.icc == SRGB

    @pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB"])
    def test_other_modes_are_refused(self, mode: str) -> None:
        with pytest.raises(PslError, match=rf'mode {mode} .*convert\("RGB"\)'):
            as_picture(Image.new(mode, (2, 2)))

    def test_cmyk_file_is_refused_after_reading(self, tmp_path: Path) -> None:
        Image.new("CMYK", (8, 8)).save(tmp_path / "a.jpg")
        with pytest.raises(PslError, match=r"mode CMYK .*PIL\.ImageCms"):
            as_picture(read(tmp_path / "a.jpg"))


class TestProfile:
    @pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tif"])
    def test_of_a_file(self, suffix: str, tmp_path: Path) -> None:
        path = tmp_path / f"a.{suffix}"
        Image.fromarray(RGB).save(path, icc_profile=SRGB)
        assert as_picture(read(path)).icc == SRGB

    @pytest.mark.parametrize("value", [b"", None, "sRGB", 3])
    def test_anything_else_counts_as_none(self, value: object) -> None:
        image = Image.fromarray(RGB)
        image.info["icc_profile"] = value
        assert as_picture(image).icc is None

    def test_that_of_srgb_counts_as_none(self) -> None:
        """It says what holds without one, in three thousand bytes."""
        image = Image.fromarray(RGB)
        name = b"sRGB IEC61966-2.1\0"
        image.info["icc_profile"] = SRGB + b"desc" + bytes(4) + len(name).to_bytes(4, "big") + name
        assert as_picture(image).icc is None

    @pytest.mark.parametrize(
        ("mode", "space", "kept"),
        [
            ("RGB", b"RGB ", True),
            ("RGB", b"CMYK", False),
            ("RGB", b"GRAY", False),
            ("L", b"GRAY", True),
            ("L", b"RGB ", False),
        ],
    )
    def test_of_other_colours_counts_as_none(self, mode: str, space: bytes, kept: bool) -> None:
        image = Image.new(mode, (2, 2))
        image.info["icc_profile"] = profile(space)
        assert (as_picture(image).icc is not None) == kept

    def test_left_behind_by_the_remedy_for_cmyk(self) -> None:
        image = Image.new("CMYK", (2, 2))
        image.info["icc_profile"] = profile(b"CMYK")
        assert as_picture(image.convert("RGB")).icc is None

    def test_too_large(self) -> None:
        image = Image.fromarray(RGB)
        image.info["icc_profile"] = bytes(MAX_ICC)
        assert as_picture(image).icc == bytes(MAX_ICC)
        image.info["icc_profile"] = bytes(MAX_ICC + 1)
        with pytest.raises(TooLarge, match=f"{MAX_ICC + 1} bytes, .*icc_profile"):
            as_picture(image)


class TestMerge:
    @pytest.mark.parametrize("pixels", [GREY[:, :, 0], RGB])
    def test_without_alpha(self, pixels: np.ndarray) -> None:
        assert merge(pixels, None) is pixels

    @pytest.mark.parametrize("pixels", [GREY[:, :, 0], RGB])
    def test_undone_by_as_picture(self, pixels: np.ndarray) -> None:
        picture = as_picture(merge(pixels, ALPHA))
        np.testing.assert_array_equal(picture.pixels, pixels.reshape(H, W, -1))
        np.testing.assert_array_equal(picture.alpha, ALPHA)


class TestRoundTrip:
    @given(
        st.none() | planes | hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))),
        st.none() | st.binary(min_size=1, max_size=300),
    )
    def test_chunks(self, alpha: np.ndarray | None, icc: bytes | None) -> None:
        picture = with_alpha(alpha, icc)
        height, width = picture.pixels.shape[:2]
        got_alpha, got_icc = from_chunks(to_chunks(picture), width, height)
        assert got_icc == icc
        expected = None if alpha is None else to_8_bit(alpha)
        if expected is None or (expected == 255).all():
            assert got_alpha is None
        else:
            assert got_alpha is not None
            assert got_alpha.dtype == np.uint8
            np.testing.assert_array_equal(got_alpha, expected)

    def test_through_a_file(self) -> None:
        chunks = to_chunks(with_alpha(ALPHA, SRGB))
        file = write_single(bytes(8), b"payload", geometry=Geometry(W, H), chunks=chunks)
        alpha, icc = from_chunks(read_single(file, known=KNOWN).chunks, W, H)
        np.testing.assert_array_equal(alpha, ALPHA)
        assert icc == SRGB

    def test_a_reader_that_knows_no_alpha_refuses_it_and_only_it(self) -> None:
        [chunk] = to_chunks(with_alpha(ALPHA))
        with pytest.raises(UnsupportedVersion, match="Alph"):
            read_single(write_single(bytes(8), b"", chunks=[chunk]))
        assert read_single(write_single(bytes(8), b"", chunks=to_chunks(with_alpha(None, SRGB))))

    def test_nothing_is_stored_of_an_opaque_picture(self) -> None:
        assert to_chunks(as_picture(RGB)) == ()
        assert to_chunks(with_alpha(np.full((2, 2), 255, np.uint8))) == ()
        assert to_chunks(with_alpha(np.full((2, 2), 65500, np.uint16))) == ()  # opaque in 8 bits

    @pytest.mark.parametrize("value", [np.uint8(7), np.uint16(7 * 257)])
    def test_constant_alpha_takes_two_bytes(self, value: np.generic) -> None:
        [chunk] = to_chunks(with_alpha(np.full((90, 80), value)))
        assert chunk == (b"Alph", b"\x00\x07")

    def test_16_bits_are_reduced_as_colours_are(self) -> None:
        deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
        alpha, _ = from_chunks(to_chunks(with_alpha(deep)), 256, 256)
        np.testing.assert_array_equal(alpha, to_8_bit(deep))

    def test_other_chunks_are_ignored(self) -> None:
        assert from_chunks([Chunk(b"note", b"hello")], W, H) == (None, None)

    def test_hard_edges_are_stored_plain_and_soft_ones_as_differences(self) -> None:
        hard = np.where(RNG.random((40, 50)) < 0.1, 255, 0).astype(np.uint8)
        soft = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8)
        for kind, plane in ((1, hard), (2, soft)):
            [chunk] = to_chunks(with_alpha(plane))
            assert chunk.data[0] == kind
            np.testing.assert_array_equal(from_chunks([chunk], 50, 40)[0], plane)

    def test_documented_bytes(self) -> None:
        plane = np.array([[10, 20], [40, 51]], np.uint8)
        for kind, samples in ((1, [10, 20, 40, 51]), (2, [10, 10, 30, 1])):
            chunk = Chunk(b"Alph", bytes([kind]) + zlib.compress(bytes(samples)))
            np.testing.assert_array_equal(from_chunks([chunk], 2, 2)[0], plane)

    def test_noise_beyond_the_section_is_refused(self) -> None:
        noise = RNG.integers(0, 256, (4096, 4160), dtype=np.uint8)
        with pytest.raises(
            TooLarge, match=r"4160 x 4096 pixels takes \d+ bytes and .* room for 16777\d+"
        ):
            to_chunks(with_alpha(noise))

    def test_profile_and_alpha_share_the_section(self, monkeypatch: pytest.MonkeyPatch) -> None:
        icc = RNG.bytes(400)
        both = to_chunks(with_alpha(ALPHA, icc))
        size = sum(8 + len(chunk.data) for chunk in both)
        monkeypatch.setattr("pseudocodec.picture.MAX_CHUNK_SECTION", size)
        assert to_chunks(with_alpha(ALPHA, icc)) == both
        monkeypatch.setattr("pseudocodec.picture.MAX_CHUNK_SECTION", size - 1)
        with pytest.raises(TooLarge):
            to_chunks(with_alpha(ALPHA, icc))


def alph(data: bytes) -> object:
    return from_chunks([Chunk(b"Alph", data)], W, H)


def iccp(data: bytes) -> object:
    return from_chunks([Chunk(b"iccp", data)], W, H)


class TestMalformedAlpha:
    def test_empty(self) -> None:
        with pytest.raises(Corrupt, match="'Alph' is empty"):
            alph(b"")

    def test_unknown_kind(self) -> None:
        with pytest.raises(UnsupportedVersion, match="kind 3"):
            alph(b"\x03\x00")

    @pytest.mark.parametrize(("data", "what"), [(b"", "fewer"), (b"\x01\x02", "more")])
    def test_constant_of_other_length(self, data: bytes, what: str) -> None:
        with pytest.raises(Corrupt, match=f"kind 0 holds {what} than the 1 values"):
            alph(b"\x00" + data)

    @pytest.mark.parametrize("kind", [b"\x01", b"\x02"])
    @pytest.mark.parametrize(("size", "what"), [(0, "fewer"), (34, "fewer"), (36, "more")])
    def test_other_size(self, kind: bytes, size: int, what: str) -> None:
        with pytest.raises(Corrupt, match=f"holds {what} than the 35 values of a picture of 7 x 5"):
            alph(kind + zlib.compress(bytes(size)))

    def test_bomb_is_not_inflated(self) -> None:
        bomb = b"\x01" + zlib.compress(bytes(2**24), 9)
        tracemalloc.start()
        with pytest.raises(Corrupt, match="more than the 35 values"):
            alph(bomb)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**20

    def test_not_zlib(self) -> None:
        with pytest.raises(Corrupt, match="'Alph' is no zlib stream"):
            alph(b"\x01nonsense")

    def test_every_truncation(self) -> None:
        [chunk] = to_chunks(with_alpha(ALPHA))
        for length in range(1, len(chunk.data)):
            with pytest.raises(Corrupt, match="not one whole zlib stream"):
                alph(chunk.data[:length])

    def test_bytes_behind_the_stream(self) -> None:
        with pytest.raises(Corrupt, match="not one whole zlib stream"):
            alph(b"\x01" + zlib.compress(bytes(35)) + b"\x00")

    @given(st.integers(0, 10**6), st.integers(1, 255))
    def test_any_damage_is_refused_or_harmless(self, at: int, flip: int) -> None:
        [chunk] = to_chunks(with_alpha(ALPHA))
        data = bytearray(chunk.data)
        data[1 + at % (len(data) - 1)] ^= flip
        try:
            alpha, _ = from_chunks([Chunk(b"Alph", bytes(data))], W, H)
        except PslError as error:
            assert isinstance(error, Corrupt)
        else:  # a bit of deflate's padding
            np.testing.assert_array_equal(alpha, ALPHA)

    def test_opaque_counts_as_none(self) -> None:
        assert alph(b"\x00\xff") == (None, None)
        assert alph(b"\x01" + zlib.compress(b"\xff" * 35)) == (None, None)


class TestMalformedProfile:
    @pytest.mark.parametrize("data", [b"nonsense", SRGB])
    def test_not_zlib(self, data: bytes) -> None:
        with pytest.raises(Corrupt, match="'iccp' is no"):
            iccp(data)

    @pytest.mark.parametrize("length", [0, 1, 100, -1])
    def test_truncated(self, length: int) -> None:
        with pytest.raises(Corrupt, match="'iccp' is not one whole"):
            iccp(zlib.compress(SRGB)[:length])

    def test_bytes_behind_the_stream(self) -> None:
        with pytest.raises(Corrupt, match="not one whole"):
            iccp(zlib.compress(SRGB) + b"\x00")

    def test_empty_profile(self) -> None:
        with pytest.raises(Corrupt, match="empty profile"):
            iccp(zlib.compress(b""))

    def test_bomb(self) -> None:
        assert iccp(zlib.compress(bytes(MAX_ICC))) == (None, bytes(MAX_ICC))
        with pytest.raises(TooLarge, match=f"limit of {MAX_ICC} bytes"):
            iccp(zlib.compress(bytes(MAX_ICC + 1)))
