"""`pseudocodec encode`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

import pseudocodec
from pseudocodec._cli import each, sources
from pseudocodec._cli.encode_archive import EncodeArchive
from pseudocodec._cli.group import EXIT_BAD, emit
from pseudocodec._cli.options import beside
from pseudocodec._cli.processes import Choices
from pseudocodec._cli.report import Skipped, fitting, print_facts
from pseudocodec._cli.show import show
from pseudocodec._cli.tally import Tally
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.files import atomic_write
from pseudocodec.inputs import find, holds_many
from pseudocodec.picture import as_picture


def run(
    paths: tuple[Place, ...],
    output: Path | None,
    choices: Choices,
    *,
    one_each: bool,
    with_show: bool,
    as_json: bool,
) -> None:
    """Encode `paths` to `output` and print a summary."""
    single = len(paths) == 1 and not holds_many(paths[0]) and not one_each
    if output is None and not single:
        thing = "--each writes into a folder" if one_each else "Several pictures make one archive"
        raise click.UsageError(f"{thing}: name it with -o.")
    tally, skipped = Tally(), Skipped()
    target = output or beside(paths[0], ".psl")
    extra: dict[str, int] = {}
    if one_each:
        size, extra["kept"] = each.encode(paths, target, choices, tally, skipped)
    else:
        if single:
            _one(paths[0], target, choices, tally)
        else:
            EncodeArchive(paths, target, choices, tally, skipped).run()
        size = target.stat().st_size
    if with_show and tally.first:
        before, after = tally.first
        show({"before": before, "after": after}, Console(stderr=as_json))
    if as_json:
        facts = {"output": str(target), **tally.facts(size), **extra, "skipped": skipped.rows}
        emit(facts)
    else:
        lines = tally.lines(size)
        if extra.get("kept"):
            lines["there already"] = f"{extra['kept']:,}"
        print_facts(label(target), lines)
    if skipped.rows:
        click.get_current_context().exit(EXIT_BAD)


def _one(path: Place, target: Path, choices: Choices, tally: Tally) -> None:
    (item,) = find([path])
    check_target(target, sources.local([path]), force=choices.force)
    sources.note_frames(path)
    with sources.naming(item):
        image = item.load()
        picture = as_picture(image)
    with fitting("encoding") as tell:
        data = pseudocodec.encode(image, **choices.options, on_progress=tell)
        tally.add(picture, pseudocodec.decode(data, device=choices.options["device"]))
    with atomic_write(target, overwrite=choices.force) as file:
        file.write(data)
