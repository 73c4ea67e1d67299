"""Options that several commands share, and values that need parsing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pseudocodec.container.remote import Place


class File(click.Path):
    """A local file or folder, as a Path, or one at a URL, as a `Remote`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The Path or Remote; nothing is looked up."""
        if "://" in str(value):  # what is not local costs the import; --help must be fast
            from pseudocodec.container.remote import Remote, place_of

            if isinstance(place := place_of(value), Remote):
                return place
        return super().convert(value, param, ctx)


FILE = click.Path(path_type=Path)
SOURCE = File(path_type=Path)

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}


def duration(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """Seconds from 90, 90s, 30m or 1.5h; a usage error for anything else, and for zero."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([smh]?)", value)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if seconds <= 0.0:
        raise click.BadParameter(f"{value!r} is not a time such as 90s, 30m or 2h.", ctx, param)
    return seconds


def sizes(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int] | None:
    """Positive whole numbers from 6,16,32; a usage error for anything else."""
    if value is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", value):
        raise click.BadParameter(f"{value!r} is not a list of sizes such as 6,16,32.", ctx, param)
    return [int(size) for size in value.split(",")]


def region(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int, int, int] | None:
    """Four whole numbers from 0,16,640,480; a usage error for anything else."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d{1,9}),(\d{1,9}),(\d{1,9}),(\d{1,9})", value)
    if not match:
        raise click.BadParameter(f"{value!r} is not a region such as 0,16,640,480.", ctx, param)
    left, top, right, bottom = map(int, match.groups())
    return left, top, right, bottom


def beside(source: Place, suffix: str) -> Path:
    """Where the result for `source` goes by default: beside it; of a URL, in this folder."""
    return (source if isinstance(source, Path) else Path(source.name)).with_suffix(suffix)


force = click.option("-f", "--force", is_flag=True, help="Replace files that exist.")
effort = click.option(
    "-e",
    "--effort",
    type=click.IntRange(0, 9),
    metavar="0-9",
    default=3,
    show_default=True,
    help="How hard to search: more takes longer to encode, never to decode.",
)
show = click.option("--show", "with_show", is_flag=True, help="Draw the picture in the terminal.")
device = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Where the nets run: auto, cpu, cuda or mps.",
)
workers = click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    metavar="N",
    help="Processes to spread many pictures over.  [default: as many as they are worth, up to the "
    "CPUs; 1 on a GPU]",
)

model = click.option(
    "--model",
    default="photo",
    show_default=True,
    metavar="NAME",
    help="An installed model (see `pseudocodec models`) or a .safetensors file. photo takes any "
    "picture; others, such as digits, are for pictures of one kind.",
)

_TARGETS = (
    click.option(
        "-q",
        "--quality",
        type=click.IntRange(0, 100),
        metavar="Q",
        help="From 0, the smallest file, to 100, the best picture.",
    ),
    click.option(
        "-n",
        "--nbytes",
        type=click.IntRange(min=1),
        metavar="N",
        help="Bytes to spend on each picture.",
    ),
    click.option(
        "-b",
        "--bpp",
        type=click.FloatRange(min=0, min_open=True),
        metavar="BITS",
        help="Bits to spend on each pixel.",
    ),
    click.option(
        "-p",
        "--psnr",
        type=click.FloatRange(min=0, min_open=True),
        metavar="DB",
        help="PSNR to reach for each picture, in dB.",
    ),
)


def target(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how large or how good: quality, nbytes, bpp, psnr."""
    for option in reversed(_TARGETS):
        command = option(command)
    return command


_STRIP = (
    click.option(
        "-o",
        "--output",
        "strip",
        type=FILE,
        required=True,
        metavar="STRIP.png",
        help="The pictures side by side, enlarged.",
    ),
    click.option(
        "--psl", type=FILE, metavar="OUT.psl", help="Write an archive of the payloads, too."
    ),
    click.option(
        "--uncoded",
        is_flag=True,
        help="Below each picture, what the generator makes of the latents before they are coded.",
    ),
)


def strip(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of commands that draw a row of pictures: output, psl, uncoded."""
    for option in reversed(_STRIP):
        command = option(command)
    return command
