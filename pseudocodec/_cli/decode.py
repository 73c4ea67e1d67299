"""`pseudocodec decode`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console

import pseudocodec
from pseudocodec._cli.decode_archive import Choices, decode_archive
from pseudocodec._cli.group import EXIT_BAD, emit
from pseudocodec._cli.options import beside
from pseudocodec._cli.report import note, progress
from pseudocodec._cli.show import colours, show
from pseudocodec._cli.sources import local
from pseudocodec._cli.targets import check_target
from pseudocodec._cli.writing import format_of, write
from pseudocodec._text import label
from pseudocodec.container import is_archive, open_source
from pseudocodec.container.layout import COMMON
from pseudocodec.container.remote import Place
from pseudocodec.container.single import read_single_front
from pseudocodec.container.source import Bounded
from pseudocodec.errors import DamagedWarning, PslError, UnverifiedWarning
from pseudocodec.photo.codec import Region
from pseudocodec.picture import KNOWN, PROFILE, from_chunks

Bytes = npt.NDArray[np.uint8]


def run(
    path: Place,
    output: Path | None,
    indexes: tuple[int, ...],
    *,
    partial: bool,
    region: Region | None,
    keep_going: bool,
    workers: int | None,
    resume: bool,
    force: bool,
    device: str,
    with_show: bool,
    as_json: bool,
) -> None:
    """Decode the picture, or the pictures `indexes` of the archive, at `path` to `output`."""
    if partial or region or not _holds_many(path, damaged=keep_going):
        if indexes:
            raise PslError(f"{label(path)} holds a single picture: leave out --index")
        target = _place(path, output)
        if resume and target.exists():
            raise PslError(f"--resume is for archives; {label(target)} exists already: add --force")
        choices = {"partial": partial, "region": region, "keep_going": keep_going}
        first: Bytes | None
        first, whole = _one(path, target, choices, force=force, device=device)
        facts: dict[str, Any] = {"images": 1, "verified": whole and not partial}
    else:
        how = Choices(force, workers, keep_going, resume, device, with_show)
        target, first, facts = decode_archive(path, output, indexes, how)
        whole = facts["verified"]
    if with_show and first is not None:
        show({label(target): colours(first)}, Console(stderr=as_json))
    if as_json:
        emit({"output": str(target), **facts})
    else:
        count, kept = facts["images"], facts.get("kept")
        there = f", {kept:,} there already" if kept else ""
        click.echo(f"{label(target)}: {count:,} picture{'' if count == 1 else 's'}{there}")
    if not whole:
        click.get_current_context().exit(EXIT_BAD)


def _holds_many(path: Place, *, damaged: bool) -> bool:
    if damaged:  # `info` would refuse it; the first bytes tell
        with open_source(path) as file:
            return is_archive(file.read(COMMON.size))
    return bool(pseudocodec.info(path)["kind"] != "image")


def _place(path: Place, output: Path | None) -> Path:
    if output is None:
        return beside(path, ".png")
    return output / beside(path, ".png").name if output.is_dir() else output


def _one(
    path: Place, target: Path, choices: dict[str, Any], *, force: bool, device: str
) -> tuple[Bytes, bool]:
    """Returns the picture, and whether all of it decoded."""
    check_target(target, local([path]), force=force)
    format_of(target)
    with progress("decoding"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnverifiedWarning)
        warnings.simplefilter("always", DamagedWarning)
        pixels: Bytes = pseudocodec.decode(path, device=device, **choices)
    for warning in caught:
        note(f"warning: {warning.message}")
    whole = not any(issubclass(warning.category, DamagedWarning) for warning in caught)
    write(pixels, target, force=force, icc=_profile(path, whole=whole))
    return pixels, whole


def _profile(path: Place, *, whole: bool) -> bytes | None:
    """The ICC profile of a picture that has been decoded; of a damaged file where it can be had."""
    with open_source(path) as file:
        front = read_single_front(Bounded(file), known=KNOWN)
    try:
        return from_chunks((chunk for chunk in front.chunks if chunk.tag == PROFILE), 0, 0)[1]
    except PslError:
        if whole:
            raise
        return None
