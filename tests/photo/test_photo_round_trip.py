"""Pictures of every size and kind: what decodes is what the encoder said."""

from __future__ import annotations

import numpy as np
import photo_models
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

import pseudocodec
from pseudocodec.container import Chunk, read_single, write_single
from pseudocodec.metrics import psnr
from pseudocodec.model import PhotoModel
from pseudocodec.photo.encoder import Encoder
from pseudocodec.picture import KNOWN, from_chunks

Bytes = NDArray[np.uint8]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PICTURE = photo_models.smooth(40, 50, seed=5)
ALPHA = np.linspace(0, 255, 40 * 50).astype(np.uint8).reshape(40, 50)


def encode(image: object, model: PhotoModel, **options: object) -> bytes:
    return pseudocodec.encode(image, model=model, effort=0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (17, 31), (300, 200)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_file_decodes_to_what_the_encoder_says(
    photo_model: PhotoModel, size: tuple[int, int], channels: int
) -> None:
    picture = photo_models.smooth(*size, channels=channels)
    encoder = Encoder(photo_model, picture)
    coded = encoder.encode(round(0.6 * photo_model.code.top))
    data = encode(picture, photo_model, quality=60)
    assert read_single(data).payload == coded.payload
    expected = encoder.decode(coded)
    assert expected.shape == picture.shape
    decoded = pseudocodec.decode(data)
    np.testing.assert_array_equal(decoded, expected[:, :, 0] if channels == 1 else expected)
    assert psnr(picture, expected) > 25


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("size", [(64, 65), (65, 1), (150, 130)])
def test_so_do_files_of_several_tiles(photo_model: PhotoModel, size: tuple[int, int]) -> None:
    picture = photo_models.smooth(*size)
    encoder = Encoder(photo_model, picture)
    assert encoder.grid.tiles > 1
    coded = encoder.encode(500)
    np.testing.assert_array_equal(
        pseudocodec.decode(encode(picture, photo_model, quality=100 * 500 / photo_model.code.top)),
        encoder.decode(coded),
    )


def test_overhead_is_28_bytes(photo_model: PhotoModel) -> None:
    facts = pseudocodec.info(encode(PICTURE, photo_model))
    assert facts["overhead_bytes"] == 28
    assert not facts["progressive"]


def test_equal_pictures_give_equal_bytes_whatever_they_are_held_in(photo_model: PhotoModel) -> None:
    kinds = [
        PICTURE,
        Image.fromarray(PICTURE),
        torch.from_numpy(PICTURE.copy()).permute(2, 0, 1),
        np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)]),
    ]
    assert len({encode(kind, photo_model) for kind in kinds}) == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bits_decode_to_8(photo_model: PhotoModel, channels: int) -> None:
    deep = photo_models.smooth(40, 50, channels=channels).astype(np.uint16) * 257
    decoded = pseudocodec.decode(encode(deep, photo_model, quality=100))
    assert decoded.dtype == np.uint8
    assert psnr((deep // 257).astype(np.uint8).squeeze(), decoded) > 30


class TestAlpha:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_it_is_kept_exactly(self, photo_model: PhotoModel, channels: int) -> None:
        picture = np.dstack([PICTURE[:, :, :channels], ALPHA])
        data = encode(picture, photo_model)
        decoded = pseudocodec.decode(data)
        assert decoded.shape == picture.shape
        np.testing.assert_array_equal(decoded[:, :, -1], ALPHA)
        opaque = pseudocodec.decode(encode(PICTURE[:, :, :channels].squeeze(), photo_model))
        np.testing.assert_array_equal(decoded[:, :, :-1].squeeze(), opaque)

    def test_a_region_of_it(self, photo_model: PhotoModel) -> None:
        data = encode(np.dstack([PICTURE, ALPHA]), photo_model)
        part = pseudocodec.decode(data, region=(3, 5, 31, 17))
        np.testing.assert_array_equal(part[:, :, 3], ALPHA[5:17, 3:31])

    def test_a_region_of_it_from_tiles(self, photo_model: PhotoModel, small_tiles: None) -> None:
        picture = photo_models.smooth(70, 130)
        alpha = np.resize(ALPHA, picture.shape[:2])
        data = encode(np.dstack([picture, alpha]), photo_model)
        part = pseudocodec.decode(data, region=(63, 60, 70, 70))
        np.testing.assert_array_equal(part[:, :, 3], alpha[60:70, 63:70])

    def test_alpha_of_another_size_is_refused(self, photo_model: PhotoModel) -> None:
        single = read_single(encode(PICTURE, photo_model))
        other = read_single(encode(np.dstack([PICTURE, ALPHA])[:20], photo_model), known=KNOWN)
        forged = write_single(
            single.model_id,
            single.payload,
            geometry=single.geometry,
            chunks=other.chunks,
            dense=True,
        )
        with pytest.raises(pseudocodec.Corrupt, match="'Alph' of kind"):
            pseudocodec.decode(forged)

    def test_a_model_of_one_kind_has_none(self, digit: Bytes) -> None:
        single = read_single(pseudocodec.encode(digit, model="digits", effort=0))
        forged = write_single(single.model_id, single.payload, chunks=[Chunk(b"Alph", b"\x00\x00")])
        with pytest.raises(pseudocodec.Corrupt, match="transparency, which its model"):
            pseudocodec.decode(forged)


def test_an_icc_profile_is_kept(photo_model: PhotoModel) -> None:
    image = Image.fromarray(PICTURE)
    image.info["icc_profile"] = SRGB
    single = read_single(encode(image, photo_model))
    assert from_chunks(single.chunks, 50, 40) == (None, SRGB)


def test_an_orientation_is_applied(photo_model: PhotoModel) -> None:
    image = Image.fromarray(PICTURE)
    image.getexif()[0x0112] = 6
    assert encode(image, photo_model) == encode(np.rot90(PICTURE, -1), photo_model)


@pytest.mark.parametrize("mode", ["CMYK", "LAB", "HSV"])
def test_other_colours_are_refused(photo_model: PhotoModel, mode: str) -> None:
    with pytest.raises(pseudocodec.PslError, match=rf"mode {mode} .*convert"):
        encode(Image.new(mode, (4, 4)), photo_model)


class TestRefused:
    """Files that no writer makes."""

    def test_without_a_size(self, photo_model: PhotoModel) -> None:
        payload = read_single(encode(PICTURE, photo_model)).payload
        with pytest.raises(pseudocodec.Corrupt, match="how large"):
            pseudocodec.decode(write_single(photo_model.id, payload, dense=True))

    @pytest.mark.parametrize("region", [None, (0, 0, 1, 1)])
    def test_without_dense(
        self, photo_model: PhotoModel, region: tuple[int, int, int, int] | None
    ) -> None:
        single = read_single(encode(PICTURE, photo_model))
        forged = write_single(single.model_id, single.payload, geometry=single.geometry)
        with pytest.raises(pseudocodec.Corrupt, match="prefixes of a photo"):
            pseudocodec.decode(forged, region=region)

    def test_with_a_level_out_of_range(self, photo_model: PhotoModel) -> None:
        single = read_single(encode(PICTURE, photo_model))
        level = (photo_model.code.top + 1).to_bytes(2, "little")
        payload = single.payload[:1] + level + single.payload[3:]
        forged = write_single(single.model_id, payload, geometry=single.geometry, dense=True)
        with pytest.raises(pseudocodec.Corrupt, match=r"level 1025, the model has 1024"):
            pseudocodec.decode(forged)

    def test_an_empty_payload(self, photo_model: PhotoModel) -> None:
        single = read_single(encode(PICTURE, photo_model))
        forged = write_single(single.model_id, b"", geometry=single.geometry, dense=True)
        with pytest.raises(pseudocodec.Corrupt, match="0 bytes of payload"):
            pseudocodec.decode(forged)

    def test_every_truncation(self, photo_model: PhotoModel) -> None:
        data = encode(PICTURE, photo_model, quality=0)
        for length in range(len(data)):
            for options in ({}, {"partial": True}, {"keep_going": True}):
                with pytest.raises(pseudocodec.PslError):
                    pseudocodec.decode(data[:length], **options)

    def test_a_picture_above_max_pixels(self, photo_model: PhotoModel) -> None:
        data = encode(PICTURE, photo_model)
        for region in (None, (0, 0, 1, 1)):
            with pytest.raises(pseudocodec.TooLarge):
                pseudocodec.decode(data, max_pixels=1999, region=region)
