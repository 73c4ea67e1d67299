"""The linear path: orthonormal, exact where all is kept, the best where not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pseudocodec.nets.linear import LEAST_VARIANCE, LinearPath


def waves(count: int, channels: int, height: int, width: int) -> Tensor:
    """Smooth random pictures in [0, 1]: sums of a few waves."""
    torch.manual_seed(0)
    y = torch.linspace(0, 1, height)[:, None]
    x = torch.linspace(0, 1, width)[None]
    out = torch.zeros(count, channels, height, width)
    for k in range(1, 4):
        a, b, c = torch.randn(3, count, channels, 1, 1)
        out += (a * torch.sin(k * 3 * x) + b * torch.cos(k * 2 * y) + c * torch.cos(k * x * y)) / k
    return torch.sigmoid(out)


def path(height: int, width: int, *, shared: int, local: int, latents: int) -> LinearPath:
    return LinearPath(
        (-(-height // 4), -(-width // 4)),
        patch=4,
        channels=1,
        shared=shared,
        local=local,
        latents=latents,
    )


@pytest.mark.parametrize(("height", "width"), [(8, 12), (9, 10), (7, 5)])
def test_all_components_kept_lose_nothing(height: int, width: int) -> None:
    images = waves(100, 1, height, width)
    places = -(-height // 4) * -(-width // 4)
    for shared in (16, 6, 1):  # the others stay local
        linear = path(height, width, shared=shared, local=16 - shared, latents=shared * places)
        linear.fit(images)
        padded = linear.pad(images)
        coefficients = linear.to_coefficients(linear.to_maps(padded))
        assert coefficients.shape == (100, 16 * places)
        back = linear.from_maps(linear.from_coefficients(coefficients))
        torch.testing.assert_close(back, padded, atol=1e-5, rtol=0)
        torch.testing.assert_close(back[:, :, :height, :width], images, atol=1e-5, rtol=0)


def test_padding_repeats_the_border() -> None:
    images = torch.arange(6.0).view(1, 1, 2, 3)
    linear = path(4, 4, shared=1, local=0, latents=1)
    expected = torch.tensor([[0.0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]])
    torch.testing.assert_close(linear.pad(images)[0, 0], expected)


def test_variances_are_those_of_the_coefficients() -> None:
    images = waves(400, 1, 8, 8)
    linear = path(8, 8, shared=5, local=3, latents=12)
    variances = linear.fit(images)
    coefficients = linear.to_coefficients(linear.to_maps(images))
    measured = coefficients.square().mean(0).clamp(min=LEAST_VARIANCE)
    torch.testing.assert_close(variances, measured, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(linear.deviations.square(), variances)
    assert torch.all(variances[:11] >= variances[1:12])  # of the global part, decreasing


def test_global_coefficients_are_uncorrelated_and_keep_more_than_local_ones() -> None:
    images = waves(400, 1, 8, 8)
    together = path(8, 8, shared=8, local=0, latents=8)
    apart = path(8, 8, shared=8, local=0, latents=8)
    together.fit(images)
    apart.fit(images, shrink=1.0)
    kept = [p.to_coefficients(p.to_maps(images)).square().sum() for p in (together, apart)]
    assert kept[0] > 1.05 * kept[1]
    coefficients = together.to_coefficients(together.to_maps(images))
    correlation = torch.corrcoef(coefficients.T) - torch.eye(8)
    assert correlation.abs().max() < 0.01


def test_full_shrinkage_takes_the_components_of_one_place_apart() -> None:
    """Its basis is the coordinates themselves: every column has a single entry."""
    linear = path(8, 8, shared=4, local=0, latents=16)
    linear.fit(waves(50, 1, 8, 8), shrink=1.0)
    assert torch.all((linear.whole.abs() > 1e-6).sum(0) == 1)


def test_constant_pictures_have_the_least_variance() -> None:
    linear = path(8, 8, shared=4, local=2, latents=9)
    variances = linear.fit(torch.full((70, 1, 8, 8), 0.25))
    torch.testing.assert_close(variances, torch.full((17,), LEAST_VARIANCE))
