"""`pseudocodec encode --each`: one .psl file for each picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pseudocodec
from pseudocodec._cli import sources
from pseudocodec._cli.processes import Choices
from pseudocodec._cli.report import Skipped, progress
from pseudocodec._cli.tally import Tally
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.inputs import Input, Loaded, find, holds_many
from pseudocodec.parallel.workers import ordered_map
from pseudocodec.picture import as_picture


@dataclass(frozen=True)
class _Wanted:
    """A file to write and the picture for it, or why that cannot be loaded."""

    name: str
    target: Path
    picture: Loaded | PslError


@dataclass(frozen=True)
class _Encode:
    """Encodes a picture as `encode` does, and measures what decodes; in a worker process."""

    options: dict[str, Any]

    def __call__(self, wanted: _Wanted) -> tuple[bytes, Tally]:
        if isinstance(wanted.picture, PslError):
            raise wanted.picture
        picture, tally = as_picture(wanted.picture), Tally()
        data = pseudocodec.encode(wanted.picture, **self.options)
        tally.add(picture, pseudocodec.decode(data, device=self.options["device"]))
        return data, tally


def encode(
    paths: tuple[Place, ...], folder: Path, choices: Choices, tally: Tally, skipped: Skipped
) -> tuple[int, int]:
    """Encode each picture of `paths` into `folder`: bytes written, and files that were there.

    Raises PslError, before anything is written, for files that exist (without `resume` or `force`)
    and for pictures that would share a name.
    """
    total, kept = _check(paths, folder, choices)
    for file in sources.files(paths):
        sources.note_frames(file)
    size = 0
    outcomes = ordered_map(
        _Encode(choices.options), _wanted(paths, folder, choices), workers=choices.processes(total)
    )
    with closing(outcomes), progress("encoding", total) as done:
        for count, outcome in enumerate(outcomes, 1):
            wanted = outcome.item
            done(count)
            if isinstance(outcome.error, PslError):
                if not choices.keep_going:
                    raise _named(wanted.name, outcome.error)
                skipped.add(wanted.name, outcome.error)
                continue
            data, measured = outcome.result()
            wanted.target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(wanted.target, overwrite=choices.force) as written:
                written.write(data)
            size += len(data)
            tally.include(measured)
    skipped.report(total, "encoded")
    return size, kept


def _check(paths: tuple[Place, ...], folder: Path, choices: Choices) -> tuple[int, int]:
    """The number of files to write, and of those that are there already."""
    if folder.exists() and not folder.is_dir():
        raise PslError(f"{label(folder)} is not a folder: name one for the files with -o")
    names: dict[Path, str] = {}
    kept = 0
    for item, target in _targets(paths, folder):
        if target in names:
            raise PslError(
                f"{names[target]} and {item.name} would both become {label(target)}: rename one, "
                "or encode them into different folders"
            )
        names[target] = item.name
        if choices.resume and target.exists():
            kept += 1
        else:
            check_target(target, sources.local([item.source]), force=choices.force)
    return len(names) - kept, kept


def _wanted(paths: tuple[Place, ...], folder: Path, choices: Choices) -> Iterator[_Wanted]:
    for item, target in _targets(paths, folder):
        if choices.resume and target.exists():  # whole: files appear at once
            continue
        try:
            with sources.naming(item):
                picture: Loaded | PslError = item.load()
        except PslError as error:
            picture = error
        yield _Wanted(item.name, target, picture)


def _targets(paths: tuple[Place, ...], folder: Path) -> Iterator[tuple[Input, Path]]:
    """Files for all pictures: named as they are, below the folder they were found in.

    Pictures within a file are numbered in a folder of its name.
    """
    for path in paths:
        inside: Place | None = None
        number = 0
        for item in find([path]):
            number = number + 1 if item.source == inside else 0
            inside = item.source
            place = folder / _relative(item.source, path)
            if holds_many(item.source):
                yield item, place.with_suffix("") / f"{number:05d}.psl"
            else:
                yield item, place.with_suffix(".psl")


def _relative(source: Place, path: Place) -> PurePosixPath | Path:
    """Where `source` is below the input `path`; its name, where it is that input."""
    if source == path:
        return Path(source.name)
    if isinstance(source, Path) and isinstance(path, Path):
        return source.relative_to(path)
    below = PurePosixPath(str(source).removeprefix(str(path)).lstrip("/"))
    if ".." in below.parts or below.is_absolute():
        raise PslError(f"{label(source)} names no file below {label(path)}: give it by itself")
    return below


def _named(name: str, error: PslError) -> PslError:
    sentence = str(error)
    return error if name in sentence else type(error)(f"{name}: {sentence}")
