"""Deformations of training pictures: how far they go, and where they stay."""

from __future__ import annotations

import pytest
import torch

from pseudocodec.training.warps import warp


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def strokes(count: int = 40) -> torch.Tensor:
    """A cross (count, 1, 16, 16) on black, in [-1, 1]."""
    pictures = torch.full((count, 1, 16, 16), -1.0)
    pictures[:, :, 7:9, 3:13] = pictures[:, :, 3:13, 7:9] = 1
    return pictures


def test_no_strength_changes_nothing() -> None:
    pictures = strokes()
    assert warp(pictures, 0.0) is pictures


@pytest.mark.parametrize("shape", [(5, 1, 16, 16), (3, 3, 20, 28)])
@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
def test_pictures_keep_their_shape_and_range(shape: tuple[int, ...], strength: float) -> None:
    pictures = torch.rand(shape) * 2 - 1
    warped = warp(pictures, strength)
    assert (warped.shape, warped.dtype) == (pictures.shape, pictures.dtype)
    assert float(warped.abs().max()) <= 1 + 1e-6
    assert not torch.equal(warped, pictures)


def test_each_picture_is_deformed_in_its_own_way() -> None:
    warped = warp(strokes(), 1.0)
    assert len({picture.numpy().tobytes() for picture in warped}) == 40


def test_more_strength_deforms_more() -> None:
    pictures = strokes()
    changes = [float((warp(pictures, s) - pictures).square().mean()) for s in (0.1, 0.5, 1.0)]
    assert changes == sorted(changes)
    assert changes[-1] > 2 * changes[0]


def test_it_is_about_the_centre_and_in_no_direction() -> None:
    pictures = strokes(400)
    difference = (warp(pictures, 1.0).mean(0) - warp(pictures, 1.0).mean(0).flip(1, 2)).abs()
    assert float(difference.mean()) < 0.1


def test_what_comes_in_from_outside_is_black() -> None:
    corners = warp(torch.ones(60, 1, 16, 16), 1.0)[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert float(corners.min()) < 0  # somewhere: -1 outside, 1 inside
