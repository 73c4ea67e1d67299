"""Photographs at equal bytes: crops of three Kodak pictures beside JPEG, JPEG XL, WebP and AVIF.

kodim05, kodim15 and kodim23, chosen before anything was measured, are coded whole, at 0.1, 0.25 and
0.5 bits a pixel: ours by the photo model at its default effort with `bpp=`, the others
(`pseudocodec.evaluation.peers`) at the highest quality setting whose file has at most as many
bytes. A codec that cannot make so small a picture's file shows the smallest it can make; `fits`
says no, and the sheet has its label in red. Bytes are of whole files and PSNR is of whole pictures,
RGB; the sheet shows one crop of each. It is a lossless WebP, since as PNG it takes 2 MB.

    python benchmarks/photo_sheet.py --plot docs/photo-sheet.webp

`--quick`: the first picture at 0.25 bits a pixel beside JPEG and WebP.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.progress import track

import photos
import pseudocodec
from harness import DPI, Row, log, run
from photo_run import LIBRARIES, MODEL
from pseudocodec.errors import PslError
from pseudocodec.evaluation.ours import NAME
from pseudocodec.evaluation.peers import PEERS
from pseudocodec.metrics import Images, psnr

RATES, QUICK_RATES = (0.1, 0.25, 0.5), (0.25,)  # bits a pixel
NAMES = ("JPEG", "JPEG XL", "WebP", "AVIF")
CROPS = {"kodim05": (330, 250), "kodim15": (395, 75), "kodim23": (66, 168)}  # left and top
SIDE, GAP = 144, 6  # pixels: six columns are 900 wide, so that a page shows them unscaled
LINE, FONT = 17, 12  # pixels of a line of text
BEST = 100  # of all quality settings
COLUMNS = {
    "picture": "",
    "asked": "g",
    "codec": "",
    "setting": "d",
    "bytes": ",d",
    "bpp": ".3f",
    "psnr": ".2f",
    "fits": "",
}

Coder = Callable[[float], tuple[int | None, bytes]]  # bits a pixel to a setting and a file


class Column(NamedTuple):
    """One codec on one picture."""

    name: str
    code: Coder
    decode: Callable[[bytes], Images]


_crops: list[Images] = []  # for `draw`: of each row's picture as decoded, in the order of the rows
_originals: dict[str, Images] = {}


def measure(quick: bool) -> list[Row]:
    """A row for each picture, rate and codec; keeps the crops for `draw`."""
    pictures = photos.kodak()
    rates = QUICK_RATES if quick else RATES
    peers = photos.peers(photos.QUICK_PEERS if quick else NAMES)
    shown = list(CROPS)[: 1 if quick else None]
    _crops.clear()
    _originals.clear()
    rows: list[Row] = []
    for name in track(shown, "pictures", console=log):
        picture = pictures[name]
        _originals[name] = crop(name, picture)
        columns = [Column(peer.name, fitted(peer, picture), peer.decode) for peer in peers]
        columns.append(Column(NAME, ours(picture), pseudocodec.decode))
        for rate in rates:
            for column in columns:
                row, decoded = one(column, picture, rate)
                rows.append({"picture": name} | row)
                _crops.append(crop(name, decoded))
    return rows


def one(column: Column, picture: Images, rate: float) -> tuple[Row, Images]:
    """What a codec makes of a picture at a rate: figures of the whole, and the whole decoded."""
    pixels = picture.shape[0] * picture.shape[1]
    setting, file = column.code(rate)
    decoded = column.decode(file)
    bpp = 8 * len(file) / pixels
    row: Row = {"asked": rate, "codec": column.name, "setting": setting, "bytes": len(file)}
    row |= {"bpp": bpp, "psnr": psnr(picture, decoded), "fits": "yes" if bpp <= rate else "no"}
    return row, decoded


def fitted(peer: photos.Codec, picture: Images) -> Coder:
    """The highest setting whose file fits, by bisection; the lowest one where none does.

    Sizes rise with the setting but for a few neighbours of nearly equal size; the file returned
    fits in any case. What was encoded for one rate is not encoded again for the next.
    """
    file = cache(lambda setting: peer.encode(picture, setting))
    settings = range(PEERS[peer.name].lowest or 0, BEST + 1)
    pixels = picture.shape[0] * picture.shape[1]

    def code(rate: float) -> tuple[int, bytes]:
        above = bisect_right(settings, rate, key=lambda setting: 8 * len(file(setting)) / pixels)
        setting = settings[max(0, above - 1)]
        return setting, file(setting)

    return code


def ours(picture: Images) -> Coder:
    """The photo model at default effort; its smallest file where none fits."""

    def code(rate: float) -> tuple[None, bytes]:
        try:
            return None, pseudocodec.encode(picture, model=MODEL, bpp=rate)
        except PslError:  # no quality makes so small a file
            return None, pseudocodec.encode(picture, model=MODEL, quality=0)

    return code


def crop(name: str, picture: Images) -> Images:
    """The part of a picture that is shown, (SIDE, SIDE, 3)."""
    left, top = CROPS[name]
    return picture[top : top + SIDE, left : left + SIDE]


def sheet(rows: Sequence[Row]) -> Image.Image:
    """The crops in a grid: a line for each picture and rate, the original before the codecs."""
    codecs = list(dict.fromkeys(row["codec"] for row in rows))
    lines = len(rows) // len(codecs)
    step = SIDE + GAP
    size = ((len(codecs) + 1) * step, LINE + lines * (step + LINE) + LINE)
    image = Image.new("RGB", size, "white")
    draw_text = ImageDraw.Draw(image).text
    font = ImageFont.load_default(FONT)

    def write(column: int, top: int, text: str, fill: str = "black") -> None:
        draw_text((column * step + step / 2, top), text, fill=fill, font=font, anchor="ma")

    for column, title in enumerate(["original", *codecs]):
        write(column, 1, title)
    for line in range(lines):
        top = LINE + line * (step + LINE)
        cells = range(line * len(codecs), (line + 1) * len(codecs))
        first = rows[cells[0]]
        image.paste(Image.fromarray(_originals[first["picture"]]), (GAP // 2, top))
        write(0, top + SIDE + 1, f"{first['picture']}, {first['asked']:g} bpp")
        for column, cell in enumerate(cells, start=1):
            row = rows[cell]
            image.paste(Image.fromarray(_crops[cell]), (column * step + GAP // 2, top))
            label = f"{row['bpp']:.3f} bpp, {row['psnr']:.2f} dB"
            write(column, top + SIDE + 1, label, "black" if row["fits"] == "yes" else "#c00000")
    if any(row["fits"] == "no" for row in rows):
        legend = "Red: the codec's smallest file, which is above the bytes of this line."
        draw_text((GAP // 2, size[1] - LINE), legend, fill="#c00000", font=font)
    return image


def draw(axes: Any, rows: list[Row]) -> None:
    """The sheet, each of its pixels one of the file."""
    pixels = np.asarray(sheet(rows))
    height, width = pixels.shape[:2]
    axes.figure.set_layout_engine("none")
    axes.figure.set_size_inches(width / DPI, height / DPI)
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    axes.imshow(pixels, aspect="auto", interpolation="none")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=LIBRARIES)
