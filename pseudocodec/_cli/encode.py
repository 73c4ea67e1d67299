"""`pseudocodec encode`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console

import pseudocodec
from pseudocodec._cli.group import emit
from pseudocodec._cli.report import note, print_facts, progress
from pseudocodec._cli.show import colours, show
from pseudocodec._cli.targets import check_target
from pseudocodec._pixels import Pixels
from pseudocodec._text import label
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.image import as_array, to_8_bit
from pseudocodec.inputs import Input, find, holds_many
from pseudocodec.metrics import psnr
from pseudocodec.picture import Picture, as_picture

Bytes = npt.NDArray[np.uint8]


@dataclass
class Tally:
    """What the summary needs of all pictures, gathered one by one."""

    images: int = 0
    pixels: int = 0
    raw_bytes: int = 0
    total_psnr: float = 0.0
    worst_psnr: float = math.inf
    first: tuple[Bytes, Bytes] | None = None

    def add(self, original: Picture, decoded: Bytes) -> None:
        """Compare the colours of a picture with those of what decodes from its file."""
        before, after = to_8_bit(original.pixels), colours(decoded)
        quality = psnr(*np.broadcast_arrays(before, after))  # a model may be grey, or colour
        self.first = self.first or (before, after)
        self.images += 1
        self.pixels += before.shape[0] * before.shape[1]
        self.raw_bytes += original.pixels.nbytes
        self.raw_bytes += 0 if original.alpha is None else original.alpha.nbytes
        self.total_psnr += quality
        self.worst_psnr = min(self.worst_psnr, quality)


def run(
    paths: tuple[Path, ...],
    output: Path | None,
    options: dict[str, Any],
    *,
    force: bool,
    with_show: bool,
    as_json: bool,
) -> None:
    """Encode `paths` to `output` and print a summary; `options` go to the library as they are."""
    single = len(paths) == 1 and not holds_many(paths[0])
    if output is None and not single:
        raise click.UsageError("Several pictures make one archive: name it with -o FILE.psl.")
    target = output or paths[0].with_suffix(".psl")
    tally = Tally()
    if single:
        _one(paths[0], target, options, tally, force=force)
    else:
        _archive(paths, target, options, tally, force=force)
    if with_show and tally.first:
        before, after = tally.first
        show({"before": before, "after": after}, Console(stderr=as_json))
    _summarise(target, tally, as_json=as_json)


def _one(path: Path, target: Path, options: dict[str, Any], tally: Tally, *, force: bool) -> None:
    (item,) = find([path])
    check_target(target, [path], force=force)
    _note_frames(path)
    with _naming(item):
        image = item.load()
        picture = as_picture(image)
    with progress("encoding"):
        data = pseudocodec.encode(image, **options)
        tally.add(picture, pseudocodec.decode(data, device=options["device"]))
    with atomic_write(target, overwrite=force) as file:
        file.write(data)


def _archive(
    paths: tuple[Path, ...], target: Path, options: dict[str, Any], tally: Tally, *, force: bool
) -> None:
    check_target(target, _sources(paths), force=force)
    for source in _sources(paths):
        _note_frames(source)
    total = sum(1 for _ in find(paths))
    with progress("encoding", total) as done:
        images = (_load(item) for item in find(paths))
        pseudocodec.save(target, images, overwrite=force, on_progress=done, **options)
    with progress("measuring", total) as done, pseudocodec.open(target) as archive:
        for item, decoded in zip(find(paths), archive, strict=True):
            tally.add(Picture(_load(item), None, None), decoded)
            done(tally.images)


def _sources(paths: tuple[Path, ...]) -> Iterator[Path]:
    last = None
    for item in find(paths):
        if item.source != last:  # an IDX file or .tar is the source of many
            last = item.source
            yield last


def _note_frames(path: Path) -> None:
    """Say on stderr that of an animation, or of several pages, only the first picture is used."""
    with suppress(Exception), warnings.catch_warnings():  # reading it says what is wrong with it
        warnings.simplefilter("ignore")
        with Image.open(path) as opened:
            if getattr(opened, "is_animated", False) and opened.format != "MPO":  # of a camera
                note(f"{label(path)} holds several frames: only the first is encoded")


def _load(item: Input) -> Pixels:
    with _naming(item):
        return as_array(item.load())


@contextmanager
def _naming(item: Input) -> Iterator[None]:
    """Errors of this block name the picture."""
    try:
        yield
    except PslError as error:
        sentence = str(error)
        if item.name in sentence:
            raise
        raise type(error)(f"{item.name}: {sentence}") from error


def _summarise(target: Path, tally: Tally, *, as_json: bool) -> None:
    size = target.stat().st_size
    mean, worst = tally.total_psnr / tally.images, tally.worst_psnr
    if as_json:
        emit(
            {
                "output": str(target),
                "images": tally.images,
                "bytes": size,
                "bytes_per_image": size / tally.images,
                "raw_bytes": tally.raw_bytes,
                "ratio": tally.raw_bytes / size,
                "psnr": mean if math.isfinite(mean) else None,
                "psnr_worst": worst if math.isfinite(worst) else None,
            }
        )
        return
    facts = {"size": f"{size:,} bytes, {8 * size / tally.pixels:.3g} bits a pixel"}
    facts["PSNR"] = f"{mean:.2f} dB"
    if tally.images > 1:
        facts = {"pictures": f"{tally.images:,}", **facts}
        facts["size"] += f", {size / tally.images:,.1f} bytes a picture"
        facts["PSNR"] += f" on average, {worst:.2f} dB the worst"
    facts["ratio"] = f"{tally.raw_bytes / size:,.1f} to 1, of {tally.raw_bytes:,} bytes of pixels"
    print_facts(label(target), facts)
