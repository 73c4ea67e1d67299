"""Training of a photo model from a folder of photographs to a model file and its report."""

from __future__ import annotations

import os
import tempfile
from itertools import chain
from pathlib import Path
from typing import Any

from torch import Tensor

from pseudocodec.files import atomic_write
from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.training.crops import load_split
from pseudocodec.training.export_photo import export_photo
from pseudocodec.training.job import Job
from pseudocodec.training.photo import PhotoProgress, PhotoRecipe, PhotoTrainer
from pseudocodec.training.photo_report import report_on
from pseudocodec.training.photo_start import start_from
from pseudocodec.training.settle_photo import settle_photo
from pseudocodec.training.teach_details import teach_details
from pseudocodec.training.teach_filters import teach_filters
from pseudocodec.training.teach_photo import teach_photo
from pseudocodec.training.team import Team

SETTLED = 0.15  # of the budget, in addition to it, for the decoder on latents as files have them


def train_photo(
    job: Job,
    *,
    init: str | os.PathLike[str] | None,
    holdout: float | str | os.PathLike[str] | None,
    report: bool,
) -> dict[str, Any]:
    """See `pseudocodec.train`; progress is also logged to NAME.csv, a line a report."""
    team = Team.join(job.device)
    start = None if init is None else start_from(init)
    squares, held_out = load_split(
        job.data, holdout, job.seed, skip_bad=job.skip_bad, on_note=job.teller(team)
    )
    recipe = PhotoRecipe(job.budget, seed=job.seed)
    config = (start.transform().config if start else HyperpriorConfig()).with_shrinkage()
    trainer = PhotoTrainer(squares, list(held_out), config, recipe, team, start=start)

    def log(progress: PhotoProgress) -> None:
        job.files.append_log(trainer, chain.from_iterable(progress.points))

    if job.carry_out(trainer, log) is None:
        return {}
    identity = _finish(job, trainer, squares)
    result = job.files.result(identity, trainer) | {"report": None}
    if report:
        lines = [
            f"- Trained on {len(squares):,} squares of `{job.source}`, "
            f"{trainer.step:,} steps in {trainer.seconds / 60:.0f} minutes on "
            f"{team.size} x {team.device.type}, seed {recipe.seed}",
            f"- Recipe: {recipe}",
        ]
        result["report"] = report_on(job, held_out, lines)
    job.files.clear()
    return result


def _finish(job: Job, trainer: PhotoTrainer, squares: Tensor) -> bytes:
    """From trained nets to the model file, which is there when all of it is done; its id."""
    options: dict[str, Any] = {"seed": job.seed, "device": job.device, "on_note": job.on_note}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / job.files.target.name
        export_photo(trainer.averaged().transform.cpu(), job.title, path)
        teach_photo(path, squares, **options)
        settle_photo(path, squares, seconds=SETTLED * job.budget, **options)
        teach_filters(path, squares, **options)
        identity = teach_details(path, squares, **options)
        with atomic_write(job.files.target, overwrite=True) as file:
            file.write(path.read_bytes())
    return identity
