"""Photographs without trained nets: the model "overfit", each picture fitted for minutes.

Eight Kodak pictures named in advance (kodim01-04, 07, 13, 19, 23), whole files through the public
`encode` and `decode`. Tables:

- `fits`: means over the pictures, at each effort and quality; seconds of encoding, on `cores`.
- `BD-rate, %`: bits at equal PSNR, against JPEG, WebP, HEIC (x265) and AVIF on the same pictures in
  this run.
- `cost`: decoding and a step of the fit, of a picture of 768 x 512.
- `start`: one picture fitted from the shared start and from nets that know nothing: the cost
  (mean squared error + price x bits a pixel) for steps; bytes of a crop of 64 x 64.

Fits are made before, by overfit_fits.py, for they take hours: those that benchmarks/results has are
reported, efforts that all pictures have been fitted at. `--quick`: crops of 96 x 96 of two pictures
at effort 0, nothing kept.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import overfit_fits
import photos
import pseudocodec
from harness import Row, best_of, run
from overfit_fits import MODEL, fit
from pseudocodec.evaluation.bd import bd_rate
from pseudocodec.metrics import Images, psnr
from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.design import multiplications
from pseudocodec.overfit.fitting.aim import price_of
from pseudocodec.overfit.fitting.engine import Engine
from pseudocodec.overfit.fitting.fit import Fit
from pseudocodec.overfit.fitting.random_start import random_start
from pseudocodec.overfit.fitting.schedule import at
from pseudocodec.overfit.model import OverfitModel, write_starts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK_EFFORT, QUICK_QUALITIES = 0, (30, 50, 70)
PEERS = ("JPEG", "WebP", "HEIC", "AVIF")
START_QUALITY, START_EFFORTS, QUICK_START_EFFORTS = 50, (0, 1, 3), (0,)
QUICK_SIDE, SMALL_SIDE = 96, 64
COLUMNS = {
    "table": "",
    "codec": "",
    "effort": "d",
    "quality": "d",
    "bpp": ".4f",
    "psnr": ".2f",
    "encode_s": ".1f",
    "cores": "d",
    "value": ".4g",
}


def measure(quick: bool) -> list[Row]:
    """Rows of all tables."""
    pictures = _crops(overfit_fits.pictures()) if quick else overfit_fits.pictures()
    found = _quick_fits(pictures) if quick else overfit_fits.found()
    if not found:
        raise SystemExit("no effort has all its fits yet: run benchmarks/overfit_fits.py first")
    fits = [_mean(rows, *setting) for setting, rows in sorted(found.items())]
    peers = [row for name in PEERS for row in _peer(name, pictures, quick)]
    return [
        *fits,
        *peers,
        *_bd_rates(fits, peers),
        *_costs(next(iter(pictures.values())), quick),
        *_starts(next(iter(pictures.values())), quick),
    ]


def _quick_fits(pictures: Mapping[str, Images]) -> dict[tuple[int, int], list[Row]]:
    return {
        (QUICK_EFFORT, quality): [fit(p, QUICK_EFFORT, quality) for p in pictures.values()]
        for quality in QUICK_QUALITIES
    }


def _crops(pictures: Mapping[str, Images]) -> dict[str, Images]:
    chosen = list(pictures.items())[:2]
    return {name: p[200:][:QUICK_SIDE, 300:][:, :QUICK_SIDE] for name, p in chosen}


def _mean(found: list[Row], effort: int, quality: int) -> Row:
    row = {"table": "fits", "codec": MODEL, "effort": effort, "quality": quality}
    means = {key: float(np.mean([r[key] for r in found])) for key in ("bpp", "psnr", "encode_s")}
    return row | means | {"cores": max(r["cores"] for r in found)}


def _peer(name: str, pictures: Mapping[str, Images], quick: bool) -> list[Row]:
    [codec] = photos.peers([name])
    rows = []
    for setting in codec.sparse(photos.QUICK_SETTINGS).settings if quick else codec.settings:
        found = []
        for picture in pictures.values():
            file = codec.encode(picture, setting)
            pixels = picture.shape[0] * picture.shape[1]
            found.append((8 * len(file) / pixels, psnr(picture, codec.decode(file))))
        bpp, decibels = np.mean(found, axis=0).tolist()
        row = {"table": "fits", "codec": name, "quality": setting}
        rows.append(row | {"bpp": bpp, "psnr": decibels})
    return rows


def _bd_rates(fits: list[Row], peers: list[Row]) -> list[Row]:
    def points(rows: list[Row]) -> list[tuple[float, float]]:
        return [(row["bpp"], row["psnr"]) for row in rows]

    rows = []
    for effort in sorted({row["effort"] for row in fits}):
        own = points([row for row in fits if row["effort"] == effort])
        for name in PEERS:
            anchor = points([row for row in peers if row["codec"] == name])
            row = {"table": "BD-rate, %", "codec": name, "effort": effort}
            rows.append(row | {"value": bd_rate(own, anchor)})
    return rows


def _costs(picture: Images, quick: bool) -> list[Row]:
    file = pseudocodec.encode(picture, model=MODEL, effort=0)
    engine = Engine(picture)
    fit = Fit(engine, random_start())
    moment = at(0.5)
    fit.step(moment, 50.0)
    repeats = 2 if quick else 10
    values = {
        "decode_s": best_of(lambda: pseudocodec.decode(file), repeats),
        "step_ms": 1000 * best_of(lambda: fit.step(moment, 50.0), repeats),
        "kmac_per_pixel": multiplications(*picture.shape[:2]) / 1000,
    }
    engine.close()
    return [{"table": "cost", "codec": key, "value": value} for key, value in values.items()]


def _starts(picture: Images, quick: bool) -> list[Row]:
    """What fits cost, from the shared start and from one that knows nothing."""
    price = price_of(START_QUALITY)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.safetensors"
        blank = np.rint(random_start()[None].astype(np.float64) * (1 << WEIGHT)).astype(np.int64)
        write_starts(path, "random", blank, [price])
        models = {"shared": pseudocodec.load_model(MODEL), "random": pseudocodec.load_model(path)}
        for name, model in models.items():
            assert isinstance(model, OverfitModel)
            for effort in QUICK_START_EFFORTS if quick else START_EFFORTS:
                rows.append(_cost_of(name, model, picture, effort, price))
            crop = picture[:SMALL_SIDE, :SMALL_SIDE]
            rows.append(_cost_of(f"{name}, 64 x 64", model, crop, 0 if quick else 3, price))
    return rows


def _cost_of(name: str, model: OverfitModel, picture: Images, effort: int, price: float) -> Row:
    start = time.perf_counter()
    file = pseudocodec.encode(picture, model=model, quality=START_QUALITY, effort=effort)
    seconds = time.perf_counter() - start
    reached = psnr(picture, pseudocodec.decode(file))
    bpp = 8 * len(file) / (picture.shape[0] * picture.shape[1])
    value = 255**2 / 10 ** (reached / 10) + price * bpp
    row = {"table": "start", "codec": name, "effort": effort, "quality": START_QUALITY}
    return row | {"bpp": bpp, "psnr": reached, "encode_s": seconds, "value": value}


def draw(axes: Axes, rows: list[Row]) -> None:
    """Rate-distortion curves: peers dashed, ours a line an effort."""
    fits = [row for row in rows if row["table"] == "fits"]
    curves = {(row["codec"], row.get("effort")) for row in fits}
    for codec, effort in sorted(curves, key=str):
        own = [r for r in fits if r["codec"] == codec and r.get("effort") == effort]
        line = "o-" if codec == MODEL else "--"
        name = f"{codec}, effort {effort}" if codec == MODEL else codec
        axes.plot([r["bpp"] for r in own], [r["psnr"] for r in own], line, label=name)
    axes.set_xlim(0, 1.5)
    axes.set_xlabel("bits a pixel")
    axes.set_ylabel("PSNR, dB")
    axes.set_title("Kodak, eight pictures", loc="left")
    axes.legend(frameon=False)


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("numba", "pillow", "pillow-heif"))
