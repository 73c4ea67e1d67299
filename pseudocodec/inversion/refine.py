"""Better latents for a picture, by gradient through the generator.

The analysis net guesses latents in one pass, for all pictures by the same rule. Here they are
improved for one picture: the expected error of what the generator makes of them, over the noise
that the latent code will leave (the channel of `training.channel`), is lowered by gradient steps
on the latents. The decoder is unchanged. (Inference by gradient: Kim et al. 2018; for compression,
Campos et al. 2019, Yang, Bamler & Mandt 2020.)

So many bits describe a vector of twice the energy with twice the error, so the noise grows with the
latents here. Without that, latents that grow outshine the noise: on faces the expected error fell
by 0.6 dB and that of real codes hardly at all. Of exponents tried, GROWTH was the best on digits
and faces (held-out training pictures).

Latents differ in what they do to the picture by orders of magnitude, but it is known by how much: a
generator is not far from the linear transform whose components have the variances of the code.
Steps are those of Newton's method for such a transform, RATE of the way, with momentum (heavy ball,
Polyak 1964): two of them are worth some nine of Adam, which learns the same scales from gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pseudocodec.nets.precision import autocast
from pseudocodec.nets.registry import Transform

RATE = 0.2  # of the way to where a linear generator would have the least error; falls to a tenth
MOMENTUM = 0.3
DAMPING = 3e-4  # of the largest curvature, added to all: a floor under those hardly heard
LONGEST = 0.5  # step of a latent, in its deviations: a generator may be far from linear
LEAST_ENERGY = 1e-6  # of latents: below it a root's slope would be lost to rounding
GROWTH = 0.75  # of the noise's energy, an exponent of that of the latents
SEED = 0  # of the noise: an encoder gives the same file every time


def refine(
    transform: Transform,
    images: Tensor,
    latents: Tensor,
    *,
    level: Tensor,
    rho: Tensor,
    variances: Tensor,
    steps: int,
) -> Tensor:
    """Latents (B, d) after `steps` gradient steps towards `images` (B, C, H, W) in [0, 1].

    `level` (B,) are the code's, as the generator is told them; `rho` (B, d) the error the code will
    leave in each component, a fraction of its variance, one of `variances` (d,), in any unit. The
    noise is the same for every picture of the batch and taken with both signs in turn, so a
    picture's result does not depend on the others.
    """
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.zeros(rho.shape[1], device=rho.device)
    refined, velocity = latents.clone(), torch.zeros_like(latents)
    if not steps:
        return refined
    curvature = _scale(transform, images, latents, level, variances) * variances
    curvature = 2 * curvature * (1 - rho).square()
    curvature = curvature + DAMPING * curvature.amax(1, keepdim=True)
    for step in range(steps):
        rate = RATE * (1 - 0.9 * step / steps)
        if step % 2 == 0:
            noise = torch.randn(len(noise), generator=generator).to(rho.device)
        else:
            noise = -noise
        with torch.enable_grad():
            moved = refined.requires_grad_(True)
            with autocast(images.device):
                decoded = transform.synthesise(heard(moved, rho, noise), level)
            (slope,) = torch.autograd.grad((decoded - images).square().sum(), moved)
        velocity = (MOMENTUM * velocity - rate * slope / curvature).clamp(-LONGEST, LONGEST)
        refined = moved.detach() + velocity
    return refined


def heard(latents: Tensor, rho: Tensor, noise: Tensor) -> Tensor:
    """What a code that leaves errors `rho` (B, d) makes of latents (B, d), with normal `noise`."""
    kept = 1 - rho
    energy = (kept * latents.square()).sum(1, keepdim=True) / kept.sum(1, keepdim=True)
    spread = (rho * kept).sqrt() * energy.clamp(min=LEAST_ENERGY) ** (GROWTH / 2)
    return kept * latents + spread * noise


@torch.no_grad()
def _scale(
    transform: Transform, images: Tensor, latents: Tensor, level: Tensor, variances: Tensor
) -> Tensor:
    """Energies (B, 1) that a linear generator has for a latent of variance 1.

    Such that the latents account for the picture: their energy through it is that of the difference
    to what the generator draws of nothing.
    """
    levels, which = torch.unique(level, return_inverse=True)
    empty = transform.synthesise(latents.new_zeros(len(levels), latents.shape[1]), levels)
    drawn = (images - empty[which]).square().sum((1, 2, 3))
    known = (variances * latents.square()).sum(1)
    return (drawn.clamp(min=LEAST_ENERGY) / known.clamp(min=LEAST_ENERGY))[:, None]
