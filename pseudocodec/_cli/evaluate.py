"""`pseudocodec evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import pseudocodec
from pseudocodec._cli.group import emit
from pseudocodec._cli.report import note, print_table, stages
from pseudocodec._text import label
from pseudocodec.evaluation.card import rate_table
from pseudocodec.evaluation.photo_card import photo_table


def run(
    model: str, data: Path, output: Path | None, *, force: bool, as_json: bool, **settings: Any
) -> None:
    """Measure `model` on `data`, write the report, and print its rate-distortion table."""
    with stages() as tell:
        report = pseudocodec.evaluate(
            model, data, output, overwrite=force, on_progress=tell, **settings
        )
    if as_json:
        emit(report)
        return
    photos = "bpp" in report["rows"][0]
    header, rows = photo_table(report["rows"]) if photos else rate_table(report["rows"])
    print_table([dict(zip(header, row, strict=True)) for row in rows])
    for sentence in report["notes"]:
        note(sentence)
    click.echo(f"{label(report['folder'])}: {', '.join(report['files'])}")
