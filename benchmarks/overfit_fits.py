"""The fits that overfit.py reports: eight Kodak pictures at four qualities, effort by effort.

    python benchmarks/overfit_fits.py 1 5

fits at efforts 1 and 5, one after the other on all cores, and keeps what each whole file came to in
benchmarks/results/overfit_fits.json: a run that is ended, with Ctrl-C or otherwise, goes on from
there. With `--at-once 2` two fits share the cores, which takes nine tenths of the time; a row says
of how many cores its seconds are. A step takes 28 ms on two cores and 49 on one: all fits at effort
1 a quarter of an hour, at 5 an hour, at 9 more than four.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import multiprocessing
import signal
import time
from collections.abc import Sequence
from typing import NoReturn

import numba
from rich.progress import track

import photos
import pseudocodec
from harness import RESULTS, Row, log
from pseudocodec.files import atomic_write
from pseudocodec.metrics import Images, psnr
from pseudocodec.overfit.fitting import schedule

MODEL = "overfit"
PICTURES = ("01", "02", "03", "04", "07", "13", "19", "23")  # named before any was fitted
QUALITIES = (15, 35, 55, 75)
EFFORTS = (1, 5, 9)
FITS = RESULTS / "overfit_fits.json"
MAKER = ("model", "schedule")
KEYS = (*MAKER, "effort", "quality", "picture")
Job = tuple[int, int, str]  # effort, quality, picture


def kept() -> dict[tuple[int, int], list[Row]]:
    """By effort and quality what fits as they are made now came to, efforts that are whole."""
    now = {effort: _maker(effort) for effort in EFFORTS}
    found: dict[tuple[int, int], list[Row]] = {}
    for row in _read():
        if {key: row[key] for key in MAKER} == now[row["effort"]]:
            found.setdefault((row["effort"], row["quality"]), []).append(row)
    whole = [
        effort
        for effort in EFFORTS
        if all(len(found.get((effort, quality), ())) == len(PICTURES) for quality in QUALITIES)
    ]
    return {setting: rows for setting, rows in found.items() if setting[0] in whole}


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


def run(efforts: Sequence[int], at_once: int) -> None:
    """Do the fits that are not kept yet, so many at once."""
    makers = {effort: _maker(effort) for effort in efforts}
    rows = _read()
    done = {tuple(row[key] for key in KEYS) for row in rows}
    every = [
        (effort, quality, name) for effort in efforts for quality in QUALITIES for name in PICTURES
    ]
    jobs = [job for job in every if (*makers[job[0]].values(), *job) not in done]
    cores = max(1, numba.get_num_threads() // at_once)
    with multiprocessing.get_context("spawn").Pool(at_once, _begin, (cores,)) as pool:
        found = pool.imap_unordered(_one, jobs)
        for (effort, quality, name), row in track(found, "fits", len(jobs), console=log):
            key = {"effort": effort, "quality": quality, "picture": name}
            rows.append(makers[effort] | key | row)
            lines = ",\n".join(json.dumps(row) for row in rows)
            with atomic_write(FITS, overwrite=True) as file:
                file.write(f"[\n{lines}\n]\n".encode())


def _maker(effort: int) -> dict[str, str]:
    """What a fit's figures depend on beside its settings: the model, and the schedule's numbers."""
    numbers = {name: value for name, value in vars(schedule).items() if name.isupper()}
    numbers["STEPS"] = schedule.STEPS[effort]
    digest = hashlib.sha256(repr(sorted(numbers.items())).encode()).hexdigest()
    return {"model": pseudocodec.load_model(MODEL).id.hex(), "schedule": digest[:8]}


def _begin(cores: int) -> None:
    """In a process of its own; a fit that Ctrl-C cuts short would be kept as a whole one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    numba.set_num_threads(cores)


def _one(job: Job) -> tuple[Job, Row]:
    effort, quality, name = job
    return job, fit(pictures()[name], effort, quality)


def _read() -> list[Row]:
    rows: list[Row] = json.loads(FITS.read_text()) if FITS.is_file() else []
    return rows


def _end(*_: object) -> NoReturn:
    raise SystemExit("ended; the same command goes on")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("efforts", type=int, nargs="+", choices=EFFORTS)
    parser.add_argument("--at-once", type=int, default=1, choices=range(1, 65), metavar="N")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # or its workers would fit on alone
        signal.signal(number, _end)
    run(options.efforts, options.at_once)
