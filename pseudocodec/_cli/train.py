"""`pseudocodec train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import pseudocodec
from pseudocodec._cli.group import emit
from pseudocodec._cli.report import note, print_table
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label
from pseudocodec.evaluation.card import rate_table

if TYPE_CHECKING:
    from pseudocodec.training.compressai import CompressaiProgress
    from pseudocodec.training.loop import Progress
    from pseudocodec.training.photo import PhotoProgress
    from pseudocodec.training.tuning import TuneProgress


def run(data: Path, output: Path, *, force: bool, as_json: bool, **settings: Any) -> None:
    """Train a model on the pictures of `data` and print what it is worth."""
    check_target(output, [data], force=force)
    result = pseudocodec.train(
        data, output, overwrite=force, on_progress=_report, on_note=note, **settings
    )
    if not result:  # not the leader of several processes
        return
    if as_json:
        emit(result)
        return
    report = result.get("report")
    if report:
        if settings["codec"] in {"kind", "gan"}:
            header, rows = rate_table(report["rows"])
            print_table([dict(zip(header, row, strict=True)) for row in rows])
        click.echo(f"{label(report['folder'])}: {', '.join(report['files'])}")
    click.echo(f"{label(output)}: {result['bytes']:,} bytes, model {result['id']}")


def _report(progress: Progress | PhotoProgress | TuneProgress | CompressaiProgress) -> None:
    minutes, seconds = divmod(round(progress.seconds), 60)
    where = f"{minutes:4d}:{seconds:02d} {progress.fraction:4.0%}  step {progress.step:<7d}"
    click.echo(f"{where} {progress.describe()}", err=True)
