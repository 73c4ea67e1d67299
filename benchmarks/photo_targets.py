"""How exactly photographs meet what is asked of them: sizes, PSNR, and the order of qualities.

All 24 Kodak pictures, whole files (`--quick`: one, at few targets). Of a size, `worst` is how far
the files stay below it, in per cent, and `over` counts those above (pictures that quality 100 codes
in less stay far below). Of a PSNR, `worst` is the largest distance in dB (quality 0 may exceed a
low one), and `over` counts those below. Targets that no quality reaches on a picture are counted in
`out_of_reach` and left out. Of qualities, `over` counts neighbours where the higher one has the
smaller file. `bytes` and `psnr` are means over pictures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.progress import track

import photos
import pseudocodec
from harness import Row, log, run
from pseudocodec.metrics import Images, psnr

TARGETS: dict[str, tuple[float, ...]] = {
    "bpp": (0.125, 0.25, 0.5, 1.0),
    "nbytes": (5_000, 20_000, 60_000),
    "psnr": (27.0, 30.0, 33.0),
}
QUICK = {"bpp": (0.25,), "nbytes": (20_000,), "psnr": (30.0,)}
QUALITIES, QUICK_QUALITIES = range(0, 101, 5), range(0, 101, 20)
COLUMNS = {
    "target": "",
    "asked": "g",
    "pictures": "d",
    "worst": ".3f",
    "over": "d",
    "out_of_reach": "d",
    "bytes": ",.0f",
    "psnr": ".2f",
    "encode_s": ".2f",
}


def measure(quick: bool) -> list[Row]:
    """A row for each target, and one for the order of qualities."""
    pictures = list(photos.kodak(1 if quick else 24).values())
    pseudocodec.decode(pseudocodec.encode(pictures[0]))  # loads the model
    asked = [
        (name, value) for name, values in (QUICK if quick else TARGETS).items() for value in values
    ]
    rows = [target(name, value, pictures) for name, value in track(asked, "targets", console=log)]
    last = order(pictures[:4], QUICK_QUALITIES if quick else QUALITIES)
    return [*rows, last]


def target(name: str, asked: float, pictures: list[Images]) -> Row:
    """Files for one target: how far they are from it."""
    found: list[tuple[float, ...]] = []
    missed = 0
    for picture in pictures:
        start = time.perf_counter()
        wanted: dict[str, Any] = {name: int(asked) if name == "nbytes" else asked}
        try:
            file = pseudocodec.encode(picture, **wanted)
        except pseudocodec.PslError:
            missed += 1
            continue
        seconds = time.perf_counter() - start
        reached = psnr(picture, pseudocodec.decode(file))
        pixels = picture.shape[0] * picture.shape[1]
        got = {"bpp": 8 * len(file) / pixels, "nbytes": len(file), "psnr": reached}[name]
        found.append((got, len(file), reached, seconds))
    got_all = np.array([row[0] for row in found])
    size, db, seconds = np.mean(found, axis=0)[1:].tolist()
    exact = name == "psnr"
    return {
        "target": name,
        "asked": asked,
        "pictures": len(found),
        "worst": float(np.abs(got_all - asked).max() * (1 if exact else 100 / asked)),
        "over": int((got_all < asked if exact else got_all > asked).sum()),
        "out_of_reach": missed,
        "bytes": size,
        "psnr": db,
        "encode_s": seconds,
    }


def order(pictures: list[Images], qualities: Sequence[int]) -> Row:
    """Whether a higher quality ever has a smaller file."""
    sizes = np.array([[len(pseudocodec.encode(p, quality=q)) for q in qualities] for p in pictures])
    return {
        "target": f"quality, {len(qualities)} steps",
        "asked": None,
        "pictures": len(pictures),
        "worst": None,
        "over": int((np.diff(sizes, axis=1) < 0).sum()),
        "out_of_reach": None,
        "bytes": float(sizes.mean()),
        "psnr": None,
        "encode_s": None,
    }


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, libraries=("torch", "constriction"))
