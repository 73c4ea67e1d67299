"""The discriminator: shapes, what it is told, and that it cannot be steep."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pseudocodec.nets.discriminator import Discriminator
from pseudocodec.nets.grid import GridConfig
from pseudocodec.nets.hyperprior import HyperpriorConfig

GREY = GridConfig(16, 16, 1, 4, shared=8, local=0, latents=32, coarse=8, fine=8,
                  coarse_blocks=0, fine_blocks=0)  # fmt: skip


@pytest.mark.parametrize(
    ("height", "width", "channels", "patch", "grid"),
    [
        (16, 16, 1, 4, (4, 4)),
        (28, 20, 3, 4, (7, 5)),
        (17, 33, 1, 8, (2, 4)),
        (256, 16, 3, 16, (16, 1)),
    ],
)
def test_one_logit_a_patch(
    height: int, width: int, channels: int, patch: int, grid: tuple[int, int]
) -> None:
    config = replace(GREY, height=height, width=width, channels=channels, patch=patch)
    images = torch.rand(2, channels, height, width)
    logits, features = Discriminator.of_grid(config)(images, torch.zeros(2))
    assert logits.shape == (2, 1, *grid)
    assert all(len(layer) == 2 and layer.isfinite().all() for layer in features)
    assert features[-1].shape[2:] == grid


def test_it_is_told_the_rate() -> None:
    torch.manual_seed(0)
    images = torch.rand(1, 1, 16, 16).expand(2, -1, -1, -1)
    logits, features = Discriminator.of_grid(GREY)(images, torch.tensor([-8.0, -1.0]))
    assert not torch.allclose(logits[0], logits[1])
    assert torch.equal(features[0][0], features[0][1])


def test_for_photographs_it_sees_what_the_file_says() -> None:
    torch.manual_seed(0)
    net = Discriminator.of_photos(HyperpriorConfig())
    images = torch.rand(1, 3, 64, 48).expand(2, -1, -1, -1)
    shown = torch.rand(2, 3, 64, 48)
    logits, features = net(images, torch.tensor([0.5, 0.5]), shown)
    assert logits.shape == (2, 1, 4, 3)
    assert not torch.allclose(features[0][0], features[0][1])


@torch.no_grad()
def test_no_layer_has_a_spectral_norm_above_one() -> None:
    torch.manual_seed(0)
    net = Discriminator.of_grid(GREY)
    for layer in (*net.layers, net.head):
        layer.parametrizations.weight.original.mul_(100)
    for _ in range(20):  # each is one step of the power iteration
        net(torch.rand(1, 1, 16, 16), torch.zeros(1))
    for layer in (*net.layers, net.head, net.project):
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) < 1.1
