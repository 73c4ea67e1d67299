"""The encoder's side of the composition code: greedy choice, choosing again, joint re-fit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.dictionary import Dictionary, dictionary
from pseudocodec.latent.search import best_windows

if TYPE_CHECKING:
    from pseudocodec.latent.composition import Composition, Stage

Floats = NDArray[np.float32]
BATCH = 256  # latents searched together: residuals and atoms stay in the cache


class _Search:
    """One stage ready to be searched: float scales and the energy of every window."""

    def __init__(self, code: Composition, stage: Stage, book: Dictionary) -> None:
        self.book, self.d = book, stage.active
        variance = (code.lcg.m**2 - 1) / 3  # of 2 x - (m - 1): scales become those of unit variance
        scales = stage.scales[: self.d] * (np.sqrt(variance) / (1 << code.shift))
        self.scales = scales.astype(np.float32)
        self.energy = book.energy(self.scales, stage.seed_limit)

    def best(self, residual: Floats) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Position and sign (n,) of the atom that reduces |residual (n, dims)| most."""
        targets = residual[:, : self.d] * self.scales
        positions, _, correlation = best_windows(self.book.values, self.energy, targets)
        return positions, np.where(correlation < 0, np.float32(-1), np.float32(1))

    def atoms(self, positions: NDArray[np.int64], signs: Floats, dims: int) -> Floats:
        """The chosen atoms (n, dims)."""
        out = np.zeros((len(positions), dims), np.float32)
        out[:, : self.d] = self.book.windows(positions, self.d) * self.scales * signs[:, None]
        return out


@lru_cache(maxsize=128)
def _searches(code: Composition, bits: int) -> tuple[_Search, ...]:
    book = dictionary(code.lcg, code.dims)
    return tuple(_search(code, s.start, s.width, book) for s in code.stages(bits))


@lru_cache(maxsize=128)  # 2 MB a stage at m = 524287
def _search(code: Composition, start: int, width: int, book: Dictionary) -> _Search:
    return _Search(code, code._stage(start, width), book)


def compose(code: Composition, latents: Floats, bits: int, sweeps: int) -> NDArray[np.int64]:
    """Symbols (n, atoms) for latents (n, dims); see `Composition.encode`."""
    searches = _searches(code, bits)
    deviations = np.sqrt(code.schedule.variances / (1 << 30)).astype(np.float32)
    out = np.zeros((len(latents), len(searches)), np.int64)
    for start in range(0, len(latents), BATCH):
        part = latents[start : start + BATCH] * deviations
        out[start : start + BATCH] = _compose_batch(code, searches, part, sweeps)
    return out


def _compose_batch(
    code: Composition, searches: tuple[_Search, ...], targets: Floats, sweeps: int
) -> NDArray[np.int64]:
    count, dims = targets.shape
    positions = np.zeros((len(searches), count), np.int64)
    signs = np.ones((len(searches), count), np.float32)
    atoms = np.zeros((len(searches), count, dims), np.float32)
    residual = targets.copy()
    for k, search in enumerate(searches):
        positions[k], signs[k] = search.best(residual)
        atoms[k] = search.atoms(positions[k], signs[k], dims)
        residual -= atoms[k]
    for _ in range(sweeps if len(searches) > 1 else 0):
        for k, search in enumerate(searches):
            # The old atom is among the candidates: choosing again never makes the match worse.
            residual += atoms[k]
            positions[k], signs[k] = search.best(residual)
            atoms[k] = search.atoms(positions[k], signs[k], dims)
            residual -= atoms[k]
    seeds = searches[0].book.seeds[positions] if searches else positions
    symbols = (seeds << 1 | (signs < 0)).T
    if code.weight_bits:
        weights = _fit_weights(atoms, targets, code.weight_bits)
        symbols = symbols << code.weight_bits | weights
    return np.ascontiguousarray(symbols)


def _fit_weights(atoms: Floats, targets: Floats, weight_bits: int) -> NDArray[np.int64]:
    """Weight indices (n, atoms) by least squares; each is rounded in turn, the later ones re-fit."""
    stages, count, _ = atoms.shape
    out = np.zeros((count, stages), np.int64)
    levels = 1 << weight_bits
    for i in range(count):
        rest = targets[i].astype(np.float64)
        basis = atoms[:, i].astype(np.float64)
        for k in range(stages):
            weight = np.linalg.lstsq(basis[k:].T, rest, rcond=None)[0][0]
            index = np.clip(np.rint((weight * levels - 1) / 2), 0, levels - 1)
            out[i, k] = int(index)
            rest -= basis[k] * (2 * index + 1) / levels
    return out
