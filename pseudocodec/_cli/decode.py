"""`pseudocodec decode`."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console

import pseudocodec
from pseudocodec._cli.group import EXIT_BAD, emit
from pseudocodec._cli.report import note, progress
from pseudocodec._cli.show import colours, show
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label
from pseudocodec.container import open_source
from pseudocodec.container.single import read_single_front
from pseudocodec.container.source import Bounded
from pseudocodec.errors import DamagedWarning, OutOfRange, PslError, UnverifiedWarning
from pseudocodec.files import atomic_write
from pseudocodec.photo.codec import Region
from pseudocodec.picture import KNOWN, PROFILE, from_chunks

Bytes = npt.NDArray[np.uint8]


def run(
    path: Path,
    output: Path | None,
    indexes: tuple[int, ...],
    *,
    partial: bool,
    region: Region | None,
    keep_going: bool,
    force: bool,
    device: str,
    with_show: bool,
    as_json: bool,
) -> None:
    """Decode the picture, or the pictures `indexes` of the archive, at `path` to `output`."""
    whole = True
    # For what only single pictures have, the library refuses archives; `info` would read it all.
    if partial or region or keep_going or pseudocodec.info(path)["kind"] == "image":
        if indexes:
            raise PslError(f"{label(path)} holds a single picture: leave out --index")
        target, count = _place(path, output), 1
        choices = {"partial": partial, "region": region, "keep_going": keep_going}
        first, whole = _one(path, target, choices, force=force, device=device)
    else:
        target, count, first = _archive(path, output, indexes, force=force)
    if with_show:
        show({label(target): colours(first)}, Console(stderr=as_json))
    if as_json:
        emit({"output": str(target), "images": count, "verified": whole and not partial})
    else:
        click.echo(f"{label(target)}: {count:,} picture{'s' if count > 1 else ''}")
    if not whole:
        click.get_current_context().exit(EXIT_BAD)


def _place(path: Path, output: Path | None) -> Path:
    if output is None:
        return path.with_suffix(".png")
    return output / f"{path.stem}.png" if output.is_dir() else output


def _one(
    path: Path, target: Path, choices: dict[str, Any], *, force: bool, device: str
) -> tuple[Bytes, bool]:
    """Returns the picture, and whether all of it decoded."""
    check_target(target, [path], force=force)
    _format(target)
    with progress("decoding"), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnverifiedWarning)
        warnings.simplefilter("always", DamagedWarning)
        pixels: Bytes = pseudocodec.decode(path, device=device, **choices)
    for warning in caught:
        note(f"warning: {warning.message}")
    whole = not any(issubclass(warning.category, DamagedWarning) for warning in caught)
    _write(pixels, target, force=force, icc=_profile(path, whole=whole))
    return pixels, whole


def _profile(path: Path, *, whole: bool) -> bytes | None:
    """The ICC profile of a picture that has been decoded; of a damaged file where it can be had."""
    with open_source(path) as file:
        front = read_single_front(Bounded(file), known=KNOWN)
    try:
        return from_chunks((chunk for chunk in front.chunks if chunk.tag == PROFILE), 0, 0)[1]
    except PslError:
        if whole:
            raise
        return None


def _archive(
    path: Path, output: Path | None, indexes: tuple[int, ...], *, force: bool
) -> tuple[Path, int, Bytes]:
    """Returns what was written (file or folder), the number of pictures, and the first of them."""
    with pseudocodec.open(path) as archive:
        chosen = _chosen(label(path), indexes, len(archive))
        place, name = _naming(path, output, len(chosen), len(archive))
        for i in chosen:
            check_target(name(i), [path], force=force)
        # Iterating lets the archive decode in batches; single pictures are looked up.
        pictures = (archive[i] for i in chosen) if indexes else archive
        first: Bytes | None = None
        with progress("decoding", len(chosen)) as done:
            for count, (i, pixels) in enumerate(zip(chosen, pictures, strict=True), 1):
                name(i).parent.mkdir(parents=True, exist_ok=True)
                _write(pixels, name(i), force=force)
                first = pixels if first is None else first
                done(count)
    assert first is not None
    return place, len(chosen), first


def _chosen(name: str, indexes: tuple[int, ...], count: int) -> Sequence[int]:
    if count == 0:
        raise PslError(f"{name} is an archive of no pictures: there is nothing to decode")
    for i in indexes:
        if i >= count:
            raise OutOfRange(f"{name} has no picture {i}: indexes go from 0 to {count - 1}")
    return list(dict.fromkeys(indexes)) or range(count)


def _naming(
    path: Path, output: Path | None, chosen: int, count: int
) -> tuple[Path, Callable[[int], Path]]:
    """The file or folder to write, and the file of each picture by its index."""
    if output is not None and output.suffix.lower() in Image.registered_extensions():
        if chosen != 1:
            raise PslError(f"{label(output)} is one file for {chosen} pictures: name a folder")
        _format(output)
        return output, lambda _: output
    folder = path.with_suffix("") if output is None else output
    if folder.exists() and not folder.is_dir():
        raise PslError(f"{label(folder)} is not a folder: name one for the pictures with -o")
    digits = max(5, len(str(count - 1)))
    return folder, lambda i: folder / f"{i:0{digits}d}.png"


def _format(target: Path) -> str:
    """Pillow's name of the format that the suffix of `target` stands for."""
    name = Image.registered_extensions().get(target.suffix.lower(), "")
    if name not in Image.SAVE:
        raise PslError(f"cannot write {label(target)}: use a suffix like .png, .webp or .tif")
    return name


def _write(pixels: Bytes, target: Path, *, force: bool, icc: bytes | None = None) -> None:
    with atomic_write(target, overwrite=force) as file:
        try:
            Image.fromarray(pixels).save(file, _format(target), icc_profile=icc)
        except (ValueError, KeyError) as error:  # for instance larger than the format allows
            raise PslError(f"cannot write {label(target)}: {label(error)}") from error
        except OSError as error:
            if error.errno is not None:
                raise
            # Pillow's own: a format without alpha
            raise PslError(f"cannot write {label(target)}: {label(error)}") from error
