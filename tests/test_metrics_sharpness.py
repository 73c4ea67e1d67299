"""Sharpness: the energy of the Laplacian, of that of the original."""

from __future__ import annotations

import math

import numpy as np
import pytest
from photo_models import smooth

from pseudocodec.errors import PslError
from pseudocodec.metrics.sharpness import sharpness


def test_a_picture_is_as_sharp_as_itself_in_grey_and_colour() -> None:
    picture = smooth(40, 50)[None]
    assert sharpness(picture, picture) == 1
    assert sharpness(picture[..., 0], picture[..., 0]) == 1


def test_half_the_contrast_is_a_quarter_of_the_energy() -> None:
    picture = np.random.default_rng(0).integers(0, 2, (1, 20, 20, 3), np.uint8) * 100
    assert sharpness(picture, picture // 2) == pytest.approx(0.25)


def test_the_laplacian_of_a_point_is_what_its_definition_says() -> None:
    point, cross = np.zeros((2, 1, 5, 5), np.uint8)
    point[0, 2, 2] = 1  # -4 in the middle, 1 at four places
    cross[0, 2, 1:4] = 1  # -3 twice, -2 in the middle; 1 at six places
    assert sharpness(point, cross) == pytest.approx((2 * 9 + 4 + 6) / 20)


def test_blur_lowers_it_and_noise_raises_it() -> None:
    picture = smooth(40, 50).astype(float)
    blurred = (picture + np.roll(picture, 1, 0) + np.roll(picture, 1, 1)) / 3
    noisy = picture + np.random.default_rng(0).normal(0, 9, picture.shape)
    stacks = [x.clip(0, 255).astype(np.uint8)[None] for x in (picture, blurred, noisy)]
    assert sharpness(stacks[0], stacks[1]) < 1 < sharpness(stacks[0], stacks[2])


def test_flat_originals_have_none() -> None:
    flat = np.full((2, 8, 8), 7, np.uint8)
    assert math.isnan(sharpness(flat, flat))


def test_pictures_of_other_shapes_are_refused() -> None:
    with pytest.raises(PslError, match="sharpness compares"):
        sharpness(np.zeros((1, 8, 8), np.uint8), np.zeros((1, 8, 9), np.uint8))
