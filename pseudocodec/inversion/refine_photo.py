"""Better latents for a photograph: each makes good what rounding does to the others.

Latents are rounded for rate and distortion one by one, as if each alone made the picture. Here the
loop is closed: they are rounded, the gradient of the error of what then decodes tells how far each
is from where it would be best if the others stayed as they are rounded, and each goes a part of the
way there, before all are rounded again. That is Newton's method with one curvature for all: models
give all latents steps that do alike to the picture. The decoder is unchanged.

On Kodak four such steps take 6.2 % fewer bits than none. So did 250 of stochastic Gumbel annealing
(Yang, Bamler & Mandt 2020), which stood here, with the version of `photo` before.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pseudocodec.inversion.distortion import Distortion, Scene
from pseudocodec.nets.contexts import ExpectedTables
from pseudocodec.nets.hyperprior import PATCH, HyperpriorTransform
from pseudocodec.nets.information import information
from pseudocodec.nets.rounding import Rounding

# Chosen on squares of training photographs, at 4 to 16 steps.
CURVATURE = 0.75  # of what a probe finds, which has much of what is beside the diagonal in it
FIRST, LAST = 0.6, 0.1  # parts of the way, from the first step to the last
AROUND = 0.7  # of the bits that a residual costs those which look at it
MOST_AROUND = 8.0  # bits a step, of those
WARMEST = 1.0  # bits: temperature of the choices, which falls to nothing
PROBED = 8  # latents a side of the part that is probed,
PROBE = 0.5  # by steps of so much
LEAST = 0.1  # of what it finds: of a picture of one pixel next to nothing
SEED = 0  # of the choices: an encoder gives the same file every time


@torch.no_grad()
def refine_photo(
    transform: HyperpriorTransform,
    scene: Scene,
    hyper: Tensor,
    level: Tensor,
    *,
    weight: float,
    steps: int,
    contexts: ExpectedTables | None = None,
) -> Tensor:
    """Gained latents (1, latents, h, w) after `steps` steps from a tile's latents.

    `hyper` are the tile's hyper-latents (1, hyper, ceil(h/4), ceil(w/4)), which stay as they are,
    as does what surrounds the tile; `level` is (1,), in rows. `weight` is that of errors when
    residuals are rounded, here and for the file. `contexts` are those of the model's residuals,
    where it has any.
    """
    generator = torch.Generator(hyper.device).manual_seed(SEED)
    gain = transform.gain(level)
    price = transform.config.price(level) * 255**2 / scene.images.shape[1]
    step_price = price[:, None, None, None] / gain.square()
    latents = (scene.latents[..., *scene.inner] * gain).contiguous(
        memory_format=torch.channels_last
    )
    height, width = latents.shape[2:]
    hyper_mean, _ = transform.predict_hyper(level)
    mean, index = transform.predict((hyper - hyper_mean).round() + hyper_mean, level)
    mean, index = mean[..., :height, :width], index[..., :height, :width]
    distortion = Distortion(transform, scene, level)
    curvature = 2 * CURVATURE * step_price * _probed(transform, scene, level, generator)
    for step in range(steps):
        share = step / max(1, steps - 1)
        rounding = _rounding(latents - mean, index, weight * step_price, contexts)
        symbols = _chosen(rounding, WARMEST * (1 - share), generator)
        slope = _slope(lambda decoded: price * distortion(decoded), symbols + mean)
        if contexts is not None:
            slope += AROUND * _slope_around(contexts, symbols, index)
        best = symbols + mean - slope / curvature
        latents = latents.lerp(best, FIRST + (LAST - FIRST) * share)
    return latents


def _probed(
    transform: HyperpriorTransform, scene: Scene, level: Tensor, generator: torch.Generator
) -> Tensor:
    """How much steeper the error gets when latents move: 1, a scalar, for an orthonormal transform.

    The root mean square of the Hessian times signs at random, in the middle of the scene.
    """
    rows, columns = (
        slice(max(0, side - PROBED) // 2, max(0, side - PROBED) // 2 + PROBED)
        for side in scene.latents.shape[2:]
    )
    tall, wide = (slice(PATCH * part.start, PATCH * part.stop) for part in (rows, columns))
    latents = scene.latents[..., rows, columns]
    images, mask = (pixels[..., tall, wide] for pixels in (scene.images, scene.mask))
    part = Scene(images, mask, latents, (slice(None), slice(None)))
    distortion = Distortion(transform, part, level)
    gain = transform.gain(level)
    at = (latents * gain).round()
    signs = 2.0 * torch.empty_like(at).bernoulli_(generator=generator) - 1
    above, below = (_slope(distortion, at + sign * PROBE * signs) for sign in (1, -1))
    bent = (above - below) / (2 * PROBE) * gain.square() / 2
    return bent.square().mean().sqrt().clamp(min=LEAST)


def _rounding(
    residuals: Tensor, index: Tensor, price: Tensor, contexts: ExpectedTables | None
) -> Rounding:
    means = torch.zeros_like(residuals)
    if contexts is not None:
        means, index = contexts(residuals.round(), index)
    return Rounding(residuals, means, index, price)


def _chosen(rounding: Rounding, temperature: float, generator: torch.Generator) -> Tensor:
    """Residuals rounded for rate and distortion, less strictly the warmer it is."""
    chosen, best = rounding.rounded, torch.zeros_like(rounding.rounded)
    for symbols in (rounding.nearer, rounding.farther):
        gain = rounding.gain(symbols)
        if temperature > 0:
            gain += temperature * _logistic(gain, generator)
        better = gain > best
        chosen, best = torch.where(better, symbols, chosen), torch.where(better, gain, best)
    return chosen


def _logistic(like: Tensor, generator: torch.Generator) -> Tensor:
    """Differences of two Gumbels."""
    return torch.logit(torch.empty_like(like).uniform_(generator=generator), 1e-4)


def _slope(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    with torch.enable_grad():
        at = at.requires_grad_(True)
        [slope] = torch.autograd.grad(function(at).sum(), at)
    return slope


def _slope_around(contexts: ExpectedTables, symbols: Tensor, index: Tensor) -> Tensor:
    """Of the bits of all other residuals, by what they expect when each of `symbols` changes."""

    def bits(seen: Tensor) -> Tensor:
        means, tables = contexts(seen, index)
        return information(symbols - means, tables)

    return _slope(bits, symbols.clone()).clamp(-MOST_AROUND, MOST_AROUND)
