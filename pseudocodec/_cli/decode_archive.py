"""`pseudocodec decode` of an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

import pseudocodec
from pseudocodec._cli import processes
from pseudocodec._cli.options import beside
from pseudocodec._cli.report import Skipped, progress
from pseudocodec._cli.sources import local
from pseudocodec._cli.targets import check_target
from pseudocodec._cli.writing import format_of, write
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.errors import OutOfRange, PslError

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Choices:
    """How to decode many pictures."""

    force: bool
    workers: int | None
    keep_going: bool
    resume: bool
    device: str
    with_show: bool


@dataclass(frozen=True)
class Files:
    """Where pictures go by their numbers: all to one file, or to numbered files of a folder."""

    place: Path
    digits: int  # 0 for one file

    def of(self, number: int) -> Path:
        """The file of a picture."""
        return self.place / f"{number:0{self.digits}d}.png" if self.digits else self.place


@dataclass(frozen=True)
class _Store:
    """Writes a decoded picture; in a worker process. Returns it if it is the one to show."""

    files: Files
    force: bool
    shown: int | None

    def __call__(self, number: int, pixels: Bytes) -> Bytes | None:
        write(pixels, self.files.of(number), force=self.force)
        return pixels if number == self.shown else None


def decode_archive(
    path: Place, output: Path | None, indexes: tuple[int, ...], choices: Choices
) -> tuple[Path, Bytes | None, dict[str, Any]]:
    """Returns what was written (file or folder), a picture to show, and facts for --json."""
    skipped = Skipped()
    with pseudocodec.open(path, device=choices.device) as archive:
        chosen = _chosen(label(path), indexes, len(archive))
        files = _files(path, output, len(chosen), len(archive))
        left = [i for i in chosen if not (choices.resume and files.of(i).exists())]
        for i in left:
            check_target(files.of(i), local([path]), force=choices.force)
        (files.place if files.digits else files.place.parent).mkdir(parents=True, exist_ok=True)
        shown = left[0] if left and choices.with_show else None
        first: Bytes | None = None

        def fail(number: int, error: PslError) -> None:
            if not choices.keep_going:
                raise error
            skipped.add(f"picture {number}", error)

        with progress("decoding", len(left)) as done:
            store = _Store(files, choices.force, shown)
            workers = _processes(path, len(left), choices)
            for count, (_, pixels) in enumerate(
                archive.map(store, left, workers=workers, on_error=fail), 1
            ):
                first = pixels if first is None else first
                done(count)
    skipped.report(len(left), "decoded")
    facts = {
        "images": len(left) - len(skipped.rows),
        "verified": not skipped.rows,
        "kept": len(chosen) - len(left),
        "skipped": skipped.rows,
    }
    return files.place, first, facts


def _processes(path: Place, pictures: int, choices: Choices) -> int:
    photos, small = processes.DECODE_PHOTOS, processes.DECODE_SMALL
    if pictures < 2 * photos or choices.workers is not None:
        return choices.workers or 1
    model = pseudocodec.info(path)["model_name"]
    return processes.choose(None, pictures, model, choices.device, photos=photos, small=small)


def _chosen(name: str, indexes: tuple[int, ...], count: int) -> Sequence[int]:
    if count == 0:
        raise PslError(f"{name} is an archive of no pictures: there is nothing to decode")
    for i in indexes:
        if i >= count:
            raise OutOfRange(f"{name} has no picture {i}: indexes go from 0 to {count - 1}")
    return list(dict.fromkeys(indexes)) or range(count)


def _files(path: Place, output: Path | None, chosen: int, count: int) -> Files:
    if output is not None and output.suffix.lower() in Image.registered_extensions():
        if chosen != 1:
            raise PslError(f"{label(output)} is one file for {chosen} pictures: name a folder")
        format_of(output)
        return Files(output, 0)
    folder = beside(path, "") if output is None else output
    if folder.exists() and not folder.is_dir():
        raise PslError(f"{label(folder)} is not a folder: name one for the pictures with -o")
    return Files(folder, max(5, len(str(count - 1))))
