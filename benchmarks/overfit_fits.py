"""The fits that overfit.py reports: eight Kodak pictures at four qualities, effort by effort.

    python benchmarks/overfit_fits.py 1 5

fits at efforts 1 and 5, one after the other on all cores, and keeps what each whole file came to in
benchmarks/results/overfit_fits.json: a run that is ended, with Ctrl-C or otherwise, goes on from
there. With `--at-once 2` two fits share the cores, which takes nine tenths of the time; a row says
of how many cores its seconds are. A step takes 19 ms on two cores and 33 on one: all fits at effort
1 ten minutes, at 5 forty, at 9 three hours.
"""

from __future__ import annotations

import functools
import time

import numba

import kept
import photos
import pseudocodec
from harness import RESULTS, Row
from pseudocodec.metrics import Images, psnr
from pseudocodec.overfit.fitting import schedule

MODEL = "overfit"
PICTURES = ("01", "02", "03", "04", "07", "13", "19", "23")  # named before any was fitted
QUALITIES = (15, 35, 55, 75)
EFFORTS = ("1", "5", "9")
FITS = RESULTS / "overfit_fits.json"


def found() -> dict[tuple[int, int], list[Row]]:
    """By effort and quality what fits as they are made now came to, efforts that are whole."""
    whole = kept.whole(kept.read(FITS), jobs, EFFORTS)
    return {
        (int(effort), quality): [row for row in rows if row["quality"] == quality]
        for effort, rows in whole.items()
        for quality in QUALITIES
    }


def jobs(subject: str) -> list[Row]:
    """What the fits of an effort are of: each quality and picture, and what else matters."""
    effort = int(subject)
    choices = kept.numbers(schedule) | {"STEPS": schedule.STEPS[effort]}
    maker = {"model": pseudocodec.load_model(MODEL).id.hex(), "schedule": kept.digest(choices)}
    return [
        maker | {"effort": effort, "quality": quality, "picture": name}
        for quality in QUALITIES
        for name in PICTURES
    ]


@functools.cache
def pictures() -> dict[str, Images]:
    """By name the eight."""
    every = photos.kodak()
    return {name: every[f"kodim{name}"] for name in PICTURES}


def fit(picture: Images, effort: int, quality: int) -> Row:
    """What a whole file comes to."""
    start = time.perf_counter()
    file = pseudocodec.encode(picture, model=MODEL, quality=quality, effort=effort)
    seconds = time.perf_counter() - start
    bpp = 8 * len(file) / (picture.shape[0] * picture.shape[1])
    reached = psnr(picture, pseudocodec.decode(file))
    cores = numba.get_num_threads()
    return {"bytes": len(file), "bpp": bpp, "psnr": reached, "encode_s": seconds, "cores": cores}


def make(job: Row) -> Row:
    """The figures of a job."""
    return fit(pictures()[job["picture"]], job["effort"], job["quality"])


if __name__ == "__main__":
    kept.main(__doc__, FITS, EFFORTS, jobs, make)
