"""Training of a photo model from a folder of photographs to a model file and its report."""

from __future__ import annotations

import os
from itertools import chain
from typing import Any

from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.training.crops import load_split
from pseudocodec.training.export_photo import export_photo
from pseudocodec.training.job import Job
from pseudocodec.training.photo import PhotoProgress, PhotoRecipe, PhotoTrainer
from pseudocodec.training.photo_report import report_on
from pseudocodec.training.photo_start import start_from
from pseudocodec.training.teach_details import teach_details
from pseudocodec.training.teach_photo import teach_photo
from pseudocodec.training.team import Team


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
    config = start.transform().config if start else HyperpriorConfig()
    trainer = PhotoTrainer(squares, list(held_out), config, recipe, team, start=start)

    def log(progress: PhotoProgress) -> None:
        job.files.append_log(trainer, chain.from_iterable(progress.points))

    if job.carry_out(trainer, log) is None:
        return {}
    transform = trainer.averaged().transform.cpu()
    export_photo(transform, job.title, job.files.target)
    teach_photo(job.files.target, squares, seed=job.seed, device=job.device, on_note=job.on_note)
    identity = teach_details(
        job.files.target, squares, seed=job.seed, device=job.device, on_note=job.on_note
    )
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
