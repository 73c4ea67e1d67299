"""Distances between pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pseudocodec.errors import PslError
from pseudocodec.metrics import mse, psnr, score, similarity, squared, ssim

IMAGES = np.random.default_rng(0).integers(0, 200, (3, 9, 9), np.uint8)


def test_black_against_white() -> None:
    black, white = np.zeros((2, 3), np.uint8), np.full((2, 3), 255, np.uint8)
    assert mse(black, white) == mse(white, black) == 1.0
    assert psnr(black, white) == 0.0


def test_one_step_everywhere_is_48_db() -> None:
    a = np.full((4, 4, 3), 7, np.uint8)
    assert psnr(a, a + np.uint8(1)) == pytest.approx(20 * math.log10(255))


@given(hnp.arrays(np.uint8, hnp.array_shapes(max_dims=3)))
def test_equal_pictures_are_infinitely_close(a: np.ndarray) -> None:
    assert mse(a, a) == 0.0
    assert psnr(a, a) == math.inf


@given(
    hnp.arrays(np.uint8, (3, 4)),
    hnp.arrays(np.uint8, (3, 4)),
    st.integers(1, 12),
)
def test_mean_over_all_samples(a: np.ndarray, b: np.ndarray, rows: int) -> None:
    expected = np.mean((a / 255 - b / 255) ** 2)
    assert mse(np.tile(a, (rows, 1)), np.tile(b, (rows, 1))) == pytest.approx(expected)


def test_shapes_must_agree() -> None:
    with pytest.raises(PslError, match="one shape"):
        mse(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(PslError, match="one shape"):
        mse(np.zeros((0, 2), np.uint8), np.zeros((0, 2), np.uint8))


def test_only_bytes() -> None:
    with pytest.raises(PslError, match="float64"):
        psnr(np.zeros((2, 2)), np.zeros((2, 2), np.uint8))  # type: ignore[arg-type]


def test_large_sets_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mse(IMAGES, IMAGES[::-1])
    monkeypatch.setattr(squared, "_BLOCK", 50)
    assert mse(IMAGES, IMAGES[::-1]) == whole


def test_a_set_averages_the_error_before_the_logarithm() -> None:
    decoded = IMAGES.copy()
    decoded[0] += 30  # squared error 900 on a third of the pixels
    assert score(IMAGES, decoded)["psnr"] == pytest.approx(10 * math.log10(255**2 / 300))


def test_a_lossless_set_has_no_psnr() -> None:
    assert score(IMAGES, IMAGES)["psnr"] is None


def test_ssim_is_the_mean_over_the_pictures() -> None:
    pytest.importorskip("skimage")
    decoded = IMAGES // 2
    each = [ssim(IMAGES[i : i + 1], decoded[i : i + 1]) for i in range(3)]
    assert ssim(IMAGES, decoded) == pytest.approx(np.mean(each))
    assert ssim(IMAGES, IMAGES) == pytest.approx(1)


def test_signed_ssim_is_that_of_pixels_from_minus_one_to_one() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    for images in (IMAGES, np.stack([IMAGES, IMAGES // 3, 255 - IMAGES], axis=-1)):
        decoded = images // 2 + 20
        a, b = (x.astype(np.float64) / 255 * 2 - 1 for x in (images, decoded))
        axis = -1 if images.ndim == 4 else None
        expected = np.mean(
            [
                skimage.structural_similarity(x, y, data_range=2, channel_axis=axis)
                for x, y in zip(a, b, strict=True)
            ]
        )
        found = ssim(images, decoded, signed=True)
        assert found == pytest.approx(expected, abs=1e-9)
        assert found != pytest.approx(ssim(images, decoded), abs=1e-3)


def test_pictures_smaller_than_the_window_have_no_ssim() -> None:
    assert ssim(IMAGES[:, :6], IMAGES[:, :6]) is None


def test_ssim_is_left_out_without_scikit_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "find_spec", lambda name: None)
    assert score(IMAGES, IMAGES) == {"psnr": None, "ssim": None}
