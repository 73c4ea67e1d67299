"""Filters of a tile's own: what they see, what they do, and what least squares need."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pseudocodec.nets.filters import (
    COLOURS,
    LIMIT,
    NEIGHBOURS,
    TAPS,
    Filters,
    filtered,
    middle,
    products,
    taps,
)
from pseudocodec.nets.hyperprior import MARGIN

SHAPE = (1, COLOURS, 70, 40)


@pytest.fixture
def images() -> Tensor:
    """A picture of small and large differences, with a margin."""
    torch.manual_seed(3)
    height, width = (side + 2 * MARGIN for side in SHAPE[2:])
    return 0.5 + 0.01 * torch.randn(1, 3, height, width) + (torch.rand(1, 3, height, width) > 0.9)


def test_they_see_a_diamond() -> None:
    both = {*NEIGHBOURS, *((-down, -right) for down, right in NEIGHBOURS)}
    wanted = {
        (down, right)
        for down in range(-MARGIN, MARGIN + 1)
        for right in range(-MARGIN, MARGIN + 1)
        if 0 < abs(down) + abs(right) <= MARGIN
    }
    assert both == wanted
    assert len(NEIGHBOURS) == len(wanted) / 2


def test_taps_are_differences_as_they_are_and_limited(images: Tensor) -> None:
    seen = taps(images[0])
    assert seen.shape == (TAPS, *SHAPE[2:])
    y, x, colour = 11, 17, 2
    place = images[0, colour, y + MARGIN, x + MARGIN]
    for number, (down, right) in enumerate(NEIGHBOURS):
        differences = [
            images[0, colour, y + MARGIN + sign * down, x + MARGIN + sign * right] - place
            for sign in (1, -1)
        ]
        limited = [each.clamp(-LIMIT, LIMIT) for each in differences]
        first = 2 * number * COLOURS + colour
        torch.testing.assert_close(seen[first, y, x], sum(differences))
        torch.testing.assert_close(seen[first + COLOURS, y, x], sum(limited))


def test_weights_weigh_taps(images: Tensor) -> None:
    weights = torch.randn(COLOURS, TAPS) / 10
    expected = middle(images)[0] + torch.einsum("ct,thw->chw", weights, taps(images[0]))
    torch.testing.assert_close(filtered(images, weights)[0], expected)
    assert torch.equal(filtered(images, torch.zeros(COLOURS, TAPS)), middle(images))


def test_a_flat_picture_stays_as_it_is() -> None:
    flat = torch.full((1, COLOURS, 20, 20), 0.3)
    assert torch.equal(filtered(flat, torch.randn(COLOURS, TAPS)), middle(flat))


def test_products_tell_the_error_of_any_weights(images: Tensor) -> None:
    rest = 0.1 * torch.randn(SHAPE)
    squares, mixed = products(images, rest)
    weights = torch.randn(COLOURS, TAPS).double() / 100
    left = rest - (filtered(images, weights.float()) - middle(images))
    told = rest.double().square().sum() - 2 * (weights * mixed.T).sum()
    told += ((weights @ squares) * weights).sum()
    torch.testing.assert_close(left.double().square().sum(), told, rtol=1e-5, atol=0)


def test_values_are_coordinates_in_steps_of_the_level() -> None:
    basis = torch.randn(4, COLOURS * TAPS)
    filters = Filters(basis, torch.tensor([1.0, 0.5, 0.1]))
    values = torch.tensor([2, 0, -1, 0], dtype=torch.int32)
    found = filters.weights(values, torch.tensor([0.5]))
    expected = 0.75 * (2 * basis[0] - basis[2])
    torch.testing.assert_close(found, expected.view(COLOURS, TAPS))
