"""Training of a photo model from a folder of photographs to a model file and its report."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pseudocodec.errors import PslError
from pseudocodec.evaluation.photos import report_photos
from pseudocodec.files import atomic_write
from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.training.crops import load_crops
from pseudocodec.training.data import split
from pseudocodec.training.export_photo import export_photo
from pseudocodec.training.outputs import Files
from pseudocodec.training.photo import PhotoProgress, PhotoRecipe, PhotoTrainer
from pseudocodec.training.team import Team

HELD_OUT = 0.01  # of the squares, unless told otherwise
MOST_HELD_OUT = 24


def train_photo(
    data: str | os.PathLike[str],
    files: Files,
    recipe: PhotoRecipe,
    *,
    name: str,
    holdout: float | str | os.PathLike[str] | None,
    skip_bad: bool,
    device: str,
    report: bool,
    on_progress: Callable[[PhotoProgress], None] | None,
    on_note: Callable[[str], None] | None,
) -> dict[str, Any]:
    """See `pseudocodec.train`; progress is also logged to NAME.csv, a line a report."""
    team = Team.join(device)
    tell = on_note if on_note and team.leads else lambda sentence: None
    squares, notes = load_crops(data, skip_bad=skip_bad)
    for sentence in notes:
        tell(sentence)
    if holdout is not None:
        if not Path(holdout if isinstance(holdout, (str, os.PathLike)) else "").exists():
            raise PslError(
                f"holdout={holdout}: a photo model takes other photographs here, by their path"
            )
        held_out, _ = load_crops(str(holdout), skip_bad=skip_bad)
    else:
        squares, held_out = split(squares, recipe.seed, HELD_OUT, MOST_HELD_OUT)
    tell(f"{len(squares):,} squares to learn from, {len(held_out):,} held out")
    trainer = PhotoTrainer(squares, list(held_out), HyperpriorConfig(), recipe, team)

    def progressed(progress: PhotoProgress) -> None:
        _log(files.log, progress)
        if on_progress:
            on_progress(progress)

    files.restore(trainer)
    trainer.run(files.checkpoint, progressed, on_note=tell)
    team.leave()
    if not team.leads:
        return {}
    transform = trainer.averaged().transform.cpu()
    result = files.result(export_photo(transform, name, files.target), trainer)
    result["report"] = None
    if report:
        pictures = list(held_out[:MOST_HELD_OUT].permute(0, 2, 3, 1).numpy())
        lines = [
            f"- Trained on {len(squares):,} squares of `{Path(data).name}`, "
            f"{trainer.step:,} steps in {trainer.seconds / 60:.0f} minutes on "
            f"{team.size} x {team.device.type}, seed {recipe.seed}",
            f"- Recipe: {recipe}",
        ]
        result["report"] = report_photos(files.target, pictures, files.report, lines)
    files.clear()
    return result


def _log(path: Path, progress: PhotoProgress) -> None:
    """Append a line: step, seconds, then bits a pixel and dB at each level reported."""
    values = [f"{value:.4f}" for point in progress.points for value in point]
    before = path.read_bytes() if path.exists() else b""
    line = ",".join([str(progress.step), f"{progress.seconds:.0f}", *values])
    with atomic_write(path, overwrite=True) as file:
        file.write(before + line.encode() + b"\n")
