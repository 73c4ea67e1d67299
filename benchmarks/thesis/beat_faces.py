"""Faces by 20 sequences: from the thesis' composition to what the library does with as many seeds.

All 1,000 test faces, MSE and SSIM of pixels in [-1, 1]; the file's or the payload's bytes a
picture. The first rows are the thesis' protocol on its uniform generator, trained here
(composition.py): seeds of 19 bits and float32 weights, 127.5 bytes. Then, one after the other: all
weights fitted together; latents that were moved by gradient through the generator before they are
composed. Then nets and weights that learnt from the code's own error instead of a discriminator:
the shipped `faces` with its composition code, 20 signed seeds and weights that cost nothing, in a
real archive; and `faces` at the bytes that the thesis spends. Last, one seed alone: `faces-gan`,
and the thesis' pipeline of one seed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import protocol
import sheets
from composition import LCG, SEED_BITS, WEIGHT_BITS, restored_by
from models import through_archive
from recovery import (
    Latents,
    analyse,
    by_seed,
    measured,
    pursuit,
    refined,
    synthesise,
    weights,
)

from harness import Row, run
from pseudocodec.metrics import Images
from pseudocodec.nets.gan import GanTransform
from pseudocodec.prng import THESIS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COUNT = 20
STEPS, QUICK_STEPS = 100, 2
QUICK = 16
ATOM_BYTES = 2.5  # of the library's composition: a seed and a sign, 20 bits
COLUMNS = {
    "method": "",
    "sequences": "d",
    "bytes": ".1f",
    "mse": ".4f",
    "ssim": ".3f",
    "fid": ".1f",
}


def measure(quick: bool) -> list[Row]:
    test = protocol.images("faces", "test", quick)[: QUICK if quick else None]
    nets = protocol.gan("faces", "uniform", LCG, quick=quick).nets
    latents = analyse(nets, test)
    moved = refined(nets, test, latents, QUICK_STEPS if quick else STEPS)
    thesis_bytes = COUNT * (SEED_BITS + WEIGHT_BITS) / 8
    seeded = protocol.gan("faces", "lcg", LCG, quick=quick).nets
    one = synthesise(seeded, by_seed(THESIS[LCG], analyse(seeded, test))[1])
    trained = protocol.Trained(nets, "faces", 0.0, [])
    composition = through_archive(test, "faces", nbytes=spent(COUNT), progressive=True)
    dense = through_archive(test, "faces", nbytes=int(thesis_bytes))
    single = through_archive(test, "faces-gan")
    ladder: dict[str, tuple[int | None, float, Images]] = {
        "thesis: uniform 20": (COUNT, thesis_bytes, restored_by(trained, test)[COUNT]),
        "weights fitted together": (COUNT, thesis_bytes, composed(nets, latents)),
        "latents refined before": (COUNT, thesis_bytes, composed(nets, moved)),
        "faces, composition": (COUNT, composition.nbytes, composition.pictures),
        "faces, at the thesis' bytes": (None, dense.nbytes, dense.pictures),
        "thesis: one seed": (1, SEED_BITS / 8, one),
        "faces-gan, one seed": (1, single.nbytes, single.pictures),
    }
    sheets.write(
        "beat_faces",
        "faces",
        {"original": test} | {name: pictures for name, (*_, pictures) in ladder.items()},
        quick=quick,
    )
    return [
        {"method": name, "sequences": count, "bytes": nbytes, "pictures": len(test)}
        | measured(test, restored)
        for name, (count, nbytes, restored) in ladder.items()
    ]


def spent(count: int) -> int:
    """Bytes a picture of an archive with `count` atoms each, the last cut short by the header."""
    return int(count * ATOM_BYTES)


def composed(nets: GanTransform, latents: Latents) -> Images:
    """Compositions with all weights by least squares."""
    out = np.empty_like(latents)
    for i, target in enumerate(latents):
        for chosen in pursuit(THESIS[LCG], target):
            if len(chosen) == COUNT:
                out[i] = chosen.T @ weights(chosen, target, joint=True)
                break
    return synthesise(nets, out)


def draw(axes: Axes, rows: list[Row]) -> None:
    """MSE, a bar a row, with its bytes."""
    names = [f"{row['method']} ({row['bytes']:.0f} B)" for row in rows]
    axes.barh(names, [row["mse"] for row in rows], color="#d62728")
    axes.invert_yaxis()
    axes.set_xlabel("mean squared error in [-1, 1]")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "scikit-image"))
