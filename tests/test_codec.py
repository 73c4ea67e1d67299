"""encode and decode: one picture there and back, targets, prefixes, refusals."""

from __future__ import annotations

import io
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import pseudocodec
from pseudocodec.metrics import psnr

Bytes = NDArray[np.uint8]
encode = partial(pseudocodec.encode, model="digits")
save = partial(pseudocodec.save, model="digits")


def test_the_shipped_digit_in_40_bytes(digit: Bytes) -> None:
    data = encode(digit, nbytes=40)
    decoded = pseudocodec.decode(data)
    assert len(data) <= 40
    assert decoded.shape == (28, 28)
    assert decoded.dtype == np.uint8
    # Black, its mean grey and the mean training digit all stay below 12 dB on this picture.
    assert psnr(digit, decoded) > 16


def test_equal_input_gives_equal_bytes(digit: Bytes) -> None:
    assert encode(digit, effort=0) == encode(digit, effort=0)


def test_every_kind_of_picture_gives_the_same_bytes(digit: Bytes) -> None:
    expected = encode(digit, nbytes=28, effort=0)
    kinds: list[object] = [
        Image.fromarray(digit),
        digit[:, :, None],
        digit.astype(np.uint16) * 257,
        digit / 255.0,
        torch.from_numpy(digit.copy()),
        torch.from_numpy(digit.copy())[None].float() / 255,
        Image.merge("LA", (Image.fromarray(digit), Image.new("L", (28, 28), 255))),
    ]
    for kind in kinds:
        decoded = pseudocodec.decode(encode(kind, nbytes=28, effort=0))
        assert psnr(decoded, pseudocodec.decode(expected)) > 40  # at most rounding apart


@settings(max_examples=12, deadline=None)
@given(nbytes=st.integers(20, 100))
def test_nbytes_is_never_exceeded(nbytes: int) -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[6:22, 12:15] = 255
    data = encode(picture, nbytes=nbytes, effort=0)
    assert len(data) <= nbytes
    assert pseudocodec.decode(data).shape == (28, 28)


def test_overhead_of_a_single_digit_is_20_bytes(digit: Bytes) -> None:
    data = encode(digit, nbytes=36, effort=0)
    facts = pseudocodec.info(data)
    assert facts["overhead_bytes"] == 20
    assert facts["payload_bits"] == 8 * 16


def test_more_quality_takes_more_bytes(digit: Bytes) -> None:
    sizes = [len(encode(digit, quality=q, effort=0)) for q in (0, 25, 50, 75, 100)]
    assert sizes == sorted(set(sizes))


def test_the_default_quality_is_60(digit: Bytes) -> None:
    default = encode(digit, effort=0)
    assert default == encode(digit, quality=60, effort=0)
    assert len(default) == 36


@pytest.mark.parametrize("target", [12.0, 15.0])
def test_a_psnr_is_reached(digit: Bytes, target: float) -> None:
    data = encode(digit, psnr=target, effort=0)
    assert psnr(digit, pseudocodec.decode(data)) >= target


def test_a_psnr_out_of_reach_is_refused(digit: Bytes) -> None:
    with pytest.raises(pseudocodec.PslError, match=r"psnr=70.*reaches [0-9.]+ dB.*ask for less"):
        encode(digit, psnr=70, effort=0)


def test_another_size_is_refused_with_what_to_do(digit: Bytes) -> None:
    with pytest.raises(pseudocodec.PslError, match=r"14 x 28 pixels.*takes 28 x 28.*resize=True"):
        encode(digit[:, :14])


def test_another_colour_is_refused_with_what_to_do(digit: Bytes) -> None:
    with pytest.raises(pseudocodec.PslError, match=r"is RGB.*takes grey.*convert"):
        encode(np.stack([digit] * 3, axis=-1))


def test_resize_returns_the_original_size(digit: Bytes) -> None:
    large = np.asarray(Image.fromarray(digit).resize((90, 60), Image.Resampling.BICUBIC))
    data = encode(large, nbytes=60, resize=True)
    assert len(data) <= 60
    assert pseudocodec.info(data)["overhead_bytes"] == 28
    decoded = pseudocodec.decode(data)
    assert decoded.shape == large.shape
    assert psnr(decoded, large) > 15


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 50, "nbytes": 40},
        {"nbytes": 40, "psnr": 20.0},
        {"quality": 101},
        {"quality": float("nan")},
        {"nbytes": 0},
        {"nbytes": 19},
        {"psnr": float("inf")},
        {"effort": 10},
        {"effort": -1},
        {"device": "abacus"},
        {"model": "no-such-model"},
        {"model": "no/such/file.safetensors"},
    ],
)
def test_bad_requests_are_refused(digit: Bytes, options: dict[str, object]) -> None:
    with pytest.raises(pseudocodec.PslError):
        encode(digit, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 1.5])
def test_pixels_outside_their_range_are_refused(value: float) -> None:
    picture = np.zeros((28, 28))
    picture[3, 4] = value
    with pytest.raises(pseudocodec.PslError):
        encode(picture)


def test_decode_takes_bytes_paths_and_files(digit: Bytes, tmp_path: Path) -> None:
    data = encode(digit, effort=0)
    path = tmp_path / "digit.psl"
    path.write_bytes(data)
    expected = pseudocodec.decode(data)
    for source in (path, str(path), io.BytesIO(data), memoryview(data)):
        np.testing.assert_array_equal(pseudocodec.decode(source), expected)


class TestPrefix:
    """A truncated stream decodes when asked for, and only then."""

    def test_every_prefix_decodes_when_asked_for(self, digit: Bytes) -> None:
        data = encode(digit, nbytes=50, effort=0)
        for length in range(20, len(data)):
            with pytest.warns(pseudocodec.UnverifiedWarning, match="unverified"):
                assert pseudocodec.decode(data[:length], partial=True).shape == (28, 28)

    def test_more_of_the_stream_gives_a_better_picture(self, digits: list[Bytes]) -> None:
        streams = [encode(picture, nbytes=60, effort=0) for picture in digits]
        errors = []
        for length in (23, 30, 40, 59):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", pseudocodec.UnverifiedWarning)
                decoded = [pseudocodec.decode(s[:length], partial=True) for s in streams]
            pairs = zip(digits, decoded, strict=True)
            errors.append(np.mean([(a / 255.0 - b / 255.0) ** 2 for a, b in pairs]))
        assert errors == sorted(errors, reverse=True)

    def test_a_prefix_is_refused_unasked(self, digit: Bytes) -> None:
        data = encode(digit, effort=0)
        for length in range(len(data)):
            with pytest.raises(pseudocodec.PslError):
                pseudocodec.decode(data[:length])

    def test_a_dense_file_has_no_prefixes(self, digit: Bytes) -> None:
        data = encode(digit, nbytes=40, effort=0, progressive=False)
        assert not pseudocodec.info(data)["progressive"]
        assert pseudocodec.decode(data).shape == (28, 28)
        with pytest.raises(pseudocodec.Corrupt, match="not progressive"):
            pseudocodec.decode(data[:-1], partial=True)

    def test_a_whole_stream_decodes_verified(self, digit: Bytes) -> None:
        data = encode(digit, effort=0)
        whole = pseudocodec.decode(data, partial=True)  # a warning would be an error here
        np.testing.assert_array_equal(whole, pseudocodec.decode(data))


class TestDamage:
    """Never a wrong picture without an error."""

    def test_every_flipped_bit_is_noticed(self, digit: Bytes) -> None:
        data = bytearray(encode(digit, nbytes=30, effort=0))
        for bit in range(8 * len(data)):
            data[bit // 8] ^= 1 << bit % 8
            with pytest.raises(pseudocodec.PslError):
                pseudocodec.decode(bytes(data))
            data[bit // 8] ^= 1 << bit % 8

    def test_an_unknown_model_is_named(self, digit: Bytes) -> None:
        from pseudocodec.container import read_single, write_single

        payload = read_single(encode(digit, effort=0)).payload
        forged = write_single(b"\x01\x23\x45\x67\x89\xab\xcd\xef", payload)
        with pytest.raises(pseudocodec.UnknownModel, match=r"0123456789abcdef.*upgrade"):
            pseudocodec.decode(forged)

    def test_a_payload_longer_than_the_model_knows_is_refused(self) -> None:
        from pseudocodec.container import write_single

        model = pseudocodec.load_model("digits")
        with pytest.raises(pseudocodec.Corrupt, match="describes at most"):
            pseudocodec.decode(write_single(model.id, bytes(1000)))

    def test_a_picture_above_max_pixels_is_refused(self, digit: Bytes) -> None:
        with pytest.raises(pseudocodec.TooLarge):
            pseudocodec.decode(encode(digit, effort=0), max_pixels=100)

    def test_a_huge_picture_is_refused_before_allocation(self, digit: Bytes) -> None:
        from pseudocodec.container import Geometry, read_single, write_single

        single = read_single(encode(digit, effort=0))
        forged = write_single(single.model_id, single.payload, geometry=Geometry(10**6, 10**6))
        with pytest.raises(pseudocodec.TooLarge, match="1000000 x 1000000"):
            pseudocodec.decode(forged)

    def test_an_archive_is_not_a_picture(self, digits: list[Bytes], tmp_path: Path) -> None:
        save(tmp_path / "a.psl", digits, effort=0)
        with pytest.raises(pseudocodec.PslError, match=r"pseudocodec\.open"):
            pseudocodec.decode(tmp_path / "a.psl")

    def test_something_else_is_not_a_psl(self, tmp_path: Path) -> None:
        for content in (b"", b"not a psl at all", bytes(100)):
            with pytest.raises(pseudocodec.NotPsl):
                pseudocodec.decode(content)

    def test_a_future_version_is_refused(self, digit: Bytes) -> None:
        data = bytearray(encode(digit, effort=0))
        data[6] = 2
        with pytest.raises(pseudocodec.UnsupportedVersion):
            pseudocodec.decode(bytes(data))
