"""Shapes of a photo model's nets, each trained for the same time.

The shape of `photo` without its shrinkage, which came later, these nets narrower and wider, with
most of their features at an eighth of the side, and without the linear path that runs beside them,
a plain mean-scale hyperprior. All begin from nothing and train for twenty minutes of one core by
the recipe of `train --codec photo` but for its crops, eight of 128 pixels a step, as many at once
as there are cores; none has contexts, nor has its loss. Then whole files of 256 x 256 pixels from
the middle of the validation pictures, five qualities, effort 1: bits at equal PSNR (Bjontegaard)
against the first shape, steps that fit into the time, and thousands of multiplications a pixel to
decode. After so short a time a shape that learns fast is ahead of one that would end better.

Two hours of one core. What each shape came to is kept in
benchmarks/results/photo_shapes_nets.json: a run that is ended goes on with the next, and where
benchmarks/runs still has its checkpoint, in the middle of one. `--quick`: 4 steps of two shapes,
which say nothing, and nothing is kept.
"""

from __future__ import annotations

import functools
import math
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import data
import kept
import photo_effort
import photos
from costs import kmac_per_pixel
from harness import RESULTS, Row, run
from pseudocodec.evaluation.bd import bd_rate
from pseudocodec.metrics import psnr
from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.parallel.workers import usable_cpus
from pseudocodec.training.photo import PhotoRecipe
from runs import finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from pseudocodec.nets.hyperprior import HyperpriorTransform
    from pseudocodec.training.photo import PhotoTrainer

SECONDS, QUICK_STEPS = 1_200, 4
CONFIGS = {
    "shipped": HyperpriorConfig(),
    "narrow": HyperpriorConfig(fine=40, coarse=96, deep=128),
    "wide": HyperpriorConfig(fine=96, coarse=224, deep=256),
    "from an eighth": HyperpriorConfig(fine=32, fine_blocks=0, deep_blocks=2),
    "no linear path": HyperpriorConfig(),
}
PLAIN = "no linear path"
PLAIN_START = 0.02  # deviation of what its synthesis begins with, of pixels in [0, 1]
QUICK_SHAPES = ("narrow", PLAIN)
EFFORT, PICTURES, QUICK_PICTURES = 1, 14, 1
REPORTED = 2  # pictures that progress is told of
NETS = RESULTS / "photo_shapes_nets.json"
COLUMNS = {"shape": "", "kmac_per_pixel": ".1f", "steps": ",d", "bd_rate": "+.1f"}


def measure(quick: bool) -> list[Row]:
    """A row a shape."""
    if quick:
        rows = [job | make(job) for job in jobs(QUICK_SHAPES, None)]
    else:
        kept.fill(NETS, jobs(), make, usable_cpus())
        rows = [row for job in jobs() for row in kept.of(kept.read(NETS), job)]
    anchor = rows[0]["points"]
    # Curves of nets that know nothing need not meet at any PSNR.
    return [row | {"bd_rate": None if quick else bd_rate(row["points"], anchor)} for row in rows]


def jobs(shapes: tuple[str, ...] = tuple(CONFIGS), seconds: int | None = SECONDS) -> list[Row]:
    """What each net is of, `seconds` of training or a few steps, and how it is made."""
    choices = {name: asdict(CONFIGS[name]) | asdict(_recipe(seconds)) for name in shapes}
    return [
        {"shape": name, "seconds": seconds, "choices": kept.digest(choices[name])}
        for name in shapes
    ]


def make(job: Row) -> Row:
    """Rates and PSNR of files; the training goes on from its checkpoint."""
    from pseudocodec.training.export_photo import export_photo

    quick = job["seconds"] is None
    trainer = _trainer(job["shape"], _recipe(job["seconds"]), quick=quick)
    finish(f"photo_shapes, {job['shape']}", trainer, quick=quick)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shape.safetensors"
        export_photo(trainer.averaged().transform, "shape", path)
        return {"steps": trainer.step} | files(str(path), quick=quick)


def files(model: str, *, quick: bool) -> Row:
    """Mean rate and PSNR of the validation crops at each quality, and what decoding one takes."""
    codec = photos.ours(model, EFFORT)
    crops = photo_effort.crops(QUICK_PICTURES if quick else PICTURES)
    pixels = photo_effort.SIDE**2
    points = []
    for quality in photo_effort.QUALITIES[::2] if quick else photo_effort.QUALITIES:
        found = []
        for crop in crops:
            file = codec.encode(crop, quality)
            found.append((8 * len(file) / pixels, psnr(crop, codec.decode(file))))
        points.append(np.mean(found, axis=0).tolist())
    return {
        "points": points,
        "kmac_per_pixel": kmac_per_pixel(lambda: codec.decode(file), pixels),
    }


def _trainer(shape: str, recipe: PhotoRecipe, *, quick: bool) -> PhotoTrainer:
    import torch

    from pseudocodec.training.photo import PhotoTrainer
    from pseudocodec.training.team import Team

    shown = [
        torch.from_numpy(crop.copy()).permute(2, 0, 1) for crop in photo_effort.crops(REPORTED)
    ]
    trainer = PhotoTrainer(pictures(quick), shown, CONFIGS[shape], recipe, Team.join("cpu"))
    if shape == PLAIN:
        without_linear_path(trainer.nets.transform)
    return trainer


def without_linear_path(transform: HyperpriorTransform) -> None:
    """All that is coded comes from the nets, whose outputs, then, must not start at zero."""
    import torch

    transform.basis.zero_()
    with torch.no_grad():
        for output, deviation in (
            (transform.analysis.out, 1.0),
            (transform.synthesis.out, PLAIN_START),
        ):
            output.conv.weight.normal_(0, deviation / 4)  # see Output: a quarter of the root


@functools.cache
def pictures(quick: bool) -> Tensor:
    """Squares to train on, uint8 (N, 3, 256, 256): in a quick run of the validation pictures."""
    import torch

    from pseudocodec.training.crops import load_crops

    folder = data.ROOT / "photos"
    sources = [folder / "validation"] if quick else sorted(folder.glob("train-*.tar"))
    return torch.cat([load_crops(source, fewest=1)[0] for source in sources])


def _recipe(seconds: int | None) -> PhotoRecipe:
    steps = None if seconds else QUICK_STEPS
    return PhotoRecipe(seconds or math.inf, steps=steps, crop=128, batch=8, contexts_rate=0.0)


def draw(axes: Axes, rows: list[Row]) -> None:
    """A curve a shape."""
    for row in rows:
        label = f"{row['shape']}, {row['kmac_per_pixel']:.0f} kMAC a pixel"
        axes.plot(*np.transpose(row["points"]), "o-", label=label)
    axes.set_xlabel("bits a pixel")
    axes.set_ylabel("PSNR, dB")
    axes.set_title("Shapes of a photo model, twenty minutes each", loc="left")
    axes.legend()


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch",))
