"""The strips of docs/explore.md: between two MNIST test digits, and slant added to others.

The interpolation goes from the first test digit to the second; its second row is what the generator
makes of the same latents before they are coded. The arithmetic adds to some digits what the most
slanted sevens have and upright sevens have not. Every picture is a .psl file of `--nbytes` bytes
before anything is done with it, and all that are shown are decoded ones.

    python benchmarks/latent_play.py docs --model digits

writes docs/interpolate-digits.png and docs/arithmetic-digits.png, with the name of the model. Any
model of grey digits of 28 x 28 pixels will do.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import data
from pseudocodec import encode, load_model
from pseudocodec.exploration import Coded, arithmetic, interpolate
from pseudocodec.exploration.sheet import Cell, draw_strips
from pseudocodec.files import atomic_write
from pseudocodec.metrics import Images

SEARCHED = 3_000  # test digits
GROUP = 20  # sevens
GIVEN = (7, 7, 7, 7, 1, 4, 9)  # digits that get the difference: upright ones, the next in turn


def slants(images: Images) -> NDArray[np.float64]:
    """How far each of (n, h, w) leans to the right, in columns a row: -mu11 / mu02 of its ink."""
    ink = images / images.sum((1, 2), keepdims=True)
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    y = rows - (ink * rows).sum((1, 2))[:, None, None]
    x = columns - (ink * columns).sum((1, 2))[:, None, None]
    out: NDArray[np.float64] = -(ink * x * y).sum((1, 2)) / (ink * y * y).sum((1, 2))
    return out


def upright(slant: NDArray[np.float64], labels: NDArray[np.uint8], digit: int) -> list[int]:
    """The places of a digit, the most upright first."""
    places = np.flatnonzero(labels == digit)
    return [int(i) for i in places[np.argsort(np.abs(slant[places]))]]


def interpolation(first: bytes, last: bytes) -> list[list[Cell]]:
    """Two rows: the way from one file to the other, coded and not."""
    way = interpolate(first, last)
    coded = [(f"t = {t:.3f}\n{_words(step)}", step.pixels) for t, step in way]
    return [coded, [("not coded", step.uncoded) for _, step in way]]


def sums(slanted: list[bytes], straight: list[bytes], given: list[bytes]) -> list[list[Cell]]:
    """Three rows: the means of the groups, the pictures given, and each with the difference."""
    found = [arithmetic(slanted, straight, each) for each in given]
    means = [(f"A\n{len(slanted)} sevens", found[0].a.pixels)]
    means += [(f"B\n{len(straight)} sevens", found[0].b.pixels)]
    before = [(f"C\n{_words(each.c)}", each.c.pixels) for each in found]
    after = [(f"A - B + C\n{_words(each.result)}", each.result.pixels) for each in found]
    return [means, before, after]


def _words(coded: Coded) -> str:
    seeds = coded.seeds or ()
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds"


def main() -> None:
    """Write the strips."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="digits")
    parser.add_argument("--nbytes", type=int, default=52)
    parser.add_argument("--effort", type=int, default=3)
    options = parser.parse_args()
    images, labels = data.mnist("test")[:SEARCHED], data.mnist_labels("test")[:SEARCHED]
    slant = slants(images)
    file = partial(
        encode, model=options.model, nbytes=options.nbytes, effort=options.effort, device="cpu"
    )
    pools = {digit: iter(upright(slant, labels, digit)) for digit in set(GIVEN)}
    straight = [file(images[next(pools[7])]) for _ in range(GROUP)]
    given = [file(images[next(pools[digit])]) for digit in GIVEN]
    sevens = np.flatnonzero(labels == 7)
    slanted = [file(images[i]) for i in sevens[np.argsort(-slant[sevens])][:GROUP]]
    strips = {
        "interpolate": interpolation(file(images[0]), file(images[1])),
        "arithmetic": sums(slanted, straight, given),
    }
    name = load_model(options.model).facts.name
    for kind, rows in strips.items():
        path = options.folder / f"{kind}-{name}.png"
        with atomic_write(path, overwrite=True) as target:
            target.write(draw_strips(rows))
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
