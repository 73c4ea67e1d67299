"""`train`: a codec for your own pictures from a folder of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pseudocodec.errors import PslError
from pseudocodec.evaluation.report import evaluate
from pseudocodec.evaluation.sheet import draw_sheet
from pseudocodec.files import atomic_write
from pseudocodec.training.compressai import train_compressai
from pseudocodec.training.data import hold_out, load_pictures
from pseudocodec.training.export import export_model
from pseudocodec.training.loop import Progress, Recipe, Trainer
from pseudocodec.training.outputs import Files
from pseudocodec.training.photo import PhotoRecipe
from pseudocodec.training.plan import plan_for
from pseudocodec.training.team import Team
from pseudocodec.training.train_photo import train_photo

OnProgress = Callable[[Any], None]  # of a Progress, or a PhotoProgress
OnNote = Callable[[str], None]


def train(
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    budget: float = 1800.0,
    size: str = "base",
    objective: str = "mse",
    holdout: float | str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    name: str | None = None,
    report: bool = True,
    codec: str = "kind",
    lmbda: float | None = None,
    init: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    on_note: OnNote | None = None,
) -> dict[str, Any]:
    """Train a model on the pictures of `data` and write it to `output` (.safetensors).

    The pictures decide the rest: patches, latents, the range of rates, and whether mirror images
    are pictures of the same kind (`training.plan`). Beside the model a folder NAME-report is
    written (see `evaluate`): rate and distortion of real files on the held-out pictures, compared
    with JPEG, WebP, AVIF and JPEG XL. While training, OUTPUT.progress.png shows held-out pictures
    and what the channel leaves of them.

    Args:
        data: a folder, .tar, idx, .npy, .npz or .parquet of grey or RGB pictures, 16 to 256 pixels
            a side, of any aspect. The commonest size is the model's; others are resized to it. For
            a photo model, pictures of at least 256 pixels a side.
        budget: seconds of training, summed over resumed runs. The report takes a few minutes more.
        size: of the nets, "small", "base" or "large": larger ones are better when `budget` allows.
        objective: "mse", or "perceptual" for sharper pictures whose detail is partly invented.
        holdout: the share of the pictures that is held out for the report, or other pictures; by
            default a twentieth, at most 2,000.
        skip_bad: leave out pictures that cannot be read, and say so.
        resume: continue from the checkpoint beside `output` (OUTPUT.checkpoint), which is written
            every two minutes and when interrupted; a longer budget extends a run.
        seed: of the initial weights and the order of pictures. Runs of the same seed still differ
            in the number of steps their time allowed.
        device: "auto", "cpu", "cuda" ... Under torchrun every process trains.
        name: the model's name; by default that of the output file.
        report: whether to measure the model on real files at the end.
        codec: "kind" for pictures of one kind; "photo" for photographs of any size, which takes
            neither `size` nor `objective`; or one of CompressAI's networks, such as
            "bmshj2018-hyperprior" (see `integrations.compressai`), whose objective is "mse" or
            "ms-ssim".
        lmbda: of such a network: what distortion costs.
        init: of such a network: a CompressAI checkpoint or a model file to start from.
        overwrite: replace a model or a report that is there already.
        on_progress: called about once a minute.
        on_note: called with sentences that a user should read.

    Returns {"id": hex, "path", "bytes", "steps", "seconds", "psnr": {bits: dB}, "report"}; psnr is
    that of held-out pictures through the ideal channel, the report's rows are of real files.

    Raises PslError for unsuitable pictures, a checkpoint of other settings, diverged training, or
    a file in the way.
    """
    if codec not in ("kind", "photo"):
        return train_compressai(
            data,
            output,
            architecture=codec,
            objective=objective,
            lmbda=lmbda,
            init=init,
            budget=budget,
            resume=resume,
            overwrite=overwrite,
            skip_bad=skip_bad,
            seed=seed,
            device=device,
            name=name,
            on_progress=on_progress,
            on_note=on_note,
        )
    if lmbda is not None or init is not None:
        raise PslError(f"lmbda and init belong to CompressAI's networks, not to codec={codec!r}")
    files = Files.check(output, budget, resume=resume, overwrite=overwrite)
    name = name or files.target.stem
    if codec == "photo" and (objective, size) != ("mse", "base"):
        raise PslError(
            f"objective={objective!r}, size={size!r}: a photo model has objective 'mse' and one "
            "size; leave both out"
        )
    if codec == "photo":
        return train_photo(
            data,
            files,
            PhotoRecipe(budget, seed=seed),
            name=name,
            holdout=holdout,
            skip_bad=skip_bad,
            device=device,
            report=report,
            on_progress=on_progress,
            on_note=on_note,
        )
    recipe = Recipe(budget, seed=seed, objective=objective)
    team = Team.join(device)
    tell = on_note if on_note and team.leads else _silent
    pictures = load_pictures(data, skip_bad=skip_bad)
    for sentence in pictures.notes:
        tell(sentence)
    images, held_out = hold_out(pictures, holdout, seed, skip_bad=skip_bad)
    plan = team.share(plan_for(images, held_out, size))
    tell(f"{len(images):,} pictures to learn from, {len(held_out):,} held out; {plan.describe()}")
    trainer = Trainer(images, held_out, plan, recipe, team)
    last = _train(trainer, files, on_progress, tell)
    team.leave()
    if not team.leads:
        return {}
    identity = export_model(trainer, name, files.target)
    result = files.result(identity, trainer) | {"psnr": last.psnr, "report": None}
    if report:
        shown = held_out.permute(0, 2, 3, 1).numpy()
        recipe_lines = _recipe_lines(trainer, Path(data).name, size)
        result["report"] = evaluate(
            files.target,
            shown[..., 0] if shown.shape[3] == 1 else shown,
            device=device,
            overwrite=True,
            name=f"pictures held out from training on {Path(data).name}",
            recipe=recipe_lines,
        )
    files.clear()
    return result


def _train(
    trainer: Trainer, files: Files, on_progress: OnProgress | None, tell: OnNote
) -> Progress:
    """Run to the end of the budget; the last report."""
    last: list[Progress] = []

    def report(progress: Progress) -> None:
        last[:] = [progress]
        _write_sheet(files.sheet, trainer, tell)
        if on_progress:
            on_progress(progress)

    files.restore(trainer)
    trainer.run(files.checkpoint, report, on_note=tell)
    return last[0] if last else Progress(trainer.step, trainer.seconds, 1.0, {})


def _silent(sentence: str) -> None:
    """What a run tells when nobody listens, or another process speaks."""


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
        lines.append("- The perceptual objective invents detail: do not measure on these pictures")
    return lines
