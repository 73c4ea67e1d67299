"""Pictures in and out."""

from __future__ import annotations

import io
import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pseudocodec._text import label
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import as_array, read, resize, to_8_bit

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (5, 7), dtype=np.uint8)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def png(array: np.ndarray, path: Path) -> Path:
    Image.fromarray(array).save(path)
    return path


class TestAsArray:
    @given(
        hnp.arrays(
            st.sampled_from([np.uint8, np.uint16]),
            st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])),
        )
    )
    def test_canonical_arrays_pass_unchanged(self, array: np.ndarray) -> None:
        result = as_array(array)
        assert result.dtype == array.dtype
        np.testing.assert_array_equal(result, array)

    def test_grey_without_channel_axis(self) -> None:
        np.testing.assert_array_equal(as_array(GREY), GREY[:, :, None])

    def test_bool_is_black_and_white(self) -> None:
        assert as_array(np.array([[False, True]])).tolist() == [[[0], [255]]]

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_floats_become_16_bits(self, dtype: type) -> None:
        assert as_array(np.array([[0, 0.5, 1]], dtype)).ravel().tolist() == [0, 32768, 65535]

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_scaled_bytes_become_their_exact_16_bit_equals(self, dtype: type) -> None:
        levels = np.arange(256, dtype=np.uint16)[None]
        floats = (levels / 255).astype(dtype)
        np.testing.assert_array_equal(as_array(floats)[:, :, 0], levels * 257)

    def test_big_endian_is_made_native(self) -> None:
        result = as_array(np.array([[1, 2]], ">u2"))
        assert result.dtype == np.dtype("=u2")
        assert result.ravel().tolist() == [1, 2]

    @pytest.mark.parametrize("colours", [1, 3])
    def test_opaque_alpha_is_dropped(self, colours: int) -> None:
        array = RGB[:, :, :colours]
        opaque = np.full((5, 7, 1), 255, np.uint8)
        np.testing.assert_array_equal(as_array(np.concatenate([array, opaque], 2)), array)

    @pytest.mark.parametrize("colours", [1, 3])
    def test_transparency_is_refused(self, colours: int) -> None:
        array = np.full((2, 2, colours + 1), 255, np.uint8)
        array[1, 1, -1] = 254
        with pytest.raises(PslError, match="transparent somewhere"):
            as_array(array)

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.5, 1.5])
    def test_floats_out_of_range_are_named(self, value: float) -> None:
        array = np.full((3, 3), 0.5)
        array[1, 2] = value
        with pytest.raises(PslError, match=rf"\[0, 1\], found {value:g}"):
            as_array(array)

    @pytest.mark.parametrize(
        ("value", "advice"),
        [(200, r"\.astype\('uint8'\)"), (300, r"\.astype\('uint16'\)"), (-3, "holds -3")],
    )
    def test_wide_integers_are_refused_with_advice(self, value: int, advice: str) -> None:
        with pytest.raises(PslError, match=advice):
            as_array(np.array([[0, value]], np.int64))

    @pytest.mark.parametrize("dtype", ["complex64", "O", "U1", "M8[s]"])
    def test_other_dtypes_are_refused(self, dtype: str) -> None:
        with pytest.raises(PslError, match="must be of dtype"):
            as_array(np.zeros((2, 2), dtype))

    @pytest.mark.parametrize("shape", [(), (4,), (4, 4, 5), (4, 4, 0), (2, 4, 4, 3)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(PslError, match="shape"):
            as_array(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0, 3)])
    def test_empty_arrays_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(PslError, match="empty"):
            as_array(np.zeros(shape, np.uint8))

    @pytest.mark.parametrize("thing", [[[1, 2]], "a.png", None, 3])
    def test_other_types_are_refused(self, thing: object) -> None:
        with pytest.raises(PslError, match=type(thing).__name__):
            as_array(thing)


class TestPil:
    @pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
    def test_modes_agree_with_pillow(self, mode: str) -> None:
        image = Image.fromarray(RGB).convert(mode)
        expected = np.asarray(image.convert("RGB" if mode.startswith("RGB") else "L"))
        np.testing.assert_array_equal(as_array(image).squeeze(), expected)

    @pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
    def test_16_bit_modes(self, mode: str) -> None:
        image = Image.new(mode, (2, 1))
        image.putpixel((1, 0), 40000)
        result = as_array(image)
        assert result.dtype == np.uint16
        assert result.ravel().tolist() == [0, 40000]

    def test_float_mode(self) -> None:
        assert as_array(Image.new("F", (1, 1), 1.0)).ravel().tolist() == [65535]

    @pytest.mark.parametrize("value", [-1, 65536])
    def test_mode_i_beyond_16_bits_is_refused(self, value: int) -> None:
        with pytest.raises(PslError, match=f"found {value}"):
            as_array(Image.new("I", (2, 2), value))

    def test_palette_of_greys_is_grey(self) -> None:
        image = Image.fromarray(GREY).convert("P")
        np.testing.assert_array_equal(as_array(image), GREY[:, :, None])

    def test_palette_of_colours_is_rgb(self) -> None:
        image = Image.fromarray(RGB).quantize(16)
        np.testing.assert_array_equal(as_array(image), np.asarray(image.convert("RGB")))

    @pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("P", 7), ("I;16", 7)])
    def test_colour_key_counts_as_alpha(self, mode: str, key: object) -> None:
        image = Image.new(mode, (2, 2), key)  # type: ignore[arg-type]
        image.info["transparency"] = key
        with pytest.raises(PslError, match="transparent somewhere"):
            as_array(image)

    @pytest.mark.parametrize(("mode", "key"), [("L", 8), ("RGB", (8, 7, 7)), ("P", 8), ("I;16", 8)])
    def test_unused_colour_key_is_ignored(self, mode: str, key: object) -> None:
        image = Image.new(mode, (2, 2), (7, 7, 7) if mode == "RGB" else 7)
        image.info["transparency"] = key
        assert as_array(image).shape == (2, 2, 3 if mode == "RGB" else 1)

    @pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "RGBX"])
    def test_other_modes_are_refused(self, mode: str) -> None:
        with pytest.raises(PslError, match=rf'mode {mode} .*convert\("RGB"\)'):
            as_array(Image.new(mode, (2, 2)))

    @pytest.mark.parametrize(("mode", "remedy"), [("La", "LA"), ("RGBa", "RGBA")])
    def test_premultiplied_modes_are_refused_with_a_remedy_that_works(
        self, mode: str, remedy: str
    ) -> None:
        image = Image.new(remedy, (2, 2), 255).convert(mode)
        with pytest.raises(PslError, match=rf'convert\("{remedy}"\)'):
            as_array(image)
        assert image.convert(remedy).mode == remedy

    def test_cmyk_points_to_colour_management(self) -> None:
        with pytest.raises(PslError, match=r"PIL\.ImageCms"):
            as_array(Image.new("CMYK", (2, 2)))

    @pytest.mark.parametrize(("mode", "key"), [("L", "x"), ("RGB", (1, 2)), ("I;16", (1, 2, 3))])
    def test_unusable_colour_key_is_one_sentence(self, mode: str, key: object) -> None:
        image = Image.new(mode, (2, 2))
        image.info["transparency"] = key
        with pytest.raises(PslError, match="the image is damaged"):
            as_array(image)

    def test_orientation_is_applied_and_the_original_kept(self) -> None:
        image = Image.fromarray(GREY)
        image.getexif()[0x0112] = 6  # turned by a quarter
        np.testing.assert_array_equal(as_array(image)[:, :, 0], np.rot90(GREY, -1))
        np.testing.assert_array_equal(np.asarray(image), GREY)

    def test_empty_image(self) -> None:
        with pytest.raises(PslError, match="empty"):
            as_array(Image.new("L", (0, 3)))

    def test_lazily_opened_and_truncated(self, tmp_path: Path) -> None:
        path = png(RNG.integers(0, 256, (64, 64), dtype=np.uint8), tmp_path / "a.png")
        image = Image.open(io.BytesIO(path.read_bytes()[:1000]))
        with image, pytest.raises(PslError, match="damaged"):
            as_array(image)


class TestTorch:
    def test_tensors_are_channels_first(self) -> None:
        import torch

        tensor = torch.from_numpy(RGB).permute(2, 0, 1)
        np.testing.assert_array_equal(as_array(tensor), RGB)
        np.testing.assert_array_equal(as_array(torch.from_numpy(GREY)), GREY[:, :, None])

    @pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
    def test_floats_that_need_gradients(self, dtype: str) -> None:
        import torch

        tensor = torch.ones((1, 2, 2), dtype=getattr(torch, dtype), requires_grad=True)
        assert (as_array(tensor) == 65535).all()

    def test_channels_last_is_refused(self) -> None:
        import torch

        with pytest.raises(PslError, match="channels first"):
            as_array(torch.zeros((28, 28, 3)))

    @pytest.mark.parametrize("device", ["cpu", "meta"])
    def test_tensors_without_values_are_refused(self, device: str) -> None:
        import torch

        tensor = torch.zeros((2, 2), device=device)
        with pytest.raises(PslError, match="cannot read the tensor"):
            as_array(tensor.to_sparse() if device == "cpu" else tensor)


class TestRead:
    @pytest.mark.parametrize("array", [GREY, RGB, GREY.astype(np.uint16) * 257])
    def test_lossless_file(self, array: np.ndarray, tmp_path: Path) -> None:
        path = png(array, tmp_path / "a.png")
        np.testing.assert_array_equal(as_array(read(path)).squeeze(), array)
        np.testing.assert_array_equal(
            as_array(read(io.BytesIO(path.read_bytes()))).squeeze(), array
        )

    def test_orientation_is_applied(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # turned by a quarter
        Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif)
        np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.png")), np.rot90(GREY, -1))

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_orientation_is_applied_once_and_the_profile_kept(
        self, orientation: int, tmp_path: Path
    ) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif, icc_profile=b"profile")
        image = read(tmp_path / "a.png")
        assert image.info["icc_profile"] == b"profile"
        np.testing.assert_array_equal(as_array(image)[:, :, 0], np.asarray(image))
        assert image.size == ((7, 5) if orientation < 5 else (5, 7))

    def test_broken_exif_is_ignored(self, tmp_path: Path) -> None:
        Image.fromarray(GREY).save(tmp_path / "a.png", exif=b"Exif\0\0nonsense")
        np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.png")), GREY)

    def test_first_frame_of_an_animation(self, tmp_path: Path) -> None:
        frames = [Image.new("L", (4, 4), level) for level in (10, 200)]
        frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
        assert (as_array(read(tmp_path / "a.gif")) == 10).all()

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(PslError, match=r"cannot read .*a\.png: No such file"):
            read(tmp_path / "a.png")

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PslError, match="cannot read"):
            read(tmp_path)

    def test_zero_bytes(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").touch()
        with pytest.raises(PslError, match=r"a\.png is empty"):
            read(tmp_path / "a.png")
        with pytest.raises(PslError, match="the picture is empty"):
            read(io.BytesIO())

    def test_not_a_picture(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_text("hello")
        with pytest.raises(PslError, match=r"a\.png is not a picture"):
            read(tmp_path / "a.png")

    @pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif", "bmp"])
    def test_every_truncation_is_one_sentence(self, suffix: str) -> None:
        stream = io.BytesIO()
        picture = RNG.integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(picture).save(stream, suffix.replace("jpg", "jpeg").replace("tif", "tiff"))
        data = stream.getvalue()
        refused = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some readers warn before they raise
            for length in range(0, len(data) - 1, 7):
                try:
                    read(io.BytesIO(data[:length]))
                except PslError as error:
                    refused += 1
                    assert "\n" not in str(error)
        assert refused > 10

    def test_too_many_pixels(self, tmp_path: Path) -> None:
        path = png(GREY, tmp_path / "a.png")
        with pytest.raises(TooLarge, match="7 x 5 pixels, more than the 34 allowed"):
            read(path, max_pixels=34)
        assert read(path, max_pixels=35).size == (7, 5)

    def test_decompression_bomb(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = png(GREY, tmp_path / "a.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(TooLarge, match="too many pixels for Pillow"):
            read(path)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)  # Pillow would only warn
        assert read(path).size == (7, 5)


class TestResize:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_flat_pictures_stay_flat(self, dtype: type, channels: int) -> None:
        full = np.iinfo(dtype).max
        result = resize(np.full((9, 6, channels), full, dtype), 4, 13)
        assert result.dtype == dtype
        assert result.shape == (13, 4, channels)
        assert (result == full).all()

    def test_overshoot_is_clipped_not_wrapped(self) -> None:
        edge = np.zeros((1, 16, 1), np.uint16)
        edge[:, 8:] = 65535
        result = resize(edge, 64, 1)[0, :, 0].astype(int)
        assert result[:24].max() < 20000
        assert result[-24:].min() > 45000

    def test_16_bits_agree_with_8(self) -> None:
        small = resize(RGB, 3, 4).astype(int)
        deep = resize(RGB.astype(np.uint16) * 257, 3, 4) / 257
        assert np.abs(small - deep).max() <= 1.0  # each rounds once to 8 bits at the most

    def test_downscaling_is_antialiased(self) -> None:
        stripes = np.zeros((64, 64, 1), np.uint8)
        stripes[:, ::2] = 255
        inner = resize(stripes, 8, 8)[:, 1:-1].astype(int)
        assert np.abs(inner - 127.5).max() < 8

    def test_same_size_is_untouched(self) -> None:
        assert resize(RGB, 7, 5) is RGB

    @pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5)])
    def test_impossible_sizes(self, size: tuple[int, int]) -> None:
        with pytest.raises(PslError, match="cannot resize"):
            resize(RGB, *size)


def test_8_bits_of_16_round_to_nearest() -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    expected = np.rint(deep / 257).astype(np.uint8)
    np.testing.assert_array_equal(to_8_bit(deep), expected)
    np.testing.assert_array_equal(to_8_bit(expected), expected)


def test_labels_are_printable() -> None:
    assert label("a\x1b[31m\n\udc80é") == "a\ufffd[31m\ufffd\ufffdé"
