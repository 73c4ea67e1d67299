"""Exact search of all 524,287 seeds for 100 symbols: our sliding search beside the usual ways.

All exact methods answer one question: which seed's sequence u, of unit variance, explains a target
r best as +u or -u, i.e. maximises 2 |<r, u>| - |u|^2. As an inner product that is (2 r, -1) with
(u, |u|^2) or (-u, |u|^2): FAISS gets the matrix of all sequences with their energies as one more
coordinate, and each target twice, as r and as -r. numpy and torch multiply with the matrix of
sequences, in pieces of 64 targets x 65,536 seeds, and subtract the energies.

"pseudocodec, torch" is our search in torch, made for a GPU, here on the processor.

"thesis" is the neighbourhood search of L. Monchieri (2024) in plain Python, epsilon = 50: it tries
101 of the seeds, those whose first value is near the target's, and finds the best by luck alone.

Every method has two threads, in one process, and float32; numpy's are those of its BLAS, so set
OPENBLAS_NUM_THREADS=2 on a machine of more cores. Targets are standard normal. "bytes" counts the
arrays a method keeps between calls; "same" is the share of targets whose seed is that of an
exhaustive search in float64 (rounding could make it fall below 1). "gflops" is the rate of the
multiplications and additions a matrix product needs for the answer, "share" that rate divided by
the rate of numpy's float32 product of two matrices of 2048 x 2048.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import faiss
import numba
import numpy as np
import torch
from numpy.typing import NDArray

from harness import Row, best_of, log, run
from pseudocodec.latent.dictionary import dictionary
from pseudocodec.latent.search import best_windows
from pseudocodec.latent.search_torch import TorchSearch
from pseudocodec.prng import THESIS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LCG = THESIS["lcg-524287"]
LENGTH = 100
BATCHES = (1, 64)
THREADS = 2
EPSILON = 50
PIECE = 1 << 16  # seeds a piece of the matrix products: scores of 64 targets are 16 MiB

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Method(NamedTuple):
    search: Callable[[Floats], Ints]  # targets (n, LENGTH) -> seeds (n,)
    bytes: int  # of the arrays it keeps


def pseudocodec_method() -> Method:
    book = dictionary(LCG, LENGTH)
    energy = book.energy(np.ones(LENGTH, np.float32), LCG.m)
    return Method(
        lambda r: book.seeds(best_windows(book.values, energy, r)[0]),
        book.values.nbytes + book.holes.nbytes + energy.nbytes,
    )


def sliding_torch_method() -> Method:
    book = dictionary(LCG, LENGTH)
    energy = book.energy(np.ones(LENGTH, np.float32), LCG.m)
    search = TorchSearch(book.values, "cpu")
    return Method(
        lambda r: book.seeds(search.best_windows(energy, r)[0]),
        book.values.nbytes + book.holes.nbytes + energy.nbytes,
    )


def faiss_method(windows: Floats, energy: Floats) -> Method:
    index = faiss.IndexFlatIP(LENGTH + 1)
    index.add(np.hstack([windows, energy[:, None]]))

    def search(r: Floats) -> Ints:
        ones = np.full((len(r), 1), -1, np.float32)
        both = np.vstack([np.hstack([2 * r, ones]), np.hstack([-2 * r, ones])])
        scores, seeds = index.search(both, 1)
        n = len(r)
        return np.where(scores[:n, 0] >= scores[n:, 0], seeds[:n, 0], seeds[n:, 0])

    return Method(search, index.ntotal * index.d * 4)


def numpy_method(windows: Floats, energy: Floats) -> Method:
    def search(r: Floats) -> Ints:
        best, seeds = np.full(len(r), -np.inf, np.float32), np.zeros(len(r), np.int64)
        for start in range(0, len(windows), PIECE):
            scores = r @ windows[start : start + PIECE].T
            np.abs(scores, out=scores)
            scores *= 2
            scores -= energy[start : start + PIECE]
            place = scores.argmax(axis=1)
            top = scores[np.arange(len(r)), place]
            seeds = np.where(top > best, start + place, seeds)
            best = np.maximum(top, best)
        return seeds

    return Method(search, windows.nbytes + energy.nbytes)


def torch_method(windows: Floats, energy: Floats) -> Method:
    w, e = torch.from_numpy(windows), torch.from_numpy(energy)

    def search(r: Floats) -> Ints:
        best, seeds = torch.full((len(r),), -torch.inf), torch.zeros(len(r), dtype=torch.int64)
        for start in range(0, len(w), PIECE):
            scores = torch.from_numpy(r) @ w[start : start + PIECE].T
            top, place = scores.abs_().mul_(2).sub_(e[start : start + PIECE]).max(dim=1)
            seeds = torch.where(top > best, start + place, seeds)
            best = torch.maximum(top, best)
        found: Ints = seeds.numpy()
        return found

    return Method(search, windows.nbytes + energy.nbytes)


def thesis_method() -> Method:
    half_width = 3**0.5  # of the uniform distribution of unit variance

    def nearest(r: list[float]) -> int:
        start = round((max(-1.0, min(1.0, r[0] / half_width)) + 1) / 2 * (LCG.m - 1))
        error, best = float("inf"), start
        for seed in range(max(0, start - EPSILON), min(LCG.m, start + EPSILON + 1)):
            state, total = seed, 0.0
            for value in r:
                total += (value - (state / (LCG.m - 1) * 2 - 1) * half_width) ** 2
                state = (LCG.a * state + LCG.c) % LCG.m
            if total < error:
                error, best = total, seed
        return best

    return Method(lambda r: np.array([nearest(row) for row in r.tolist()]), 0)


def measure(quick: bool) -> list[Row]:
    numba.set_num_threads(THREADS)
    torch.set_num_threads(THREADS)
    faiss.omp_set_num_threads(THREADS)
    repeats = 1 if quick else 5
    sgemm = sgemm_rate(repeats) / 1e9
    log.print(f"sgemm of numpy: {sgemm:.0f} GFLOP/s")
    return [{**row, "sgemm": sgemm, "share": share(row, sgemm)} for row in compare(repeats)]


def share(row: Row, sgemm: float) -> float | None:
    """The method's rate as a share of the machine's."""
    gflops: float | None = row["gflops"]
    return gflops and gflops / sgemm


def compare(repeats: int) -> list[Row]:
    windows = LCG.to_unit_variance(LCG.sequence(np.arange(LCG.m), LENGTH)).astype(np.float32)
    energy = np.square(windows).sum(axis=1)
    methods = {
        "pseudocodec": pseudocodec_method(),
        "pseudocodec, torch": sliding_torch_method(),
        "faiss": faiss_method(windows, energy),
        "numpy": numpy_method(windows, energy),
        "torch": torch_method(windows, energy),
        "thesis": thesis_method(),
    }
    targets = np.random.default_rng(0).standard_normal((max(BATCHES), LENGTH)).astype(np.float32)
    exact = exhaustive(windows, targets)
    rows = []
    for name, method in methods.items():
        seeds = method.search(targets)  # compiles and warms up, too
        for batch in BATCHES:
            part = targets[:batch]
            seconds = best_of(partial(method.search, part), repeats) / batch
            rate = None if name == "thesis" else 2 * LENGTH * LCG.m / seconds
            rows.append(
                {
                    "method": name,
                    "batch": batch,
                    "ms_per_target": seconds * 1e3,
                    "bytes": method.bytes,
                    "same_answer": float(np.mean(seeds == exact)),
                    "gflops": rate and rate / 1e9,
                }
            )
    return rows


def exhaustive(windows: Floats, targets: Floats) -> Ints:
    """The best seed of each target, in float64."""
    best, seeds = np.full(len(targets), -np.inf), np.zeros(len(targets), np.int64)
    for start in range(0, len(windows), PIECE):
        u = windows[start : start + PIECE].astype(np.float64)
        scores = 2 * np.abs(targets.astype(np.float64) @ u.T) - np.square(u).sum(axis=1)
        place = scores.argmax(axis=1)
        top = scores[np.arange(len(targets)), place]
        seeds = np.where(top > best, start + place, seeds)
        best = np.maximum(top, best)
    return seeds


def sgemm_rate(repeats: int) -> float:
    """Floating-point operations a second of numpy's float32 matrix product."""
    n = 2048
    a = np.ones((n, n), np.float32)
    a @ a
    return 2 * n**3 / best_of(lambda: a @ a, repeats)


def draw(axes: Axes, rows: list[Row]) -> None:
    names = list(dict.fromkeys(row["method"] for row in rows))
    for place, batch in enumerate(BATCHES):
        times = [row["ms_per_target"] for row in rows if row["batch"] == batch]
        bars = axes.bar(np.arange(len(names)) + 0.4 * place, times, 0.4, label=f"batch {batch}")
        axes.bar_label(bars, fmt="%.3g")
    axes.set_xticks(np.arange(len(names)) + 0.2, names)
    axes.set_yscale("log")
    axes.set_ylabel("milliseconds a target")
    axes.set_title("The best of 524,287 seeds for 100 symbols (thesis: of 101 seeds)")
    axes.legend()


if __name__ == "__main__":
    columns = {"method": "", "batch": "d", "ms_per_target": ".2f", "bytes": ","}
    columns |= {"same_answer": ".3f", "gflops": ".0f", "share": ".2f"}
    libraries = ("numba", "faiss-cpu", "torch")
    run(__file__, __doc__, measure, columns, draw, libraries=libraries)
