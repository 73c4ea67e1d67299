"""The fits that overfit.py reports: eight Kodak pictures at four qualities, effort by effort.

    python benchmarks/overfit_fits.py 1 5

fits at efforts 1 and 5, on all cores, and keeps what each whole file came to in
benchmarks/results/overfit_fits.json: a run that is ended, with Ctrl-C or otherwise, goes on from
there. A fit at effort 1 took 45 seconds on two cores; by the time of a step one at 5 will take 4
minutes and one at 9 some 21, all of them half a day and more.
"""

from __future__ import annotations

import argparse
import json
import signal
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from rich.progress import track

import photos
import pseudocodec
from harness import RESULTS, Row, log
from pseudocodec.files import atomic_write
from pseudocodec.metrics import Images, psnr

MODEL = "overfit"
PICTURES = ("01", "02", "03", "04", "07", "13", "19", "23")  # named before any was fitted
QUALITIES = (15, 35, 55, 75)
EFFORTS = (1, 5, 9)
FITS = RESULTS / "overfit_fits.json"
KEYS = ("model", "effort", "quality", "picture")


def kept() -> dict[tuple[int, int], list[Row]]:
    """By effort and quality what the installed model's fits came to, efforts that are whole."""
    identity = pseudocodec.load_model(MODEL).id.hex()
    found: dict[tuple[int, int], list[Row]] = {}
    for row in _read():
        if row["model"] == identity:
            found.setdefault((row["effort"], row["quality"]), []).append(row)
    whole = [
        effort
        for effort in EFFORTS
        if all(len(found.get((effort, quality), ())) == len(PICTURES) for quality in QUALITIES)
    ]
    return {setting: rows for setting, rows in found.items() if setting[0] in whole}


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
    return {"bytes": len(file), "bpp": bpp, "psnr": reached, "encode_s": seconds}


def run(images: Mapping[str, Images], efforts: Sequence[int]) -> None:
    """Do the fits that are not kept yet."""
    identity = pseudocodec.load_model(MODEL).id.hex()
    rows = _read()
    done = {tuple(row[key] for key in KEYS) for row in rows}
    jobs = [(e, q, name) for e in efforts for q in QUALITIES for name in images]
    for effort, quality, name in track(jobs, "fits", console=log):
        if (identity, effort, quality, name) in done:
            continue
        row = {"model": identity, "effort": effort, "quality": quality, "picture": name}
        rows.append(row | fit(images[name], effort, quality))
        lines = ",\n".join(json.dumps(row) for row in rows)
        with atomic_write(FITS, overwrite=True) as file:
            file.write(f"[\n{lines}\n]\n".encode())


def _read() -> list[Row]:
    rows: list[Row] = json.loads(FITS.read_text()) if FITS.is_file() else []
    return rows


def _end(*_: object) -> NoReturn:
    """A fit that Ctrl-C cuts short would be kept as a whole one."""
    raise SystemExit("ended; the same command goes on")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("efforts", type=int, nargs="+", choices=EFFORTS)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, _end)
    run(pictures(), options.efforts)
