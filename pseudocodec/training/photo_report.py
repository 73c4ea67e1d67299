"""What a photo model is worth on the squares that were held out from its training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from pseudocodec.evaluation.report import evaluate
from pseudocodec.metrics import Images
from pseudocodec.training.crops import MOST_HELD_OUT
from pseudocodec.training.job import Job


def pictures_of(held_out: Tensor) -> list[Images]:
    """The first MOST_HELD_OUT squares (N, 3, S, S), uint8, as pictures (S, S, 3)."""
    return list(held_out[:MOST_HELD_OUT].permute(0, 2, 3, 1).numpy())


def report_on(job: Job, held_out: Tensor, recipe: Sequence[str]) -> dict[str, Any]:
    """`evaluate` the model that a job has written, on squares (N, 3, S, S)."""
    return evaluate(
        job.files.target,
        pictures_of(held_out),
        effort=0,
        device=job.device,
        overwrite=True,
        name=f"squares held out from training on {job.source}",
        recipe=recipe,
    )
