"""How random sequences of 100 symbols look, by source, beside the table of the thesis.

The measures are those of `pseudocodec.prng.randomness`: mean pairwise cosine similarity and
Pearson correlation (ideal: 0), mean p-value of the Kolmogorov-Smirnov test against the uniform on
[-1, 1] (ideal: 0.5), mean z score of the runs test about the mean (ideal: 0). 20,000 sequences a
source (2,000 with --quick), or all an LCG has where those are fewer. The figures of the thesis
are from L. Monchieri, "Image embedding in pseudorandom latent space" (2024).

The last column is the orbit structure of an LCG: the lengths of its cycles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness import Row, run
from pseudocodec.prng import THESIS, Lcg, decompose
from pseudocodec.prng.chaos import Henon, Logistic, Tent
from pseudocodec.prng.randomness import (
    mean_correlation,
    mean_cosine,
    mean_ks_p_value,
    mean_runs_z,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Source = Callable[[np.random.Generator, int], NDArray[np.float64]]

LENGTH = 100
MEASURES = {
    "cosine": mean_cosine,
    "pcc": mean_correlation,
    "ks": mean_ks_p_value,
    "runs": mean_runs_z,
}
SPECS = {"cosine": ".1e", "pcc": ".1e", "ks": ".3f", "runs": ".3f"}

THESIS_FIGURES = {
    "uniform": (-2.09e-07, -2.13e-07, 0.505868, -0.019535),
    "Gaussian, variance 1/3": (5.28e-03, 1.43e-06, 0.185694, 0.011459),
    "Henon": (1.27e-03, 7.32e-05, 0.364905, 0.484668),
    "logistic, r = 3.9": (7.97e-03, 2.52e-05, 0.198464, 4.326132),
    "tent, mu = 1.9": (8.43e-03, 1.30e-05, 0.144591, 2.495715),
    "LCG, m = 524287": (-1.46e-05, -1.38e-05, 0.504770, -0.004743),
}

SOURCES: dict[str, Source] = {
    "uniform": lambda rng, n: rng.uniform(-1, 1, (n, LENGTH)),
    "Gaussian, variance 1/3": lambda rng, n: rng.normal(0, 3**-0.5, (n, LENGTH)),
    "Henon": lambda rng, n: Henon().draw(rng, n, LENGTH),
    "logistic, r = 3.9": lambda rng, n: Logistic(3.9).draw(rng, n, LENGTH),
    "logistic, r = 3.99": lambda rng, n: Logistic(3.99).draw(rng, n, LENGTH),
    "tent, mu = 1.9": lambda rng, n: Tent(1.9).draw(rng, n, LENGTH),
    "tent, mu = 1.99999": lambda rng, n: Tent(1.99999).draw(rng, n, LENGTH),
}

NOTES = """
An ideal source of 20,000 sequences has standard errors of 7e-6 (cosine, PCC), 0.002 (KS) and
0.007 (runs); with --quick 7e-5, 0.006 and 0.022. All sequences of one orbit (m = 5101) give a
cosine and PCC of -1 / (n - 1), because over a whole orbit they nearly sum to zero.
Differences in kind: the thesis states neither the parameters of its maps, nor how it scaled them
and the Gaussian, nor its KS reference.
- KS: 0.506 for the uniform shows a mean p-value against the uniform. The Gaussian of the uniform's
  variance then comes near the thesis; the maps come out far lower than there, because their
  densities are not uniform and 100 symbols suffice to see it.
- Cosine of the maps: ours is the offset from 0 that all values share on the interval the
  recurrence runs on; the thesis must have scaled them otherwise.
- Runs: scaling cannot change it. r = 3.9 and mu = 1.9 are those, of the values tried, that come
  nearest to the thesis; the Henon map with its classical parameters does not.
- The parameter decides more than the map: at mu = 1.99999 the tent map has a tenth of a standard
  deviation too few runs and a p-value above 0.5 (too even), and is otherwise hard to tell apart.
  The LCG with m = 524287 is a little too even as well.
"""


def measure(quick: bool) -> list[Row]:
    n = 2_000 if quick else 20_000
    streams = np.random.default_rng(2024).spawn(len(SOURCES) + len(THESIS))
    rows = [row(name, source(streams.pop(), n)) for name, source in SOURCES.items()]
    for lcg in sorted(THESIS.values(), key=lambda lcg: -lcg.m):
        cycles, varying = structure(lcg)
        seeds = streams.pop().choice(varying, min(n, len(varying)), replace=False)
        sequences = lcg.to_interval(lcg.sequence(seeds, LENGTH))
        rows.append({**row(f"LCG, m = {lcg.m}", sequences), "cycles": cycles})
    return rows


def row(name: str, sequences: NDArray[np.float64]) -> Row:
    result: Row = {"source": name, "sequences": len(sequences), "length": LENGTH}
    thesis = THESIS_FIGURES.get(name, (None,) * len(MEASURES))
    for (key, mean), figure in zip(MEASURES.items(), thesis, strict=True):
        result |= {f"{key}, thesis": figure, key: mean(sequences)}
    return result


def structure(lcg: Lcg) -> tuple[str, NDArray[np.uint32]]:
    """The lengths of the cycles, and the seeds whose sequences are not constant."""
    orbits = decompose(lcg)
    fixed = orbits.order[orbits.starts[orbits.lengths == 1]]
    seeds = np.setdiff1d(orbits.order, fixed)
    return " + ".join(str(length) for length in orbits.lengths), seeds


def draw(axes: Axes, rows: list[Row]) -> None:
    for place, entry in enumerate(rows):
        ours = (entry["ks"], entry["runs"])
        axes.plot(*ours, "o", color=f"C{place}", label=entry["source"])
        if entry["ks, thesis"] is not None:
            theirs = (entry["ks, thesis"], entry["runs, thesis"])
            axes.plot(*zip(ours, theirs, strict=True), ":", color=f"C{place}")
            axes.plot(*theirs, "o", color=f"C{place}", markerfacecolor="white")
    axes.plot(0.5, 0, "k+", markersize=16, label="ideal")
    axes.set_xlabel("Kolmogorov-Smirnov against the uniform: mean p-value")
    axes.set_ylabel("runs test: mean z score")
    axes.set_title("Randomness of 100 symbols: ours (filled) and the thesis (open)")
    axes.legend(fontsize="small")


if __name__ == "__main__":
    columns = {"source": "", "sequences": ","}
    for key, spec in SPECS.items():
        columns |= {f"{key}, thesis": spec, key: spec}
    run(__file__, __doc__, measure, {**columns, "cycles": ""}, draw, libraries=("numba",))
    print(NOTES)
