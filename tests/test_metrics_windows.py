"""MS-SSIM and VIF: what they say of pictures that are easy to judge, and of two known pairs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.metrics import MS_SSIM_SIDE, VIF_SIDE, Images, ms_ssim, vif
from pseudocodec.metrics.windows import gaussian, weighted_means

Measure = Callable[[Images, Images], float | None]
BOTH = pytest.mark.parametrize("measure", [ms_ssim, vif])


def pair(height: int, width: int) -> tuple[Images, Images]:
    """A picture and a noisy copy in RGB, (1, h, w, 3), from integers alone."""
    i, j, c = np.ogrid[:height, :width, :3]
    picture = (i * i // 64 + j * 3 // 2 + i * j // 97 + c * 40) % 256
    copy = np.clip(picture + (i * 31 + j * 17 + c * 5) % 41 - 20, 0, 255)
    return picture.astype(np.uint8)[None], copy.astype(np.uint8)[None]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((176, 208), 0.9681696346909087), ((181, 203), 0.9684502851099966)],
)
def test_ms_ssim_of_pytorch_msssim(size: tuple[int, int], expected: float) -> None:
    """By pytorch-msssim 1.0.0 in float64, its float32 window replaced by one in float64.

    181 x 203 is odd at every scale, so that the zeros before the first row and column count.
    """
    assert ms_ssim(*pair(*size)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((176, 208), 0.4769324248939938), ((181, 203), 0.4805334354598447)],
)
def test_vif_of_sewar(size: tuple[int, int], expected: float) -> None:
    """By vifp of sewar 0.4.10, on luma in float64."""
    assert vif(*pair(*size)) == pytest.approx(expected, abs=1e-10)


@BOTH
def test_equal_pictures_have_one(measure: Measure) -> None:
    picture, _ = pair(161, 170)
    assert measure(picture, picture) == pytest.approx(1, abs=1e-9)


@BOTH
def test_more_noise_is_worse(measure: Measure) -> None:
    picture, copy = pair(161, 170)
    noise = copy.astype(int) - picture
    worse = np.clip(picture + 2 * noise, 0, 255).astype(np.uint8)
    some, more = measure(picture, copy), measure(picture, worse)
    assert some is not None and more is not None
    assert 0 < more < some < 1


@BOTH
def test_the_mean_over_the_pictures(measure: Measure) -> None:
    (a, b), (c, d) = pair(161, 170), pair(170, 161)
    turned = np.swapaxes(c, 1, 2), np.swapaxes(d, 1, 2)
    both = measure(np.concatenate([a, turned[0]]), np.concatenate([b, turned[1]]))
    assert both == pytest.approx(np.mean([measure(a, b), measure(*turned)]))


@BOTH
def test_grey_is_rgb_of_equal_channels(measure: Measure) -> None:
    a, b = (picture[..., 0] for picture in pair(161, 170))
    coloured = [np.repeat(picture[..., None], 3, axis=3) for picture in (a, b)]
    assert measure(a, b) == pytest.approx(measure(*coloured), abs=1e-9)


@BOTH
def test_only_stacks_of_one_shape(measure: Measure) -> None:
    picture, copy = pair(161, 170)
    with pytest.raises(PslError, match="one shape"):
        measure(picture, copy[:, 1:])
    with pytest.raises(PslError, match=r"pass image\[None\]"):
        measure(picture[0, :, :, 0], copy[0, :, :, 0])
    with pytest.raises(PslError, match="stacks"):
        measure(picture[..., :2], copy[..., :2])
    with pytest.raises(PslError, match="uint8"):
        measure(picture / 255, copy)  # type: ignore[arg-type]


@pytest.mark.parametrize(("measure", "side"), [(ms_ssim, MS_SSIM_SIDE), (vif, VIF_SIDE)])
def test_pictures_too_small_have_none(measure: Measure, side: int) -> None:
    picture, copy = pair(side, side)
    assert measure(picture, copy) is not None
    assert measure(picture[:, 1:], copy[:, 1:]) is None
    assert measure(picture[:, :, 1:], copy[:, :, 1:]) is None


def test_negatives_have_no_structure_in_common() -> None:
    picture, _ = pair(161, 170)
    assert ms_ssim(picture, 255 - picture) == 0


def test_nothing_is_left_on_a_flat_copy() -> None:
    picture, _ = pair(60, 50)
    assert vif(picture, np.full_like(picture, 99)) == pytest.approx(0, abs=1e-9)


def test_a_flat_picture_has_nothing_to_lose() -> None:
    picture, _ = pair(60, 50)
    assert vif(np.full_like(picture, 99), picture) == 1


def test_more_contrast_exceeds_one() -> None:
    picture = pair(60, 50)[0] // 4 + 96
    stretched = (picture.astype(int) - 128) * 2 + 128
    assert vif(picture, stretched.astype(np.uint8)) > 1  # type: ignore[operator]


def test_windows_weigh_as_their_outer_product() -> None:
    planes = np.random.default_rng(0).random((2, 6, 8))
    window = gaussian(5, 1.2)
    means = weighted_means(planes, window)
    assert means.shape == (2, 2, 4)
    patch: NDArray[np.float64] = planes[1, 1:6, 3:8]
    assert means[1, 1, 3] == pytest.approx(np.sum(patch * np.outer(window, window)))
