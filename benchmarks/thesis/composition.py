"""The thesis' tables of noise composition on faces, 5, 10 and 20 sequences: synthetic and test set.

The latents are compositions of sequences of the LCG with m = 524287, on a generator that learnt
from uniform latents and on one that learnt from those sequences; see recovery.py. Synthetic:
pictures that the generator makes of its own latents. `bytes` counts 19 bits a seed and a float32
weight, as the thesis stores them. MSE and SSIM of pixels in [-1, 1], `mse_01` in [0, 1]:
the thesis does not say which of them its own is. FID only where Inception's weights are installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import protocol
import sheets
import torch
from bars import draw_bars
from protocol import Trained
from recovery import ERRORS, FIDS, Latents, analyse, compositions, measured, synthesise

from harness import Row, run
from pseudocodec.metrics import Images
from pseudocodec.prng import THESIS
from pseudocodec.training.sequences import Sequences

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LCG = "lcg-524287"
GENERATORS = {"uniform": "uniform", "LCG": "lcg"}
COUNTS = (5, 10, 20)
SEED_BITS, WEIGHT_BITS = 19, 32
SYNTHETIC, QUICK = 1_000, 16
THESIS_ROWS = {
    ("synthetic", "uniform", 5): (0.050898, 0.383645, 40.323863),
    ("synthetic", "uniform", 10): (0.032227, 0.536680, 39.302006),
    ("synthetic", "uniform", 20): (0.015579, 0.710165, 33.472889),
    ("synthetic", "LCG", 5): (0.065070, 0.264013, 27.386955),
    ("synthetic", "LCG", 10): (0.045012, 0.404454, 26.318813),
    ("synthetic", "LCG", 20): (0.021814, 0.647998, 23.057238),
    ("test", "uniform", 5): (0.056232, 0.246840, 115.374329),
    ("test", "uniform", 10): (0.043571, 0.300170, 114.668144),
    ("test", "uniform", 20): (0.035309, 0.354097, 113.415405),
    ("test", "LCG", 5): (0.069271, 0.195917, 163.398407),
    ("test", "LCG", 10): (0.124997, 0.106405, 163.898788),
    ("test", "LCG", 20): (0.124159, 0.105760, 163.612579),
}
"""MSE, SSIM, FID; the first table of the defence has .0322, .0156 and .0450, .0218 alike."""

COLUMNS = {
    "set": "",
    "generator": "",
    "sequences": "d",
    "bytes": ".1f",
    "epochs": ".1f",
    **ERRORS,
    **FIDS,
}


def measure(quick: bool) -> list[Row]:
    test = protocol.images("faces", "test", quick)[: QUICK if quick else None]
    rows, shown = [], {"original": test}
    for name, source in GENERATORS.items():
        trained = protocol.gan("faces", source, LCG, quick=quick)
        made_of = own_latents(source, QUICK if quick else SYNTHETIC)
        for which, originals in (("synthetic", synthesise(trained.nets, made_of)), ("test", test)):
            for count, restored in restored_by(trained, originals).items():
                rows.append(row((which, name, count), trained, originals, restored))
                if which == "test":
                    shown[f"{name} {count}"] = restored
    sheets.write("composition", "faces", shown, quick=quick)
    return sorted(rows, key=lambda each: str(each["set"]))


def own_latents(source: str, count: int) -> Latents:
    """Latents of a generator's own kind, the same in each run."""
    torch.manual_seed(0)
    drawn: Latents = Sequences(source, protocol.FACE.latents, THESIS[LCG]).draw(count, 0).numpy()
    return drawn


def restored_by(trained: Trained, originals: Images) -> dict[int, Images]:
    """What comes back of pictures, by the number of sequences."""
    latents = analyse(trained.nets, originals)
    return {
        count: synthesise(trained.nets, composed)
        for count, composed in compositions(THESIS[LCG], latents, COUNTS).items()
    }


def row(key: tuple[str, str, int], trained: Trained, originals: Images, restored: Images) -> Row:
    thesis = THESIS_ROWS[key]
    return {
        "set": key[0],
        "generator": key[1],
        "sequences": key[2],
        "bytes": key[2] * (SEED_BITS + WEIGHT_BITS) / 8,
        "pictures": len(originals),
        "epochs": trained.epochs,
        **measured(originals, restored),
        "thesis_mse": thesis[0],
        "thesis_ssim": thesis[1],
        "thesis_fid": thesis[2],
    }


def draw(axes: Axes, rows: list[Row]) -> None:
    """MSE on the test set, thesis and ours."""
    named = [
        each | {"method": f"{each['generator']}, {each['sequences']}"}
        for each in rows
        if each["set"] == "test"
    ]
    draw_bars(axes, named, "method")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "scikit-image"))
