"""The encoder of the composition code: beam search for the atoms, joint re-fit of weights."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.dictionary import Dictionary, dictionary, first_seeds
from pseudocodec.latent.schedule import UNIT
from pseudocodec.latent.search import chunk_winners

if TYPE_CHECKING:
    from pseudocodec.latent.composition import Composition, Stage

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
BATCH = 256  # hypotheses searched together: their residuals stay in the cache
CACHE = 1 << 28  # bytes of energies kept for the next call
RIDGE = 1e-9  # of the mean energy of an atom: keeps equations of equal atoms solvable
NOTHING = 1e-30  # keeps those of atoms of zeros solvable


class _Search:
    """One stage ready to be searched: float scales and the energy of every window."""

    def __init__(self, code: Composition, stage: Stage, book: Dictionary) -> None:
        self.book, self.seed_limit, self.order = book, stage.seed_limit, stage.order
        variance = (code.lcg.m**2 - 1) / 3  # of 2 x - (m - 1): scales become those of unit variance
        scales = stage.scales * (np.sqrt(variance) / (1 << code.shift))
        self.scales = scales.astype(np.float32)

    @property
    def energy(self) -> Floats:
        """The energy of the window at each position, EXCLUDED where none may be chosen."""
        return _energies.of(self)

    def candidates(self, residual: Floats) -> tuple[Ints, Floats]:
        """Positions and gains (n, w, chunks) of the atoms that explain residual (n, w, dims) best.

        The gain is by how much an atom, with the better sign, reduces |residual|^2.
        """
        targets = (residual[..., self.order] * self.scales).reshape(-1, len(self.order))
        positions, gains = chunk_winners(self.book.values, self.energy, targets)
        shape = (*residual.shape[:2], -1)
        return positions.reshape(shape), gains.reshape(shape)

    def atoms(self, positions: Ints) -> Floats:
        """Scaled windows at `positions` (...), positive sign: (..., k), of components `order`."""
        out: Floats = self.book.windows(positions, len(self.order)) * self.scales
        return out


class _Energies:
    """The energies last used, up to `limit` bytes of them: 2 MiB a stage at m = 524287."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._kept: OrderedDict[_Search, Floats] = OrderedDict()
        self._lock = Lock()

    def of(self, search: _Search) -> Floats:
        """The energy of a stage, computed unless it is kept."""
        with self._lock:
            energy = self._kept.pop(search, None)
            if energy is None:
                energy = search.book.energy(search.scales, search.seed_limit)
                self.size += energy.nbytes
            self._kept[search] = energy  # the last used stands last
            while self.size > self.limit and len(self._kept) > 1:
                self.size -= self._kept.popitem(last=False)[1].nbytes
        return energy


_energies = _Energies(CACHE)


@lru_cache(maxsize=128)
def searches_of(code: Composition, bits: int) -> tuple[_Search, ...]:
    """The stages of a payload of `bits` bits, ready to be searched; kept for the next call."""
    return tuple(_search(code, s.start, s.width) for s in code.stages(bits))


@lru_cache(maxsize=128)
def _search(code: Composition, start: int, width: int) -> _Search:
    stage, longest = code.stage(start, width), -(-code.dims // code.blocks)
    if stage.seed_limit * longest < code.lcg.m:  # a short atom: its few seeds alone are quicker
        return _Search(code, stage, first_seeds(code.lcg, stage.seed_limit, longest))
    return _Search(code, stage, dictionary(code.lcg, longest))


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
        positions, negative = np.empty((2, len(targets), len(searches)), np.int64)
        for k in range(min(code.blocks, len(searches))):  # blocks share no component
            own = slice(k, None, code.blocks)
            positions[:, own], negative[:, own] = beam(searches[own], targets, width)
        seeds = [s.book.seeds(column) for s, column in zip(searches, positions.T, strict=True)]
        symbols = np.stack(seeds, axis=1) << 1 | negative
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
        negative = (residual[..., search.order] * atoms).sum(-1) < 0
        residual[..., search.order] -= np.where(negative[..., None], -atoms, atoms)
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
        basis[:, k, search.order] = search.atoms(positions[:, k]) * signs
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
