"""The encoder of the composition code: beam search for the atoms, joint re-fit of weights."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.dictionary import Dictionary, dictionary
from pseudocodec.latent.schedule import UNIT
from pseudocodec.latent.search import chunk_winners

if TYPE_CHECKING:
    from pseudocodec.latent.composition import Composition, Stage

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
BATCH = 256  # hypotheses searched together: their residuals stay in the cache
RIDGE = 1e-9  # of the mean energy of an atom: keeps equations of equal atoms solvable
NOTHING = 1e-30  # keeps those of atoms of zeros solvable


class _Search:
    """One stage ready to be searched: float scales and the energy of every window."""

    def __init__(self, code: Composition, stage: Stage, book: Dictionary) -> None:
        self.book, self.d = book, stage.active
        variance = (code.lcg.m**2 - 1) / 3  # of 2 x - (m - 1): scales become those of unit variance
        scales = stage.scales[: self.d] * (np.sqrt(variance) / (1 << code.shift))
        self.scales = scales.astype(np.float32)
        self.energy = book.energy(self.scales, stage.seed_limit)

    def candidates(self, residual: Floats) -> tuple[Ints, Floats]:
        """Positions and gains (n, w, chunks) of the atoms that explain residual (n, w, dims) best.

        The gain is by how much an atom, with the better sign, reduces |residual|^2.
        """
        targets = (residual[..., : self.d] * self.scales).reshape(-1, self.d)
        positions, gains = chunk_winners(self.book.values, self.energy, targets)
        shape = (*residual.shape[:2], -1)
        return positions.reshape(shape), gains.reshape(shape)

    def atoms(self, positions: Ints) -> Floats:
        """Scaled windows (..., d) at `positions` (...), positive sign."""
        out: Floats = self.book.windows(positions, self.d) * self.scales
        return out


@lru_cache(maxsize=128)
def searches_of(code: Composition, bits: int) -> tuple[_Search, ...]:
    """The stages of a payload of `bits` bits, ready to be searched; kept for the next call."""
    book = dictionary(code.lcg, code.dims)
    return tuple(_search(code, s.start, s.width, book) for s in code.stages(bits))


@lru_cache(maxsize=128)  # 2 MB a stage at m = 524287
def _search(code: Composition, start: int, width: int, book: Dictionary) -> _Search:
    return _Search(code, code.stage(start, width), book)


def compose(code: Composition, latents: Floats, bits: int, width: int) -> Ints:
    """Symbols (n, atoms) for latents (n, dims), by a beam of `width`; see `Composition.encode`."""
    searches = searches_of(code, bits)
    out = np.zeros((len(latents), len(searches)), np.int64)
    if not searches:
        return out
    deviations = np.sqrt(code.schedule.variances / UNIT).astype(np.float32)
    batch = max(1, BATCH // width)
    for start in range(0, len(latents), batch):
        part = slice(start, start + batch)
        targets = latents[part] * deviations
        positions, negative = beam(searches, targets, width)
        symbols = searches[0].book.seeds[positions] << 1 | negative
        if code.weight_bits:
            weights = _fit_weights(searches, positions, negative, targets, code.weight_bits)
            symbols = symbols << code.weight_bits | weights
        out[part] = symbols
    return out


def beam(searches: tuple[_Search, ...], targets: Floats, width: int) -> tuple[Ints, Ints]:
    """Positions and signs (1: negative), each (n, atoms), of the best hypothesis for each target.

    A hypothesis is a choice of the first atoms. All hypotheses of all targets are extended in one
    search, each by the best window of each chunk, and the `width` of least residual energy stay.
    They differ, because chunks do not overlap; the same atoms may occur in several orders, which
    count as different because the scales of the stages do. Where fewer windows may be chosen than
    there is room for, the rest hold excluded ones: their energy keeps them from being the best.
    """
    n = len(targets)
    rows = np.arange(n)[:, None]
    residual = targets[:, None]  # (n, hypotheses, dims)
    energy = np.zeros((n, 1), np.float32)  # relative to that of the target
    chosen = np.zeros((n, 1, 0), np.int64)  # 2 position + negative
    for search in searches:
        positions, gains = search.candidates(residual)
        chunks = positions.shape[2]
        scores = (energy[:, :, None] - gains).reshape(n, -1)
        best = np.argsort(scores, axis=1, kind="stable")[:, :width]
        parent = best // chunks
        position = positions.reshape(n, -1)[rows, best]
        energy = scores[rows, best]
        residual = residual[rows, parent]
        atoms = search.atoms(position)
        correlation = (residual[..., : search.d] * atoms).sum(-1)
        negative = correlation < 0
        residual[..., : search.d] -= np.where(negative[..., None], -atoms, atoms)
        symbol = (position << 1 | negative)[..., None]
        chosen = np.concatenate([chosen[rows, parent], symbol], axis=2)
    best = chosen[np.arange(n), np.argmin(energy, axis=1)]
    return best >> 1, best & 1


def _fit_weights(
    searches: tuple[_Search, ...], positions: Ints, negative: Ints, targets: Floats, bits: int
) -> Ints:
    """Weight indices (n, atoms) by least squares: each is rounded, then those after it re-fit."""
    n, stages = positions.shape
    basis = np.zeros((n, stages, targets.shape[1]))
    for k, search in enumerate(searches):
        signs = 1 - 2 * negative[:, k, None]
        basis[:, k, : search.d] = search.atoms(positions[:, k]) * signs
    # Unknowns are the weights less 1: where the equations leave them open, the ridge makes them 0.
    rest = targets.astype(np.float64) - basis.sum(axis=1)
    wanted = (basis @ rest[:, :, None])[:, :, 0]
    gram = basis @ basis.transpose(0, 2, 1)
    ridge = RIDGE * np.trace(gram, axis1=1, axis2=2) / stages + NOTHING
    gram += ridge[:, None, None] * np.eye(stages)
    unit = 1 << (bits - 1)  # weight index q stands for (q + 1) / unit
    out = np.zeros((n, stages), np.int64)
    for k in range(stages):
        weight = 1 + np.linalg.solve(gram[:, k:, k:], wanted[:, k:, None])[:, 0, 0]
        out[:, k] = np.clip(np.rint(weight * unit) - 1, 0, 2 * unit - 1)
        wanted -= gram[:, k] * ((out[:, k, None] + 1) / unit - 1)
    return out
