"""What each level of effort costs and gains on photographs.

Crops of 256 x 256 pixels from the middle of two validation pictures (`--quick`: of one, at three
levels), at five qualities each. The gain is the Bjontegaard rate difference against effort 0;
seconds are those of encoding, a megapixel, on all cores.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from rich.progress import track

import data
import pseudocodec
from harness import Row, log, run
from pseudocodec.evaluation.bd import bd_rate
from pseudocodec.metrics import Images, psnr

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUALITIES = (20, 35, 50, 65, 80)
EFFORTS, QUICK_EFFORTS = tuple(range(10)), (0, 1, 3)
PICTURES, SIDE = 2, 256
COLUMNS = {"effort": "d", "bd_rate": "+.1f", "seconds_per_megapixel": ".1f"}


def crops(count: int) -> list[Images]:
    """The middle of the first validation pictures, uint8 (256, 256, 3)."""
    out = []
    for path in sorted((data.ROOT / "photos" / "validation").iterdir())[:count]:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
        top, left = (side // 2 - SIDE // 2 for side in pixels.shape[:2])
        out.append(pixels[top : top + SIDE, left : left + SIDE])
    return out


def measure(quick: bool) -> list[Row]:
    """A row for each level of effort."""
    pictures = crops(1 if quick else PICTURES)
    pseudocodec.decode(pseudocodec.encode(pictures[0]))  # loads the model
    rows: list[Row] = []
    for effort in track(QUICK_EFFORTS if quick else EFFORTS, "efforts", console=log):
        points, seconds = [], 0.0
        for quality in QUALITIES[::2] if quick else QUALITIES:
            found = []
            for picture in pictures:
                start = time.perf_counter()
                file = pseudocodec.encode(picture, quality=quality, effort=effort)
                seconds += time.perf_counter() - start
                found.append((8 * len(file) / SIDE**2, psnr(picture, pseudocodec.decode(file))))
            points.append(tuple(np.mean(found, axis=0).tolist()))
        megapixels = len(points) * len(pictures) * SIDE**2 / 1e6
        anchor = rows[0]["points"] if rows else points
        rows.append(
            {
                "effort": effort,
                "bd_rate": bd_rate(points, anchor),
                "seconds_per_megapixel": seconds / megapixels,
                "points": points,
            }
        )
    return rows


def draw(axes: Axes, rows: list[Row]) -> None:
    """Gain against time, a point a level."""
    for row in rows:
        at = (row["seconds_per_megapixel"], row["bd_rate"])
        axes.plot(*at, "o", color="#d62728")
        axes.annotate(str(row["effort"]), at, (4, 4), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlabel("seconds a megapixel")
    axes.set_ylabel("bits at equal PSNR, % against effort 0")
    axes.set_title("Effort on photographs", loc="left")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw)
