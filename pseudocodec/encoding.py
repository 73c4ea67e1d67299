"""Pictures to the symbols of a latent code: what `effort` buys.

Two means beyond the plain pass through the analysis net, both free for the decoder: gradient steps
on the latents (`inversion.refine`), and trials: neighbouring latents are coded too, and the code
whose decoded picture is closest is kept. The latent code minimises the error of the latents; trials
choose by the error of the picture. Composition spends its time on a wider beam instead, until the
highest levels. (Also tried: the diagonal of J^T J of the generator as the metric of the trellis; it
gained nothing.) benchmarks/effort.py measures what each level costs and gains. Models of one seed a
picture have a way of their own (`seeding`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.seed import SeedCode
from pseudocodec.seeding import describe_seeds

if TYPE_CHECKING:
    from torch import Tensor

    from pseudocodec.model.vectors import VectorModel

SPREAD = 0.4  # of the trials' latents, in deviations of the code's own error
SEED = 1  # of the trials: an encoder gives the same file every time


@dataclass(frozen=True)
class Effort:
    """What an encoder does at one level of effort."""

    steps: int  # of gradient descent on the latents
    trials: int  # latents coded for each picture, by a code that is quick
    code: int  # effort of such a code for each
    slow_trials: int = 1  # by a code that is not, at its own effort of the same number


EFFORTS = (
    Effort(0, 1, 0),
    Effort(0, 2, 1),
    Effort(2, 2, 1),
    Effort(4, 3, 1),
    Effort(6, 4, 2),
    Effort(10, 6, 2),
    Effort(16, 10, 2),
    Effort(24, 20, 2, 2),
    Effort(40, 48, 3, 4),
    Effort(60, 160, 3, 8),
)


def describe(
    model: VectorModel,
    code: LatentCode,
    images: Sequence[Pixels],
    bits: int,
    *,
    effort: int,
    device: str,
) -> NDArray[np.int64]:
    """Prepared pictures (H, W, C) -> symbols (n, k) of `code` for `bits` bits each.

    Raises PslError for an effort outside 0 to 9.
    """
    if effort not in range(len(EFFORTS)):
        raise PslError(f"effort={effort}: expected a whole number from 0 to {len(EFFORTS) - 1}")
    if isinstance(code, SeedCode):
        return describe_seeds(model, code, images, effort=effort, device=device)
    plan = EFFORTS[effort]
    if not code.quick:
        plan = Effort(plan.steps, plan.slow_trials, effort)
    import torch

    with torch.inference_mode(False):  # a caller's: refinement takes gradients
        parts = [
            _describe_part(model, code, part, bits, plan) for part in model.tensors(images, device)
        ]
    return np.concatenate(parts)


def _describe_part(
    model: VectorModel, code: LatentCode, images: Tensor, bits: int, effort: Effort
) -> NDArray[np.int64]:
    import torch

    from pseudocodec.inversion.refine import refine

    level = code.level(bits)
    transform = model.transform(images.device)
    rho = code.distortions(bits)
    with torch.no_grad():
        plain = transform.analyse(images, torch.full((len(images),), level).to(images.device))
    latents = plain
    if effort.steps and rho.min() < 1:
        there = torch.from_numpy(rho).to(images.device)
        latents = refine(transform, images, plain, level=level, rho=there, steps=effort.steps)
    best = code.encode(latents.cpu().numpy(), bits, effort.code)
    if effort.trials == 1 or not best.shape[1]:
        return best
    least = _errors(model, code, best, images, bits)
    for neighbour in _neighbours(plain.cpu().numpy(), latents.cpu().numpy(), rho, effort):
        trial = code.encode(neighbour, bits, effort.code)
        errors = _errors(model, code, trial, images, bits)
        better = errors < least
        best[better], least[better] = trial[better], errors[better]
    return best


def _neighbours(
    plain: NDArray[np.float32],
    refined: NDArray[np.float32],
    rho: NDArray[np.float32],
    effort: Effort,
) -> Iterator[NDArray[np.float32]]:
    """The latents tried beside the refined ones: the plain ones, and random steps away."""
    noise = np.random.default_rng(SEED)
    spread = SPREAD * np.sqrt(rho)
    for trial in range(1, effort.trials):
        if trial == 1 and effort.steps:
            yield plain
        else:
            step = spread * noise.standard_normal(len(rho), np.float32)
            yield (refined + step).astype(np.float32)


def _errors(
    model: VectorModel, code: LatentCode, symbols: NDArray[np.int64], images: Tensor, bits: int
) -> NDArray[np.float32]:
    """Squared error (n,) of the pictures that symbols decode to."""
    import torch

    latents = torch.from_numpy(code.decode(symbols, code.usable_bits(bits))).to(images.device)
    levels = torch.full((len(images),), code.level(bits), device=images.device)
    with torch.inference_mode():
        decoded = model.transform(images.device).synthesise(latents, levels).clamp(0, 1)
        errors: NDArray[np.float32] = (decoded - images).square().sum((1, 2, 3)).cpu().numpy()
    return errors
