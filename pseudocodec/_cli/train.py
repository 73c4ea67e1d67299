"""`pseudocodec train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import pseudocodec
from pseudocodec._cli.group import emit
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label

if TYPE_CHECKING:
    from pseudocodec.training.loop import Progress


def run(
    data: Path,
    output: Path,
    *,
    budget: float,
    resume: bool,
    seed: int,
    device: str,
    force: bool,
    as_json: bool,
) -> None:
    """Train a model on the pictures of `data` for `budget` seconds."""
    check_target(output, [data], force=force)
    pseudocodec.train(
        data,
        output,
        budget=budget,
        resume=resume,
        seed=seed,
        device=device,
        on_progress=_report,
    )
    size = output.stat().st_size
    if as_json:
        emit({"output": str(output), "bytes": size})
    else:
        click.echo(f"{label(output)}: {size:,} bytes")


def _report(progress: Progress) -> None:
    minutes, seconds = divmod(round(progress.seconds), 60)
    rates = "   ".join(f"{bits} bit {db:.2f} dB" for bits, db in progress.psnr.items())
    click.echo(
        f"{minutes:4d}:{seconds:02d} {progress.fraction:4.0%}  step {progress.step:<7d} {rates}",
        err=True,
    )
