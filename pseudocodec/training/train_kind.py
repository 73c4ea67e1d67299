"""Training of a model for pictures of one kind, from a folder of them to a model and its report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from pseudocodec.errors import PslError
from pseudocodec.evaluation.report import evaluate
from pseudocodec.evaluation.sheet import draw_sheet
from pseudocodec.files import atomic_write
from pseudocodec.training.data import hold_out, load_pictures
from pseudocodec.training.export import export_model
from pseudocodec.training.job import Job, OnNote
from pseudocodec.training.loop import Recipe, Trainer
from pseudocodec.training.perceptual import INVENTS
from pseudocodec.training.plan import plan_for
from pseudocodec.training.team import Team


def train_kind(
    job: Job,
    *,
    objective: str,
    size: str,
    holdout: float | str | os.PathLike[str] | None,
    report: bool,
) -> dict[str, Any]:
    """See `pseudocodec.train`."""
    team = Team.join(job.device)
    tell = job.teller(team)
    pictures = load_pictures(job.data, skip_bad=job.skip_bad)
    for sentence in pictures.notes:
        tell(sentence)
    images, held_out = hold_out(pictures, holdout, job.seed, skip_bad=job.skip_bad)
    plan = team.share(plan_for(images, held_out, size))
    tell(f"{len(images):,} pictures to learn from, {len(held_out):,} held out; {plan.describe()}")
    recipe = Recipe(job.budget, seed=job.seed, objective=objective)
    trainer = Trainer(images, held_out, plan, recipe, team)
    last = job.carry_out(trainer, lambda _: _write_sheet(job.files.sheet, trainer, tell))
    if last is None:
        return {}
    identity = export_model(trainer, job.title, job.files.target)
    result = job.files.result(identity, trainer) | {"psnr": last.psnr, "report": None}
    if report:
        shown = held_out.permute(0, 2, 3, 1).numpy()
        result["report"] = evaluate(
            job.files.target,
            shown[..., 0] if shown.shape[3] == 1 else shown,
            device=job.device,
            overwrite=True,
            name=f"pictures held out from training on {job.source}",
            recipe=_recipe_lines(trainer, job.source, size),
        )
    job.files.clear()
    return result


def _write_sheet(path: Path, trainer: Trainer, tell: OnNote) -> None:
    """Originals above reconstructions; a sheet that cannot be written does not stop a run."""
    try:
        with atomic_write(path, overwrite=True) as file:
            file.write(draw_sheet(trainer.sheet()))
    except PslError as error:
        tell(f"{error}; training goes on without this sheet")


def _recipe_lines(trainer: Trainer, data: str, size: str) -> list[str]:
    r, minutes = trainer.recipe, trainer.seconds / 60
    lines = [
        f"- Trained on {len(trainer.images):,} pictures of `{data}`, "
        f"{len(trainer.held_out):,} others held out for this report",
        f"- {trainer.step:,} steps of {trainer.plan.batch} pictures in {minutes:.0f} minutes on "
        f"{trainer.team.size} x {trainer.device.type} with {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, seed {r.seed}, size {size}, objective {r.objective}",
        f"- {trainer.plan.describe()}",
    ]
    if r.objective == "perceptual":
        lines.append(INVENTS)
    return lines
