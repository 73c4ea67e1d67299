"""`train`: a model of your own from a folder of pictures of one kind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import FlatConfig
from pseudocodec.training.data import load_pictures, split
from pseudocodec.training.export import export_model
from pseudocodec.training.loop import Progress, Recipe, Trainer


def train(
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    budget: float = 1800.0,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    name: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Train a model on the pictures of `data` and write it to `output` (.safetensors).

    Args:
        data: a folder, .tar, idx, .npy or .npz of grey or RGB pictures, all of one size, sides
            multiples of 4 up to 64 pixels. A twentieth is held out for the progress report.
        budget: seconds of training, summed over resumed runs.
        resume: continue from the checkpoint beside `output` (OUTPUT.checkpoint), which is written
            every two minutes and when interrupted; a longer budget extends a finished run.
        seed: of the initial weights and the order of pictures. Runs of the same seed still differ
            in the number of steps their time allowed.
        device: "auto", "cpu", "cuda" ...
        name: the model's name; by default that of the output file.
        on_progress: called about once a minute.

    Returns {"id": hex, "path", "bytes", "steps", "seconds", "psnr": {bits: dB}}, the last on the
    held-out pictures through the ideal channel, not yet from files.

    Raises PslError for unsuitable pictures, a checkpoint of other settings, or diverged training.
    """
    target = Path(output)
    checkpoint = target.with_name(target.name + ".checkpoint")
    if not budget > 0:
        raise PslError(f"budget={budget}: expected a positive number of seconds")
    if checkpoint.exists() and not resume:
        raise PslError(
            f"{checkpoint}: an earlier run left this checkpoint; resume it (resume=True, --resume) "
            "or delete it to start afresh"
        )
    pictures = load_pictures(Path(data))
    _, channels, height, width = pictures.shape
    latents = min(128, height * width * channels // 2)
    config = FlatConfig(height, width, channels, latents=latents)
    trainer = Trainer(*split(pictures, seed), config, Recipe(budget, seed=seed), _device(device))
    if checkpoint.exists():
        trainer.load(checkpoint)
    last: list[Progress] = []

    def report(progress: Progress) -> None:
        last[:] = [progress]
        if on_progress:
            on_progress(progress)

    trainer.run(checkpoint, report)
    identity = export_model(trainer, name or target.stem, target)
    checkpoint.unlink(missing_ok=True)
    return {
        "id": identity.hex(),
        "path": str(target),
        "bytes": target.stat().st_size,
        "steps": trainer.step,
        "seconds": trainer.seconds,
        "psnr": last[0].psnr,
    }


def _device(name: str) -> str:
    if name != "auto":
        return name
    return "cuda" if torch.cuda.is_available() else "cpu"
