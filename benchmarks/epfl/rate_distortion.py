"""The rate-distortion experiment of the EPFL report, with pseudocodec in it.

"Latent space in image compression" (EPFL, 2021), section 3.2, plots PSNR, SSIM, MS-SSIM and VIF
against bits a pixel, a figure for each of kodim01 to kodim04, for learned codecs and JPEG. Here the
same pictures and measures (VIF in the domain of pixels, on luma), with real files of ours and of
five classical codecs. `--quick`: two of the pictures, two of the codecs, three settings.

    python benchmarks/epfl/rate_distortion.py --model photo --effort 3
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the scripts it shares code with

import photo_curves
import photos
from harness import Row
from photo_curves import MEASURES
from photo_run import run
from pseudocodec._cli.report import stages

PICTURES, QUICK_PICTURES = 4, 2
TABLE = "rate-distortion"
COLUMNS = {
    "picture": "",
    "codec": "",
    "setting": ">4",
    "bpp": ".4f",
    "psnr": ".2f",
    "ssim": ".4f",
    "ms_ssim": ".4f",
    "vif": ".4f",
}
TABLES = {TABLE: COLUMNS}


def measure(quick: bool, model: str, effort: int) -> list[Row]:
    """A row a picture, codec and setting, picture by picture."""
    pictures = photos.kodak(QUICK_PICTURES if quick else PICTURES)
    with stages() as tell:
        rows = [
            {"table": TABLE} | row
            for codec in photos.codecs(quick, model, effort)
            for row in photo_curves.measure(codec, pictures, MEASURES, tell)
        ]
    return sorted(rows, key=lambda row: str(row["picture"]))


def panels(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """What is drawn: a line of panels for each picture."""
    names = dict.fromkeys(row["picture"] for row in rows)
    return [(name, [row for row in rows if row["picture"] == name]) for name in names]


if __name__ == "__main__":
    run(__file__, __doc__, measure, TABLES, panels, list(MEASURES))
