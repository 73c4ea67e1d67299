"""Pictures to the symbols of a latent code: what `effort` buys.

Three means beyond the plain pass through the analysis net, all free for the decoder: gradient steps
on the latents (`inversion.refine`); trials: neighbouring latents are coded too, and the code whose
decoded picture is closest is kept; and, in archives, bits shared among the pictures (`allocation`).
The latent code minimises the error of the latents; trials choose by the error of the picture, of
each of the lengths that it may get. Composition spends its time on a wider beam instead, until the
highest levels. (Also tried: the diagonal of J^T J of the generator as the metric of the trellis; it
gained nothing.) benchmarks/effort.py measures what each level costs and gains. Models of one seed a
picture have a way of their own (`seeding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.allocation import allocate
from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.seed import SeedCode
from pseudocodec.seeding import describe_seeds

if TYPE_CHECKING:
    from pseudocodec.model.vectors import VectorModel

Described = tuple[NDArray[np.int64], int]
"""The symbols (k,) of a picture and the bits they are for."""


@dataclass(frozen=True)
class Effort:
    """What an encoder does at one level of effort."""

    steps: int  # of gradient descent on the latents
    trials: int  # latents coded for each picture, by a code that is quick
    code: int  # effort of such a code for each
    slow_trials: int = 1  # by a code that is not, at its own effort of the same number
    lengths: int = 0  # that a picture is coded in, where it may have any; 0: that of the others


EFFORTS = (
    Effort(0, 1, 0),
    Effort(0, 1, 1, lengths=1),
    Effort(2, 3, 1, lengths=3),
    Effort(6, 3, 1, lengths=3),
    Effort(8, 4, 1, lengths=3),
    Effort(12, 6, 2, lengths=3),
    Effort(16, 10, 2, lengths=5),
    Effort(24, 20, 2, slow_trials=2, lengths=5),
    Effort(40, 48, 3, slow_trials=4, lengths=5),
    Effort(60, 160, 3, slow_trials=8, lengths=5),
)


def shares(effort: int) -> bool:
    """Whether an encoder gives pictures different lengths at this level, where it may."""
    return effort in range(len(EFFORTS)) and EFFORTS[effort].lengths > 0


def describe(
    model: VectorModel,
    code: LatentCode,
    images: Sequence[Pixels],
    bits: float,
    *,
    effort: int,
    device: str,
    ladder: Sequence[int] = (),
) -> list[Described]:
    """Prepared pictures (H, W, C) -> the symbols of `code` for each, and the bits they are for.

    All are for `bits`; with a `ladder` of lengths that is their mean, not exceeded, and each
    picture gets what it needs of them. Raises PslError for an effort outside 0 to 9.
    """
    if effort not in range(len(EFFORTS)):
        raise PslError(f"effort={effort}: expected a whole number from 0 to {len(EFFORTS) - 1}")
    if isinstance(code, SeedCode):
        seeds = describe_seeds(model, code, images, effort=effort, device=device)
        return [(row, int(bits)) for row in seeds]
    plan = EFFORTS[effort]
    if not code.quick:
        plan = replace(plan, trials=plan.slow_trials, code=effort)
    import torch

    from pseudocodec.sharing import windows
    from pseudocodec.trials import Trials

    with torch.inference_mode(False):  # a caller's: refinement takes gradients
        lengths, centre = np.full((len(images), 1), int(bits)), np.zeros(len(images), np.int64)
        if ladder and plan.lengths and len(images) > 1:
            lengths, centre = windows(
                model, code, images, bits=bits, ladder=ladder, width=plan.lengths, device=device
            )
        errors: list[NDArray[np.float32]] = [np.empty((0, lengths.shape[1]), np.float32)]
        kept: list[list[NDArray[np.int64]]] = []
        for part in model.tensors(images, device):
            rows = slice(len(kept), len(kept) + len(part))
            trials = Trials(
                model, code, part, lengths=lengths[rows], centre=centre[rows], effort=plan.code
            )
            trials.run(plan.steps, max(plan.trials, lengths.shape[1]))
            errors.append(trials.errors)
            kept += trials.best
    chosen = allocate(np.concatenate(errors), lengths, bits)
    return [(kept[i][at], int(lengths[i, at])) for i, at in enumerate(chosen)]
