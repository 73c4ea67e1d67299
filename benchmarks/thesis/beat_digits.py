"""Digits by one seed of 13 bits: from the thesis' system to the shipped model, step by step.

Each row keeps what the one before has and adds one thing, on all 10,000 MNIST test digits; MSE and
SSIM of pixels in [-1, 1]. First the thesis' GAN and pipeline, trained here (variants.py); then a
search that misses nothing, still by latents; then the choice by the picture, among the hundred
nearest, among all, and by structure as well as error; then the generator that was trained to cover
the digits, on an LCG that fills the 13 bits: `digits-gan`, in a real archive at the default effort,
bytes counted. To compare, at the same 13 bits: tables of raw training digits and of k-means'
centres, trained on the same digits; and the thesis' autoencoder, whose 25 floats are not coded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import protocol
import sheets
import torch
from models import through_archive
from numpy.typing import NDArray
from protocol import images
from recovery import analyse, by_seed, measured, synthesise

from harness import Row, log, run
from pseudocodec.latent.nearest import nearest_seeds
from pseudocodec.metrics import Images
from pseudocodec.nets.gan import GanTransform
from pseudocodec.prng import GENERATORS, THESIS
from pseudocodec.seeding import best_of_book

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LCG = THESIS["lcg-5101"]
SYMBOLS = 25
CANDIDATES = 100
FULL = GENERATORS["lcg-8191"].m
ROUNDS, QUICK_ROUNDS = 10, 1  # of k-means
QUICK = 100
WANTED_MSE, WANTED_SSIM = 0.105, 0.70
COLUMNS = {"method": "", "bits": ".2f", "mse": ".4f", "ssim": ".3f", "fid": ".1f"}
Table = NDArray[np.float32]  # (n, 784), in [-1, 1]


def measure(quick: bool) -> list[Row]:
    test = images("digits", "test", quick)[: QUICK if quick else None]
    training = images("digits", "train", quick)
    nets = protocol.gan("digits", "lcg", "lcg-5101", quick=quick).nets
    book = pictures_of(nets)
    latents = analyse(nets, test)
    candidates = nearest_seeds(LCG, latents, CANDIDATES)
    everything = np.arange(LCG.m)[None].repeat(len(test), 0)
    autoencoder = protocol.autoencoder("digits", quick=quick).nets
    model = through_archive(test, "digits-gan")
    shuffled = training[np.random.default_rng(0).permutation(len(training))]
    rounds = QUICK_ROUNDS if quick else ROUNDS
    raw = shuffled[: LCG.m]
    centres = k_means(flat(training), flat(raw), rounds)
    more = k_means(flat(training), flat(shuffled[:FULL]), rounds)
    ladder: dict[str, tuple[float | None, Images]] = {
        "thesis: GAN, neighbourhood search": (13, synthesise(nets, by_seed(LCG, latents)[1])),
        "nearest of all sequences": (13, book[candidates[:, 0]]),
        "best picture of 100 nearest": (13, best_of(book, candidates, test)),
        "best picture of all seeds": (13, best_of(book, everything, test)),
        "... and of like structure": (13, alike(book, test)),
        "generator that covers: digits-gan": (8 * model.nbytes, model.pictures),
        "(5,101 raw training digits)": (13, best_of(raw, None, test)),
        "(5,101 centres of k-means)": (13, best_of(as_bytes(centres), None, test)),
        "(8,191 centres of k-means)": (13, best_of(as_bytes(more), None, test)),
        "(autoencoder, 25 floats)": (None, synthesise(autoencoder, analyse(autoencoder, test))),
    }
    sheets.write(
        "beat_digits",
        "digits",
        {"original": test} | {name: pictures for name, (_, pictures) in ladder.items()},
        quick=quick,
    )
    return [
        {"method": name, "bits": bits, "pictures": len(test)} | measured(test, restored)
        for name, (bits, restored) in ladder.items()
    ]


def pictures_of(nets: GanTransform) -> Images:
    """What each seed decodes to, uint8 (m, 28, 28)."""
    states = LCG.sequence(np.arange(LCG.m), SYMBOLS)
    return synthesise(nets, LCG.to_interval(states).astype(np.float32))


def flat(pictures: Images) -> Table:
    """uint8 (n, 28, 28) -> (n, 784) in [-1, 1]."""
    return (pictures.reshape(len(pictures), -1) / np.float32(127.5) - 1).astype(np.float32)


def as_bytes(rows: Table) -> Images:
    """The inverse of `flat`."""
    pictures: Images = ((rows + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
    return pictures.reshape((-1, 28, 28))


def best_of(book: Images, choices: NDArray[np.int64] | None, pictures: Images) -> Images:
    """For each picture the nearest of the `choices` (n, k) of the book's; None: of all."""
    if choices is None or choices.shape[1] == len(book):
        best: Images = book[nearest(flat(pictures), flat(book))]
        return best
    rows = flat(book)
    found = [
        mine[int(np.square(rows[mine] - target).sum(1).argmin())]
        for target, mine in zip(flat(pictures), choices, strict=True)
    ]
    return np.stack([book[seed] for seed in found])


def alike(book: Images, pictures: Images) -> Images:
    """For each picture the book's that the library's encoder takes: by error and structure."""
    table = torch.from_numpy(flat(book)).view(-1, 1, 28, 28)
    parts = torch.split(torch.from_numpy(flat(pictures)).view(-1, 1, 28, 28), 500)
    places = torch.cat([best_of_book(table, part)[0] for part in parts])
    best: Images = book[places.numpy()]
    return best


def nearest(rows: Table, table: Table) -> NDArray[np.int64]:
    """The nearest row (n,) of a table."""
    t, energy = torch.from_numpy(table), torch.from_numpy(np.square(table).sum(1))
    parts = torch.split(torch.from_numpy(rows), 2_000)
    found: NDArray[np.int64] = torch.cat([(energy - 2 * p @ t.T).argmin(1) for p in parts]).numpy()
    return found


def k_means(rows: Table, centres: Table, rounds: int) -> Table:
    """Lloyd's algorithm; a centre without rows becomes one of them at random."""
    rng = np.random.default_rng(1)
    centres = centres.copy()
    for done in range(rounds):
        log.print(f"k-means, round {done + 1} of {rounds}")
        place = nearest(rows, centres)
        counts: NDArray[Any] = np.bincount(place, minlength=len(centres))
        sums = torch.zeros(centres.shape).index_add_(
            0, torch.from_numpy(place), torch.from_numpy(rows)
        )
        used = counts > 0
        centres[used] = sums.numpy()[used] / counts[used, None].astype(np.float32)
        centres[~used] = rows[rng.integers(len(rows), size=int((~used).sum()))]
    return centres


def draw(axes: Axes, rows: list[Row]) -> None:
    """MSE, a bar a row, and what is asked for."""
    colours = ["0.7" if row["method"].startswith("(") else "#d62728" for row in rows]
    axes.barh([row["method"] for row in rows], [row["mse"] for row in rows], color=colours)
    axes.axvline(WANTED_MSE, color="black", linewidth=0.8, linestyle=":")
    axes.invert_yaxis()
    axes.set_xlabel("mean squared error in [-1, 1] at one seed of 13 bits")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "scikit-image"))
