"""How close each latent code comes to Shannon's bound, every bit counted.

Sources are iid of variance 1: normal; Laplace; and a mixture, normal of deviation 1/2 (in 80 of
100 cases) or 2. Efficiency is R(D) / rate: the rate at which a normal source's
R(D) = log2(1 / D) / 2 has the error that the code leaves, by the rate that the code spends. That
reference is used for all three sources; of all sources of variance 1 the normal one is the hardest
to code, so a code made for the other densities may pass 1 on them. Errors are relative to the
energy of the values coded, so that their luck does not count. Bits are those of the payloads that
`pack` writes, the nominal rate times the block; what is measured is what `unpack` and `decode`
make of them.

A schedule states how far the code gets, in one number, its assumed efficiency. It is fitted for
each row on other normal values than those coded, as a model's is on its training latents.

Rows:
- scalar, "ideal": uniform cells with centroids, and an entropy coder that spends their entropy
- scalar: the same as shipped, each block in a payload of a fixed size
- thesis: 20 atoms, each a seed of 19 bits and a weight of 32, weights re-fit by least squares
- composition, by effort; blocks of 48 and 100, its range; m = 524287, an atom of 20 bits, but for
  payloads of 25 bits m = 2^24 - 3, of which one atom fills them
- trellis, by state bits L, at the default effort
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness import Row, log, run
from pseudocodec.latent._scalar_cells import cells
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.trellis import Trellis
from pseudocodec.prng import THESIS, Lcg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Make = Callable[[Schedule], LatentCode]

LCG = THESIS["lcg-524287"]
LARGE = Lcg(6423135, 10139041, 16777213)
RATES = (0.25, 0.5, 1.0, 2.0)
BLOCKS = (48, 100, 1024)
VALUES = 100_000  # coded for each row
QUICK_VALUES = 1_000
THESIS_ATOMS, THESIS_BLOCKS = 20, 20
EFFORT, HIGHEST = 3, 9
FITTED = {  # assumed efficiencies tried
    "scalar": (0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9),
    "composition": (0.75, 0.8, 0.85, 0.9),
    "trellis": (0.75, 0.8, 0.85, 0.9, 0.95),
}
FIT_VALUES = 5_000
MAKE: dict[str, Make] = {
    "scalar": Scalar,
    "composition": partial(Composition, LCG, shuffle=True),
    **{f"trellis {L}": partial(Trellis, LCG, state_bits=L) for L in (8, 12, 16)},
}


def sample(source: str, n: int, block: int, seed: int) -> Floats:
    """`n` blocks of iid values of variance 1."""
    rng = np.random.default_rng([seed, block])
    if source == "laplace":
        return rng.laplace(0, math.sqrt(0.5), (n, block))
    values = rng.standard_normal((n, block))
    if source == "mixture":
        values *= np.where(rng.random((n, block)) < 0.8, 0.5, 2.0)
    return values


def measure(quick: bool) -> list[Row]:
    return list(_rows(quick))


def _rows(quick: bool) -> Iterator[Row]:
    values = QUICK_VALUES if quick else VALUES
    blocks = BLOCKS[:2] if quick else BLOCKS
    trellises = ["trellis 8", "trellis 12"] if quick else ["trellis 8", "trellis 12", "trellis 16"]
    for rate in RATES:
        yield ideal_scalar(rate)
    for block in blocks:
        yield from (coded("scalar", EFFORT, rate, block, values) for rate in RATES)
        if block <= 100:
            yield from (coded("composition", EFFORT, rate, block, values) for rate in RATES)
        for name in trellises:
            yield from (coded(name, EFFORT, rate, block, values) for rate in RATES)
    if not quick:
        for block in (48, 100):
            for rate in RATES:
                yield coded("composition", HIGHEST, rate, block, values)
        yield from (thesis(block) for block in BLOCKS)
    for source in ("laplace", "mixture"):
        for name in ("scalar", "composition", "trellis 12"):
            yield from (coded(name, EFFORT, rate, 100, values, source) for rate in RATES)


def coded(  # noqa: PLR0917 - what identifies a row
    name: str, effort: int, rate: float, block: int, values: int, source: str = "gaussian"
) -> Row:
    """Code blocks of a source and decode them again."""
    bits = round(rate * block)
    code = fitted(name, block, bits)
    blocks = sample(source, max(1, values // block), block, seed=1)
    start = time.perf_counter()
    symbols = code.encode(blocks.astype(np.float32), bits, effort)
    seconds = time.perf_counter() - start
    payloads = code.pack(symbols, bits)
    if any(used != bits for _, used in payloads):
        raise AssertionError(f"{name}: a payload of another size than asked for")
    again = np.stack([code.unpack(payload, bits) for payload, _ in payloads])
    error = share_left(code.decode(again, bits), blocks)
    label, _, state_bits = name.partition(" ")
    log.print(f"{source} {name} {rate} {block}")
    return {
        **row(label, effort, source, rate, block),
        "L": int(state_bits) if state_bits else None,
        "values": blocks.size,
        "bits": bits,
        "mse": error,
        "efficiency": efficiency(error, bits / block),
        "ms": seconds / len(blocks) * 1e3,
    }


def fitted(name: str, block: int, bits: int) -> LatentCode:
    """The code with the schedule that leaves least on training values, at the lowest effort."""
    blocks = sample("gaussian", max(4, FIT_VALUES // block), block, seed=0)
    variances = np.full(block, UNIT, np.int64)
    make = MAKE[name]
    if name == "composition" and bits == 1 + LARGE.bits:
        make = partial(Composition, LARGE, shuffle=True)
    best: tuple[float, LatentCode] | None = None
    for assumed in FITTED[name.partition(" ")[0]]:
        code = make(Schedule(variances, ideal_levels(np.ones(block), bits, assumed)))
        decoded = code.decode(code.encode(blocks.astype(np.float32), bits, 0), bits)
        error = share_left(decoded, blocks)
        if best is None or error < best[0]:
            best = error, code
    assert best is not None
    return best[1]


def share_left(decoded: NDArray[np.floating], blocks: Floats) -> float:
    return float(np.square(decoded - blocks).sum() / np.square(blocks).sum())


def efficiency(error: float, rate: float) -> float:
    return -math.log2(error) / 2 / rate


def row(code: str, effort: int | str, source: str, rate: float, block: int | None) -> Row:
    return {"code": code, "effort": effort, "source": source, "rate": rate, "block": block}


def ideal_scalar(rate: float) -> Row:
    """Uniform cells whose entropy is the rate: from the integrals of the normal density."""
    low, high = 0.01, 20.0
    while high - low > 1e-9:
        step = (low + high) / 2
        entropy, error = uniform_cells(step)
        low, high = (step, high) if entropy > rate else (low, step)
    ideal = {"bits": entropy, "mse": error, "efficiency": efficiency(error, entropy)}
    return {**row("scalar", "ideal", "gaussian", rate, None), **ideal}


def uniform_cells(step: float) -> tuple[float, float]:
    """Entropy and squared error of cells of a width, with centroids."""
    normal, top = NormalDist(), cells(step).top + 1
    borders = [(k - 0.5) * step for k in range(-top, top + 2)]
    mass = np.diff([normal.cdf(border) for border in borders])
    drop = -np.diff([normal.pdf(border) for border in borders])
    mass, drop = mass[mass > 0], drop[mass > 0]
    return float(-(mass * np.log2(mass)).sum()), float(1 - (drop**2 / mass).sum())


def thesis(block: int) -> Row:
    """Orthogonal matching pursuit over all windows of the orbit, weights in float32."""
    length = LCG.m - 1  # one orbit holds all states but one
    first = next(s for s in range(2) if LCG.jump([s], 1)[0] != s)
    orbit = LCG.to_unit_variance(LCG.sequence([first], length)[0])
    spectrum = np.fft.rfft(orbit)
    ring = np.concatenate([orbit, orbit[: block - 1]])
    total = np.concatenate([[0], np.cumsum(ring**2)])
    norm = np.sqrt(total[block:] - total[:-block])
    blocks = sample("gaussian", THESIS_BLOCKS, block, seed=1)
    decoded = np.stack([_pursue(z, spectrum, ring, norm) for z in blocks])
    bits = THESIS_ATOMS * (LCG.bits + 32)
    error = share_left(decoded, blocks)
    return {
        **row("thesis", 0, "gaussian", bits / block, block),
        "values": blocks.size,
        "bits": bits,
        "mse": error,
        "efficiency": efficiency(error, bits / block),
    }


def _pursue(z: Floats, spectrum: NDArray[np.complex128], ring: Floats, norm: Floats) -> Floats:
    atoms: list[Floats] = []
    residual, out = z, np.zeros_like(z)
    for _ in range(THESIS_ATOMS):
        correlation = np.fft.irfft(spectrum * np.fft.rfft(residual, len(norm)).conj(), len(norm))
        best = int(np.argmax(np.abs(correlation) / norm))
        atoms.append(ring[best : best + len(z)])
        basis = np.stack(atoms, axis=1)
        weights = np.linalg.lstsq(basis, z, rcond=None)[0].astype(np.float32)
        out = basis @ weights.astype(np.float64)
        residual = z - out
    return out


def draw(axes: Axes, rows: list[Row]) -> None:
    normal = [r for r in rows if r["source"] == "gaussian" and r["code"] != "thesis"]
    block = 100
    lines: dict[str, list[Row]] = {}
    for r in normal:
        if r["block"] in {None, block}:
            detail = f", L = {r['L']}" if r.get("L") else f", {r['effort']}"
            lines.setdefault(r["code"] + detail, []).append(r)
    for label, line in lines.items():
        axes.plot([r["rate"] for r in line], [r["efficiency"] for r in line], "o-", label=label)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(RATES, [str(rate) for rate in RATES])
    axes.set_xlabel("bits a value")
    axes.set_ylabel("efficiency: Shannon's rate / rate spent")
    axes.set_title(f"Normal source, blocks of {block} values (number: effort)")
    axes.legend(fontsize="small")


if __name__ == "__main__":
    columns = {"source": "", "code": "", "effort": "", "L": "d", "block": "d", "rate": ".2f"}
    columns |= {"values": ",", "bits": ".6g", "mse": ".4f", "efficiency": ".3f", "ms": ".2f"}
    run(__file__, __doc__, measure, columns, draw, libraries=("numba", "constriction"))
