import math

import numpy as np
import pytest

import score

IMAGES = np.random.default_rng(0).integers(0, 200, (3, 9, 9), np.uint8)


def test_psnr_averages_the_error_before_the_logarithm():
    decoded = IMAGES.copy()
    decoded[0] += 30  # squared error 900 on a third of the pixels
    assert score.psnr(IMAGES, decoded) == pytest.approx(10 * math.log10(255**2 / 300))


def test_lossless_has_no_psnr():
    assert score.psnr(IMAGES, IMAGES) is None


def test_ssim_is_the_mean_over_the_images():
    pytest.importorskip("skimage")
    decoded = IMAGES // 2
    each = [score.ssim(IMAGES[i : i + 1], decoded[i : i + 1]) for i in range(3)]
    assert score.ssim(IMAGES, decoded) == pytest.approx(np.mean(each))
    assert score.ssim(IMAGES, IMAGES) == pytest.approx(1)


def test_ssim_is_left_out_without_scikit_image(monkeypatch):
    monkeypatch.setattr(score, "find_spec", lambda name: None)
    assert score.score(IMAGES, IMAGES) == {"psnr": None, "ssim": None}
