"""The thesis' system, trained here: generators, their inverses and autoencoders, by name.

L. Monchieri, "Image embedding in pseudorandom latent space" (2024), trains each net for 200 epochs;
two cores allow some ten. `epochs` of a result says how many. What the thesis does not state is
chosen here, and said: the nets' widths, Adam's rates, batches of 128 digits and 64 faces, the
non-saturating loss, m = 5101 for the digits' sequences, and what its autoencoders' numbers 7, 14
and 28 count: maps of 4 x 4 values (fewer values than its first autoencoder's 100 could not have
been better than that).

Nets are kept while and after they are trained: see `runs`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

import data
from pseudocodec.metrics import Images
from pseudocodec.nets.gan import GanConfig, GanTransform
from pseudocodec.prng import THESIS
from pseudocodec.training.gan import GanRecipe, GanRun
from pseudocodec.training.inverse import (
    AutoencoderRecipe,
    AutoencoderRun,
    InverseRecipe,
    InverseRun,
)
from pseudocodec.training.team import Team
from runs import finish

FOREVER = 1e9  # seconds: steps are counted
QUICK_STEPS, QUICK_PICTURES = 6, 256
DIGIT = GanConfig(28, 28, 1, 25)
FACE = GanConfig(64, 64, 3, 100, base=24, encoder_base=24)
MAPS = (7, 14, 28)  # of the larger autoencoders, of 4 x 4 values each
PLACES = 16


@dataclass(frozen=True)
class Kind:
    """A set of pictures and how long nets are trained for it, in steps."""

    load: Callable[[data.Split], Images]
    config: GanConfig
    batch: int
    gan: int
    inverse: int
    autoencoder: int


KINDS = {
    "digits": Kind(data.mnist, DIGIT, 128, gan=5_000, inverse=2_500, autoencoder=2_500),
    "faces": Kind(data.faces64, FACE, 64, gan=1_600, inverse=1_000, autoencoder=600),
}


@dataclass(frozen=True)
class Trained:
    """Nets in evaluation mode and how they came about."""

    nets: GanTransform
    kind: str
    epochs: float  # over the pictures, of the generator or the autoencoder
    curves: list[list[float]]  # of adversarial training, see GanRun
    source: str = ""
    lcg: str = ""


def images(kind: str, split: data.Split, quick: bool) -> Images:
    """uint8 (n, H, W) or (n, H, W, 3); a few of them where it must be quick."""
    found = KINDS[kind].load(split)
    return found[:QUICK_PICTURES] if quick else found


def tensor(pictures: Images) -> torch.Tensor:
    """uint8 (n, C, H, W)."""
    stacked = pictures[:, None] if pictures.ndim == 3 else np.moveaxis(pictures, 3, 1)
    return torch.from_numpy(np.ascontiguousarray(stacked))


def gan(kind: str, source: str, lcg: str, *, quick: bool) -> Trained:
    """A generator on latents of `source` (see training.sequences) and its inverse generator."""
    k, name = KINDS[kind], f"{kind}-{source}-{lcg.removeprefix('lcg-')}"
    team, generator_of = Team(torch.device("cpu")), THESIS[lcg]
    pictures = tensor(images(kind, "train", quick))
    recipe = GanRecipe(
        budget=FOREVER, steps=_steps(k.gan, quick), batch=k.batch, source=source, lcg=generator_of
    )
    run = finish(f"{name}-gan", GanRun(pictures, k.config, recipe, team), quick=quick)
    inverse = InverseRecipe(
        budget=FOREVER,
        steps=_steps(k.inverse, quick),
        batch=k.batch,
        source=source,
        lcg=generator_of,
    )
    undone = InverseRun(run.averaged(), k.config, inverse, team)
    nets = finish(f"{name}-inverse", undone, quick=quick).averaged()
    return Trained(nets, kind, run.epochs, run.curves, source, lcg)


def autoencoder(kind: str, latents: int | None = None, *, quick: bool) -> Trained:
    """An autoencoder of as many latents as the kind's sequences have, or `latents`."""
    k = KINDS[kind]
    config = replace(k.config, latents=latents or k.config.latents, bounded=False)
    pictures = tensor(images(kind, "train", quick))
    recipe = AutoencoderRecipe(budget=FOREVER, steps=_steps(k.autoencoder, quick), batch=k.batch)
    run = AutoencoderRun(pictures, config, recipe, Team(torch.device("cpu")))
    run = finish(f"{kind}-autoencoder-{config.latents}", run, quick=quick)
    return Trained(run.averaged(), kind, run.step * k.batch / len(pictures), [])


def _steps(count: int, quick: bool) -> int:
    return QUICK_STEPS if quick else count


if __name__ == "__main__":  # train one ahead: python benchmarks/thesis/protocol.py digits lcg ...
    kind, what, *rest = sys.argv[1:]
    if what == "autoencoder":
        autoencoder(kind, *map(int, rest), quick=False)
    else:
        gan(kind, what, *rest, quick=False)
