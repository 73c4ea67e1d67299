"""How much noise a sequence may carry for its seed to be found: lattice against neighbourhood.

Sequences of random seeds, mapped to [-1, 1], get Gaussian noise of standard deviation `noise`.
- lattice: `pseudocodec.latent.lattice`, on the first 32 values.
- neighbourhood: the algorithm of L. Monchieri, "Image embedding in pseudorandom latent space"
  (2024): of the 50 seeds on either side of the denormalised first value, the one whose sequence is
  nearest in squared error.
Each is measured around its own limit, the noise at which it should find 99 % of the seeds;
`predicted` is the share the lattice's Gram-Schmidt vectors promise; `ball` is the noise at which
the best search of that many dimensions (at most 32) fails, 2 / sqrt(2 pi e) m^(-1/d).
4,000 sequences a row for the lattice and 400 for the neighbourhood; with --quick 400 and 40.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness import Row, log, run
from pseudocodec.latent.lattice import LatticeDecoder
from pseudocodec.prng import THESIS, Lcg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Search = Callable[[NDArray[np.float64]], NDArray[np.uint64]]

EPSILON = 50
CHUNK = 100  # sequences whose neighbourhoods are held at a time
TIMES_LIMIT = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0)
LENGTHS = (8, 32)
LCGS = (
    THESIS["lcg-5101"],
    THESIS["lcg-524287"],
    Lcg(a=1103515245, c=12345, m=2**31),  # the C standard's example of rand
    Lcg(a=0x5DEECE66D, c=11, m=2**48),  # drand48
    Lcg(a=6364136223846793005, c=1442695040888963407, m=2**64),  # Knuth's MMIX
)

NOTES = """
The lattice's limit depends little on m, because every value tells something of the seed; the
neighbourhood's is 50 states, whatever they are worth. At m = 2^64 neighbouring states are the
same float64, so the neighbourhood finds a seed only by luck. One LCG and length need one lattice
reduction, of 0.05 to 0.5 s at 32 values, which us_per_sequence leaves out.
"""


def measure(quick: bool) -> list[Row]:
    scale = 10 if quick else 1
    rows: list[Row] = []
    for length in LENGTHS:
        for lcg in LCGS:
            log.print(f"m = {lcg.m}, {length} values")
            decoder = LatticeDecoder(lcg, length)
            ball = 2 / math.sqrt(2 * math.pi * math.e) * lcg.m ** (-1 / decoder.dims)
            for noise in (decoder.noise_limit * times for times in TIMES_LIMIT):
                row = trial(lcg, length, noise, decoder.recover, 4000 // scale)
                predicted = decoder.share(noise)
                rows.append({"method": "lattice", **row, "predicted": predicted, "ball": ball})
            # 2.576: the standard deviations within which 99 % of a Gaussian lies
            limit = (EPSILON + 0.5) * 2 / (lcg.m - 1) / 2.576
            for noise in (limit * times for times in TIMES_LIMIT):
                row = trial(lcg, length, noise, neighbourhood(lcg), 400 // scale)
                rows.append({"method": "neighbourhood", **row, "predicted": None, "ball": ball})
    return rows


def trial(lcg: Lcg, length: int, noise: float, search: Search, n: int) -> Row:
    rng = np.random.default_rng(2024)
    seeds = rng.integers(0, lcg.m - 1, n, np.uint64, endpoint=True)
    exact = lcg.to_interval(lcg.sequence(seeds, length))
    z = exact + rng.normal(0, noise, exact.shape)
    start = time.perf_counter()
    found = search(z)
    seconds = time.perf_counter() - start
    return {
        "m": lcg.m,
        "length": length,
        "noise": noise,
        "recovered": float(np.mean(found == seeds)),
        "us_per_sequence": seconds / n * 1e6,
    }


def neighbourhood(lcg: Lcg) -> Search:
    """The search in float64 and uint64, so that no modulus is beyond it by its arithmetic."""

    def nearest(z: NDArray[np.float64]) -> NDArray[np.uint64]:
        first = np.array(lcg.from_interval(z[:, 0]), object)[:, None]
        seeds = np.clip(first + np.arange(-EPSILON, EPSILON + 1), 0, lcg.m - 1).astype(np.uint64)
        sequences = lcg.to_interval(lcg.sequence(seeds.ravel(), z.shape[1]))
        errors = np.square(sequences.reshape(*seeds.shape, -1) - z[:, None]).sum(axis=2)
        best: NDArray[np.uint64] = np.take_along_axis(seeds, errors.argmin(axis=1)[:, None], 1)
        return best[:, 0]

    return lambda z: np.concatenate([nearest(z[i : i + CHUNK]) for i in range(0, len(z), CHUNK)])


def curves(rows: list[Row]) -> Iterator[tuple[str, int, int, list[Row]]]:
    for key in dict.fromkeys((row["method"], row["m"], row["length"]) for row in rows):
        yield *key, [row for row in rows if (row["method"], row["m"], row["length"]) == key]


def draw(axes: Axes, rows: list[Row]) -> None:
    colours = {lcg.m: f"C{place}" for place, lcg in enumerate(LCGS)}
    for method, m, length, entries in curves(rows):
        if method == "neighbourhood" and length < max(LENGTHS):
            continue  # its range does not depend on the length
        style = "--" if method == "neighbourhood" else "-" if length == max(LENGTHS) else ":"
        name = f"{m}" if m < 2**20 else f"2^{m.bit_length() - 1}"
        axes.semilogx(
            [entry["noise"] for entry in entries],
            [entry["recovered"] for entry in entries],
            style,
            color=colours[m],
            label=f"m = {name}" if style == "-" else None,
        )
    axes.set_xlabel("standard deviation of the noise, values in [-1, 1]")
    axes.set_ylabel("share of seeds recovered")
    axes.set_title("Lattice of 32 values (solid), of 8 (dotted); neighbourhood of 50 (dashed)")
    axes.legend(fontsize="small")


if __name__ == "__main__":
    columns = {
        "method": "",
        "m": ".4g",
        "length": "d",
        "noise": ".2e",
        "recovered": ".4f",
        "predicted": ".4f",
        "us_per_sequence": ".1f",
    }
    run(__file__, __doc__, measure, columns, draw)
    print(NOTES)
