"""What effort buys in the composition code: the error left and the time, by width of the beam.

Sources are independent normal components: equal variances, and variances that fall as exp(-i/20).
All efforts code the same vectors, with levels for an efficiency of 0.87. The error is relative to
the energy of those vectors, so that their luck does not count; "efficiency" is the rate at which
Shannon's R(D) has that error, divided by the bits spent. Times are of one thread.

"shuffle" tells whether each atom has an order of the components of its own, "blocks" into how many
sub-vectors a long vector is cut, m is the modulus.

The rows with a spread s code vectors multiplied by a lognormal factor of log-deviation s: the
schedule expects vectors of one energy. "known" is the error when each vector's energy is known to
the decoder for free: what the fixed weights lose on such a source.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from bounds import curve
from harness import Row, log, run
from pseudocodec.latent.composition import BEAMS, Composition
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.prng import THESIS, Lcg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SOURCES = {
    "equal, d=48": np.ones(48),
    "equal, d=100": np.ones(100),
    "exp(-i/20), d=128": np.exp(-np.arange(128) / 20),
    "equal, d=1024": np.ones(1024),
}
BUDGETS = (40, 120)
LCG = THESIS["lcg-524287"]
LARGE = Lcg(a=6423135, c=10139041, m=16777213)  # prime, a a primitive root: one orbit but a point


class Case(NamedTuple):
    """A code, its source, the budget, and how many vectors at which efforts."""

    source: str
    bits: int
    shuffle: bool = True
    lcg: Lcg = LCG
    blocks: int = 1
    n: int = 128
    efforts: tuple[int, ...] = (0, 3, 5, 7, 9)


CASES = (
    *(
        Case(source, bits, shuffle)
        for source in list(SOURCES)[:3]
        for bits in BUDGETS
        for shuffle in (False, True)
    ),
    *(Case("equal, d=100", bits, efforts=(0, 3, 9)) for bits in (25, 50, 100)),
    *(Case("equal, d=100", bits, True, LARGE, 1, 24, (0, 3, 9)) for bits in (25, 50, 100)),
    *(
        Case("equal, d=1024", bits, True, LCG, blocks, 8, (0, 3, 9))
        for bits, blocks in ((256, 4), (512, 8), (1024, 16))
    ),
)
PLOTTED = 12  # the first cases, those of BUDGETS
SPREAD_BITS = 80
SPREAD_EFFORTS = (0, 3, 7)
EFFICIENCY = 0.87


def measure(quick: bool) -> list[Row]:
    numba.set_num_threads(1)
    rows = []
    for case in track(CASES, "cases", console=log):
        n, efforts = (4, (0, 3)) if quick else (case.n, case.efforts)
        variances = SOURCES[case.source]
        normal = np.random.default_rng(len(variances)).standard_normal((n, len(variances)))
        code = composition(variances, case)
        code.encode(normal[:1].astype(np.float32), case.bits)  # compiles
        facts = {"source": case.source, "m": case.lcg.m, "shuffle": case.shuffle}
        facts |= {"blocks": case.blocks, "spread": 0.0}
        for effort in efforts:
            rows.append({**facts, **coded(code, variances, normal, case.bits, effort)})
    for spread in (0.0, 0.25, 0.5):
        rows += [with_spread(spread, 8 if quick else 128, effort) for effort in SPREAD_EFFORTS]
    return rows


def composition(variances: NDArray[np.float64], case: Case) -> Composition:
    units = np.maximum(1, np.rint(variances / variances.max() * UNIT)).astype(np.int64)
    whole = case.blocks * (1 + case.lcg.bits)  # a schedule of several blocks has whole rounds
    bits = case.bits if case.blocks == 1 else -(-case.bits // whole) * whole
    schedule = Schedule(units, ideal_levels(variances, bits, EFFICIENCY))
    return Composition(case.lcg, schedule, shuffle=case.shuffle, blocks=case.blocks)


def coded(
    code: Composition,
    variances: NDArray[np.float64],
    latents: NDArray[np.float64],
    bits: int,
    effort: int,
) -> Row:
    """Error and time of coding unit-variance latents (n, d)."""
    start = time.perf_counter()
    symbols = code.encode(latents.astype(np.float32), bits, effort)
    seconds = time.perf_counter() - start
    left = share_left(code.decode(symbols, bits), latents, variances)
    return {
        "bits": bits,
        "effort": effort,
        "beam": BEAMS[effort],
        "db": float(10 * np.log10(left)),
        "efficiency": shannon_rate(variances, left, bits) / bits,
        "ms": seconds / len(latents) * 1e3,
    }


def with_spread(spread: float, n: int, effort: int) -> Row:
    """Vectors whose energy varies, coded as they are and with their energy known."""
    source = "exp(-i/20), d=128"
    variances = SOURCES[source]
    code = composition(variances, Case(source, SPREAD_BITS))
    rng = np.random.default_rng(1)
    z = rng.standard_normal((n, len(variances)))
    z *= np.exp(spread * rng.standard_normal((n, 1)) - spread**2)  # of mean energy 1
    row = coded(code, variances, z, SPREAD_BITS, effort)
    gain = np.sqrt(z**2 @ variances / variances.sum())[:, None]
    unit = (z / gain).astype(np.float32)
    out = code.decode(code.encode(unit, SPREAD_BITS, effort), SPREAD_BITS) * gain
    known = float(10 * np.log10(share_left(out, z, variances)))
    facts = {"source": source, "m": LCG.m, "shuffle": True, "blocks": 1, "spread": spread}
    return {**facts, **row, "efficiency": None, "known": known}


def share_left(
    out: NDArray[np.floating], latents: NDArray[np.float64], variances: NDArray[np.float64]
) -> float:
    """Squared error as a share of the energy of the latents."""
    error, energy = (np.square(x) @ variances for x in (out - latents, latents))
    return float(error.sum() / energy.sum())


def shannon_rate(variances: NDArray[np.float64], left: float, bits: int) -> float:
    """The rate of R(D) at which `left` of the energy is left, at most `bits`."""
    points = curve(variances, np.linspace(0, bits, 2001).tolist())
    logs = [np.log(point["mse"] / variances.mean()) for point in points]
    return float(np.interp(-np.log(left), -np.array(logs), [point["bits"] for point in points]))


def draw(axes: Axes, rows: list[Row]) -> None:
    for case in CASES[:PLOTTED]:
        line = [
            row
            for row in rows
            if row["efficiency"] is not None
            and (row["source"], row["bits"], row["shuffle"], row["m"])
            == (case.source, case.bits, case.shuffle, case.lcg.m)
        ]
        points = [row["ms"] for row in line], [row["efficiency"] for row in line]
        colour = f"C{list(SOURCES).index(case.source) * 2 + BUDGETS.index(case.bits)}"
        label = f"{case.source}, {case.bits} bits" if case.shuffle else None
        axes.semilogx(*points, "o-" if case.shuffle else "o--", color=colour, label=label)
    axes.set_xlabel("milliseconds a latent vector, one thread")
    axes.set_ylabel("efficiency: Shannon's rate / bits spent")
    axes.set_title("Composition: beams of 1, 2, 4, 8, 24; dashed: one order for all atoms")
    axes.legend(fontsize="small")


if __name__ == "__main__":
    columns = {"source": "", "m": "d", "shuffle": "", "blocks": "d", "spread": ".2f"}
    columns |= {"bits": "d", "effort": "d", "beam": "d"}
    columns |= {"db": ".2f", "known": ".2f", "efficiency": ".3f", "ms": ".1f"}
    run(__file__, __doc__, measure, columns, draw, libraries=("numba",))
