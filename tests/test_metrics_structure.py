"""SSIM in torch against scikit-image, and its gradient."""

from __future__ import annotations

import pytest
import torch

from pseudocodec.metrics.structure import structural_similarity


def pair(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    first = torch.rand(shape, generator=random, dtype=torch.float64) * 2 - 1
    noise = torch.randn(shape, generator=random, dtype=torch.float64)
    return first, (first + 0.3 * noise).clamp(-1, 1)


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (3, 3, 9, 20), (1, 1, 7, 7)])
def test_it_is_what_scikit_image_measures(shape: tuple[int, ...]) -> None:
    metrics = pytest.importorskip("skimage.metrics")
    first, second = pair(*shape)
    expected = [
        metrics.structural_similarity(x.numpy(), y.numpy(), data_range=2.0, channel_axis=0)
        for x, y in zip(first, second, strict=True)
    ]
    found = structural_similarity(first, second, 2)
    assert found.tolist() == pytest.approx(expected, abs=1e-9)


def test_equal_pictures_have_one() -> None:
    first, _ = pair(2, 1, 16, 16)
    assert structural_similarity(first, first, 2).tolist() == pytest.approx([1, 1])


def test_its_gradient_leads_to_the_picture() -> None:
    wanted, start = pair(1, 1, 16, 16)
    moved = start.clone().requires_grad_()
    [before] = structural_similarity(moved, wanted, 2)
    before.backward()
    [after] = structural_similarity(start + 0.5 * moved.grad, wanted, 2)
    assert float(after) > float(before.detach())
