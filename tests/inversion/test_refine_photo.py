"""Refinement with the loop closed: what it leaves alone, and what it makes good."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pseudocodec.inversion import distortion, refine_photo
from pseudocodec.inversion.distortion import Distortion, Scene
from pseudocodec.nets.hyperprior import PATCH, HyperpriorConfig, HyperpriorTransform

CONFIG = HyperpriorConfig(
    latents=12, hyper=4, hidden=8, deep=16, coarse=12, fine=8, rows=3, condition=4
)
LEVEL = torch.tensor([1.5])
WHOLE = (slice(0, 3), slice(0, 4))
STEPS = 8
WEIGHT = 1.4


@pytest.fixture
def linear(monkeypatch: pytest.MonkeyPatch) -> HyperpriorTransform:
    """A transform whose nets still add nothing: the linear path, in float32."""
    monkeypatch.setattr(distortion, "fast_type", lambda device: torch.float32)
    torch.manual_seed(4)
    made = HyperpriorTransform(CONFIG)
    made.fit_linear(torch.rand(400, 3, 1, 1) + 0.1 * torch.rand(400, 3, PATCH, PATCH))
    return made.requires_grad_(False)


def scene_of(transform: HyperpriorTransform) -> Scene:
    """A picture that the linear path makes of some latents."""
    torch.manual_seed(7)
    latents = 4 * torch.randn(1, CONFIG.latents, 3, 4) / transform.gain(LEVEL)
    images = transform.synthesise(latents, LEVEL)
    return Scene(images, torch.ones_like(images[:, :1]), latents, WHOLE)


def refined(transform: HyperpriorTransform, scene: Scene) -> Tensor:
    hyper = torch.zeros(1, CONFIG.hyper, 1, 1)
    return refine_photo.refine_photo(transform, scene, hyper, LEVEL, weight=WEIGHT, steps=STEPS)


def test_latents_of_an_orthonormal_transform_are_best_as_they_are(
    linear: HyperpriorTransform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refine_photo, "CURVATURE", 1.0)
    scene = scene_of(linear)
    expected = scene.latents * linear.gain(LEVEL)
    torch.testing.assert_close(refined(linear, scene), expected, rtol=1e-3, atol=1e-3)


def test_what_nets_add_wrongly_is_made_good(linear: HyperpriorTransform) -> None:
    """Nets that paint everything too bright: latents answer, though no analysis said so."""
    last = linear.synthesis.out.conv.bias
    assert last is not None
    scene = scene_of(linear)
    last += 0.2
    before = scene.latents * linear.gain(LEVEL)
    error = Distortion(linear, scene, LEVEL)
    rounded = error(refined(linear, scene).round())
    assert rounded < 0.9 * error(before.round())


def test_the_first_latents_stay_the_callers(linear: HyperpriorTransform) -> None:
    scene = scene_of(linear)
    kept = scene.latents.clone()
    refined(linear, scene)
    assert scene.latents.equal(kept)
