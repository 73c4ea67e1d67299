"""Better latents for a photograph, by gradient on rate and distortion.

Stochastic Gumbel annealing (Yang, Bamler & Mandt 2020): latents and hyper-latents of one picture
are moved by Adam, each rounded down or up at random with odds that sharpen as the steps pass, so
that in the end they are integers of low rate and low error together. The decoder is unchanged.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from pseudocodec.inversion.annealing import annealed
from pseudocodec.inversion.distortion import Distortion, Scene
from pseudocodec.nets.contexts import ExpectedTables
from pseudocodec.nets.hyperprior import HyperpriorTransform
from pseudocodec.nets.information import information

# Chosen on squares of training photographs, at 30 to 250 steps. A rate of 0.02, momenta of 0.9 and
# 0.95 and a logarithm that falls evenly cost 4 % more at 120 steps.
RATE = 0.065  # of Adam, in quantiser steps; falls to a tenth of it
BETAS = (0.8, 0.99)
WARMEST, COLDEST = 0.5, 0.1  # temperatures of the rounding, from the first step to the last
LATER = 1.5  # power of the share of steps done that the temperature's logarithm falls with
CONTEXTS_EVERY = 4  # steps: they change slowly, and cost a seventh of a step
SEED = 0  # of the rounding: an encoder gives the same file every time


class Refined(NamedTuple):
    """Gained latents (1, latents, h, w) and hyper-latents (1, hyper, h/4, w/4)."""

    gained: Tensor
    hyper: Tensor


def refine_photo(
    transform: HyperpriorTransform,
    scene: Scene,
    hyper: Tensor,
    level: Tensor,
    *,
    steps: int,
    contexts: ExpectedTables | None = None,
) -> Refined:
    """`steps` steps from a tile's latents and `hyper` towards less bits + lambda * error.

    `hyper` is (1, hyper, ceil(h/4), ceil(w/4)), `level` (1,) in rows. What surrounds the tile stays
    as it is. `contexts` are those of the model's residuals, where it has any.
    """
    generator = torch.Generator(hyper.device).manual_seed(SEED)
    gain = transform.gain(level)
    price = transform.config.price(level) * 255**2 / scene.images.shape[1]
    gained, hyper = (
        latents.contiguous(memory_format=torch.channels_last)
        for latents in (scene.latents[..., *scene.inner] * gain, hyper)
    )
    hyper_mean, hyper_index = transform.predict_hyper(level)
    distortion = Distortion(transform, scene, level)
    means = wider = torch.zeros((), device=gained.device)  # than the tables of the hyper-latents
    with torch.enable_grad():
        y, z = gained.clone().requires_grad_(True), hyper.clone().requires_grad_(True)
        optimiser = torch.optim.Adam([y, z], lr=RATE, betas=BETAS)
        for step in range(steps):
            share = step / max(1, steps - 1)
            optimiser.param_groups[0]["lr"] = RATE * (1 - 0.9 * share)
            temperature = WARMEST * (COLDEST / WARMEST) ** share**LATER
            shift = annealed(z - hyper_mean, temperature, generator)
            bits = information(shift, hyper_index).sum()
            mean, index = transform.predict(shift + hyper_mean, level)
            height, width = y.shape[2:]
            mean, index = mean[..., :height, :width], index[..., :height, :width]
            residual = annealed(y - mean, temperature, generator)
            if contexts and step % CONTEXTS_EVERY == 0:
                with torch.no_grad():
                    means, expected = contexts((y - mean).round(), index)
                    wider = expected - index
            bits = bits + information(residual - means, index + wider).sum()
            error = distortion(residual + mean)
            optimiser.zero_grad()
            (bits + price * error).sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return Refined(y.detach(), z.detach())
