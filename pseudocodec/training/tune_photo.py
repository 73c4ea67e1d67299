"""From a photo model and photographs to a model file that decodes to sharper pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.evaluation.decoders import compare_decoders
from pseudocodec.metrics import Images
from pseudocodec.model.file import model_id, read_facts
from pseudocodec.model.photo import FILTERS, PhotoModel
from pseudocodec.rate import Target
from pseudocodec.training.crops import load_split
from pseudocodec.training.export_photo import export_tuned
from pseudocodec.training.job import Job
from pseudocodec.training.perceptual import INVENTS
from pseudocodec.training.photo_report import pictures_of, report_on
from pseudocodec.training.photo_start import Start, start_from
from pseudocodec.training.team import Team
from pseudocodec.training.tuning import TuneProgress, Tuner, TuneRecipe

QUALITIES = (5, 25, 50)  # of the table that compares the decoders


def tune_photo(
    job: Job,
    *,
    init: str | os.PathLike[str] | None,
    holdout: float | str | os.PathLike[str] | None,
    report: bool,
) -> dict[str, Any]:
    """See `pseudocodec.train`; progress is also logged to NAME.csv, a line a report."""
    start = start_from(init)
    team = Team.join(job.device)
    squares, held_out = load_split(
        job.data, holdout, job.seed, skip_bad=job.skip_bad, on_note=job.teller(team)
    )
    recipe = TuneRecipe(job.budget, seed=job.seed)
    tuner = Tuner(squares, held_out, start, recipe, team)

    def log(progress: TuneProgress) -> None:
        job.files.append_log(tuner, chain.from_iterable(progress.points))

    if job.carry_out(tuner, log) is None:
        return {}
    facts = replace(start.model.facts, name=job.title)
    path = job.files.target
    identity = export_tuned(facts, _unfiltered(start.tensors), tuner.averaged(), path)
    result = job.files.result(identity, tuner) | {"report": None}
    if report:
        lines = _recipe_lines(tuner, job.source, start)
        lines += _comparison(start, job, pictures_of(held_out))
        result["report"] = report_on(job, held_out, lines)
    job.files.clear()
    return result


def _unfiltered(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A model's tensors, its filters without effect: they would take out what tuning puts in.

    They stay in the code, so that files of the model before decode, and none are fitted.
    """
    basis = f"{FILTERS}basis"
    return {key: np.zeros_like(v) if key == basis else v for key, v in tensors.items()}


def _recipe_lines(tuner: Tuner, source: str, start: Start) -> list[str]:
    facts = start.model.facts
    return [
        f"- The decoder of {facts.name} ({start.model.id.hex()}), tuned on "
        f"{len(tuner.crops.squares):,} squares of `{source}`, {tuner.step:,} steps in "
        f"{tuner.seconds / 60:.0f} minutes on {tuner.team.size} x {tuner.device.type}, "
        f"seed {tuner.recipe.seed}, objective perceptual",
        f"- Recipe: {tuner.recipe}",
        INVENTS,
    ]


def _comparison(start: Start, job: Job, pictures: Sequence[Images]) -> list[str]:
    """A table in Markdown: the decoder before and after, on the same payloads."""
    path = job.files.target
    tuned = PhotoModel(model_id(path), path, read_facts(path))
    targets = [Target(quality=quality) for quality in QUALITIES]
    models = {"before": start.model, "after": tuned}
    lines = [
        "",
        "The decoder before and after, at the same bytes (sharpness: energy of the Laplacian, of",
        "that of the original):",
        "",
        "| decoder | bpp | PSNR, dB | MS-SSIM | sharpness |",
        "|---|---|---|---|---|",
    ]
    for row in compare_decoders(models, pictures, targets, device=job.device):
        lines.append(
            f"| {row['model']} | {row['bpp']:.3f} | {row['psnr']:.2f} | "
            f"{_shown(row['ms_ssim'])} | {_shown(row['sharpness'])} |"
        )
    return lines


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
