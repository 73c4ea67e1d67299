"""Glyphs of open fonts, rendered here: a set of pictures of a kind that no shipped model knows.

Every letter, digit and mark of ASCII in every Latin font found, 32 x 32 grey pixels, white on
black, in one .npz file of uint8 (n, 32, 32). Fonts are the .ttf and .otf files of the folders given
(/usr/share/fonts by default); on Debian, for instance, `apt-get install fonts-lato fonts-open-sans
fonts-roboto-unhinted fonts-dejavu fonts-liberation fonts-vollkorn fonts-ebgaramond`.

    python benchmarks/make_glyphs.py glyphs.npz
"""

from __future__ import annotations

import argparse
import string
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pseudocodec.files import atomic_write

FONTS = Path("/usr/share/fonts")
SIDE = 32
POINTS = 24
CHARACTERS = string.ascii_letters + string.digits + "&?!$%@"


def glyphs(font: Path) -> list[np.ndarray]:
    """The characters of one font that it has, each centred; [] for a font without Latin letters."""
    try:
        face = ImageFont.truetype(str(font), POINTS)
    except OSError:
        return []
    drawn = [_draw(face, character) for character in CHARACTERS]
    missing = _draw(face, "\uffff")  # what the font draws for a character it does not have
    pictures = [p for p in drawn if p.any() and not np.array_equal(p, missing)]
    return pictures if len(pictures) > len(CHARACTERS) // 2 else []


def collect(folders: Iterable[Path]) -> np.ndarray:
    """The glyphs of every font file below `folders`, uint8 (n, SIDE, SIDE); says how many."""
    files = sorted(
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix.lower() in (".ttf", ".otf")
    )
    pictures = [picture for file in files for picture in glyphs(file)]
    if not pictures:
        raise SystemExit("no Latin font found: install some, or name a folder that holds them")
    print(f"{len(pictures):,} glyphs from {len(files):,} font files", file=sys.stderr)
    return np.stack(pictures)


def _draw(face: ImageFont.FreeTypeFont, character: str) -> np.ndarray:
    picture = Image.new("L", (SIDE, SIDE))
    middle = (SIDE / 2, SIDE / 2)
    ImageDraw.Draw(picture).text(middle, character, fill=255, font=face, anchor="mm")
    return np.asarray(picture)


def main() -> None:
    """Write the set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("fonts", type=Path, nargs="*", default=[FONTS])
    options = parser.parse_args()
    pictures = collect(options.fonts)
    with atomic_write(options.output, overwrite=True) as file:
        np.savez_compressed(file, pictures)


if __name__ == "__main__":
    main()
