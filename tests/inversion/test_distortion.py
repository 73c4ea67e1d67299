"""The error that refinement sees is that of what decodes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pseudocodec.inversion import distortion
from pseudocodec.inversion.distortion import Distortion, Scene
from pseudocodec.nets import precision
from pseudocodec.nets.hyperprior import PATCH, HyperpriorConfig, HyperpriorTransform

CONFIG = HyperpriorConfig(
    latents=12, hyper=4, hidden=8, deep=16, coarse=12, fine=8, rows=3, condition=4, stages=2, maps=6
)
LEVEL = torch.tensor([1.3])


@pytest.fixture
def transform(monkeypatch: pytest.MonkeyPatch) -> HyperpriorTransform:
    """Nets with nothing at zero, in float32."""
    for module in (distortion, precision):
        monkeypatch.setattr(module, "fast_type", lambda device: torch.float32)
    generator = torch.Generator().manual_seed(5)
    made = HyperpriorTransform(CONFIG)
    for values in (*made.parameters(), made.basis):
        values.data = 0.1 * torch.randn(values.shape, generator=generator)
    made.deviations.copy_(torch.rand(12, generator=generator) + 0.5)
    made.mean.copy_(torch.rand(3, generator=generator))
    return made.requires_grad_(False)


def scene(height: int, width: int, inner: tuple[slice, slice], hidden: int = 0) -> Scene:
    generator = torch.Generator().manual_seed(6)
    images = torch.rand(1, 3, height * PATCH, width * PATCH, generator=generator)
    mask = torch.ones_like(images[:, :1])
    mask[..., mask.shape[3] - hidden :] = 0
    return Scene(images, mask, torch.randn(1, 12, height, width, generator=generator), inner)


def plain(transform: HyperpriorTransform, scene: Scene, gained: Tensor) -> Tensor:
    seen = scene.latents.clone()
    seen[..., *scene.inner] = gained / transform.gain(LEVEL)
    decoded = transform.synthesise(seen, LEVEL)
    return ((decoded - scene.images).square() * scene.mask).sum()


WHOLE = (slice(0, 3), slice(0, 4))


@pytest.mark.parametrize(
    ("inner", "hidden"), [(WHOLE, 0), (WHOLE, 21), ((slice(1, 3), slice(0, 2)), 5)]
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_error_and_derivative_of_what_decodes(
    transform: HyperpriorTransform,
    inner: tuple[slice, slice],
    hidden: int,
    layout: torch.memory_format,
) -> None:
    seen = scene(3, 4, inner, hidden)
    gained = (seen.latents[..., *inner] + 0.3).contiguous(memory_format=layout).requires_grad_()
    expected = plain(transform, seen, gained)
    found = Distortion(transform, seen, LEVEL)(gained)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    slopes = [torch.autograd.grad(3 * error, gained)[0] for error in (expected, found)]
    torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-3, atol=1e-3)


def test_in_bfloat16_it_is_nearly_the_same(
    transform: HyperpriorTransform, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (distortion, precision):
        monkeypatch.setattr(module, "fast_type", lambda device: torch.bfloat16)
    seen = scene(3, 4, WHOLE)
    found = Distortion(transform, seen, LEVEL)(seen.latents)
    torch.testing.assert_close(found, plain(transform, seen, seen.latents), rtol=0.02, atol=0)
