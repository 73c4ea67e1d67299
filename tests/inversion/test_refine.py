"""Refinement: better latents for a picture, the same ones every time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pseudocodec.inversion.refine import refine
from pseudocodec.nets.grid import GridConfig, GridTransform

LEVEL = -4.0
CONFIG = GridConfig(
    16,
    16,
    1,
    patch=4,
    shared=6,
    local=0,
    latents=40,
    coarse=8,
    fine=8,
    coarse_blocks=1,
    fine_blocks=1,
)


@pytest.fixture(scope="module")
def images() -> Tensor:
    torch.manual_seed(1)
    return torch.nn.functional.interpolate(torch.rand(40, 1, 4, 4), (16, 16), mode="bilinear")


@pytest.fixture(scope="module")
def transform(images: Tensor) -> GridTransform:
    """Nets whose analysis misses what their synthesis would need."""
    torch.manual_seed(2)
    transform = GridTransform(CONFIG).eval()
    transform.fit_linear(images)
    for weight in transform.parameters():
        weight.data.add_(0.05 * torch.randn_like(weight))
    transform.analysis.head.bias.data.add_(2 * torch.randn(6))
    return transform.requires_grad_(False)


def rho_of(transform: GridTransform, count: int = 1) -> Tensor:
    """Error left in each component, a fraction of its variance, where LEVEL is the water level.

    (count, d): the same for every picture.
    """
    variances = transform.linear.deviations.square()
    return (2**LEVEL * variances.max() / variances).clamp(max=1).repeat(count, 1)


def expected_error(transform: GridTransform, images: Tensor, latents: Tensor) -> float:
    """Mean squared error through the channel, over noise that the refinement did not see.

    It grows with the energy of the latents, as the error of a code of so many bits does.
    """
    torch.manual_seed(99)
    rho, level = rho_of(transform), torch.full((len(images),), LEVEL)
    energy = ((1 - rho) * latents.square()).sum(1, keepdim=True) / (1 - rho).sum(1)
    spread = (rho * (1 - rho) * energy).sqrt()
    total = 0.0
    for _ in range(50):
        noisy = (1 - rho) * latents + spread * torch.randn_like(latents)
        total += float((transform.synthesise(noisy, level) - images).square().mean())
    return total / 50


def refined(transform: GridTransform, images: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The latents of the analysis net and those after `steps`."""
    latents = transform.analyse(images, torch.full((len(images),), LEVEL))
    return latents, refine_from(transform, images, latents, steps)


def refine_from(transform: GridTransform, images: Tensor, latents: Tensor, steps: int) -> Tensor:
    count = len(images)
    return refine(
        transform,
        images,
        latents,
        level=torch.full((count,), LEVEL),
        rho=rho_of(transform, count),
        variances=transform.linear.deviations.square(),
        steps=steps,
    )


def test_lowers_the_expected_error(transform: GridTransform, images: Tensor) -> None:
    latents, better = refined(transform, images, 20)
    start = expected_error(transform, images, latents)
    assert expected_error(transform, images, better) < 0.5 * start


def test_latents_of_nothing_stay_finite(transform: GridTransform, images: Tensor) -> None:
    nothing = torch.zeros(len(images), CONFIG.dims)
    assert refine_from(transform, images, nothing, 3).isfinite().all()


def test_no_steps_change_nothing(transform: GridTransform, images: Tensor) -> None:
    latents, same = refined(transform, images, 0)
    assert torch.equal(same, latents)


def test_gives_the_same_every_time_and_leaves_its_input(
    transform: GridTransform, images: Tensor
) -> None:
    torch.manual_seed(3)
    before, first = refined(transform, images, 4)
    torch.manual_seed(4)
    after, second = refined(transform, images, 4)
    assert torch.equal(first, second)
    assert torch.equal(before, after)
    assert not first.requires_grad


def test_a_picture_does_not_depend_on_the_others(transform: GridTransform, images: Tensor) -> None:
    _, together = refined(transform, images, 6)
    for i in (0, 7, 39):
        _, alone = refined(transform, images[i : i + 1], 6)
        # Latents move by up to 0.3; rounding differs between batch sizes.
        torch.testing.assert_close(alone[0], together[i], atol=3e-3, rtol=0)


def test_works_where_gradients_are_switched_off(transform: GridTransform, images: Tensor) -> None:
    with torch.no_grad():
        latents, better = refined(transform, images[:2], 2)
    assert not torch.equal(better, latents)
