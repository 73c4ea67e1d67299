"""`pseudocodec explore`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pseudocodec._cli.group import emit
from pseudocodec._cli.report import print_table, stages
from pseudocodec._cli.targets import check_target
from pseudocodec._pixels import Pixels
from pseudocodec._text import label
from pseudocodec.errors import PslError
from pseudocodec.exploration import USUAL, Changed, explore_latent
from pseudocodec.exploration.sheet import draw_grid
from pseudocodec.files import atomic_write
from pseudocodec.image import read
from pseudocodec.picture import as_picture

ALL = "all"


def latent(
    photo: Path,
    output: Path | None,
    operations: Sequence[str],
    *,
    force: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Change the latents of `photo`, print what that does, and write the sheet of pictures."""
    target = output or photo.with_name(f"{photo.stem}-latent.png")
    if target.suffix.lower() != ".png":
        raise click.UsageError("The sheet is a PNG: name it with -o FILE.png.")
    check_target(target, [photo], force=force)
    names = [name for given in operations for name in (USUAL if given == ALL else (given,))]
    pixels = _load(photo)
    with stages() as tell:
        results = explore_latent(pixels, names, on_progress=tell, **settings)
    with atomic_write(target, overwrite=force) as file:
        file.write(draw_grid([(_caption(result), result.pixels) for result in results]))
    if as_json:
        emit({"output": str(target), "rows": [_facts(result) for result in results]})
        return
    print_table([_row(result) for result in results])
    click.echo(f"{label(target)}: the decoded pictures")


def _load(photo: Path) -> Pixels:
    image = read(photo)
    try:
        return as_picture(image).pixels
    except PslError as error:  # which does not know the file
        raise type(error)(f"{label(photo)}: {error}") from error


def _facts(result: Changed) -> dict[str, Any]:
    facts = result._asdict()
    del facts["pixels"]
    return facts | {"psnr": result.psnr if math.isfinite(result.psnr) else None}


def _row(result: Changed) -> dict[str, str]:
    structure = "-" if result.ms_ssim is None else f"{result.ms_ssim:.4f}"
    return {
        "operation": result.operation,
        "PSNR, dB": f"{result.psnr:.2f}",
        "MS-SSIM": structure,
        "bpp": f"{result.bpp:.4f}",
        "bpp, old prior": f"{result.bpp_old_prior:.4f}",
        "clipped": str(result.clipped),
    }


def _caption(result: Changed) -> str:
    return f"{result.operation}\n{result.psnr:.2f} dB, {result.bpp:.3f} bpp"
