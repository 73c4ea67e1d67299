"""The search in torch finds what the numba kernel finds, bit for bit."""

import numpy as np
import pytest
import torch

from pseudocodec.latent import search_torch as module
from pseudocodec.latent.dictionary import dictionary
from pseudocodec.latent.search import EXCLUDED, best_windows, by_position, chunk_winners, lay_out
from pseudocodec.latent.search_torch import TorchSearch
from pseudocodec.prng import THESIS


@pytest.mark.parametrize("precision", ["highest", "medium"])
@pytest.mark.parametrize("slab", [1 << 12, 1 << 22])
def test_seeds_and_gains_are_those_of_the_kernel(monkeypatch, slab, precision):
    monkeypatch.setattr(module, "SLAB", slab)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        book = dictionary(THESIS["lcg-29282"], 48)
        targets = np.random.default_rng(0).standard_normal((33, 48)).astype(np.float32)
        targets[5] = 0
        for limit in (book.lcg.m, 16):
            energy = book.energy(np.linspace(1.5, 0.1, 48).astype(np.float32), limit)
            search = TorchSearch(book.values, "cpu")
            for ours, theirs in (
                (chunk_winners(book.values, energy, targets), search.chunk_winners),
                (best_windows(book.values, energy, targets), search.best_windows),
            ):
                for a, b in zip(ours, theirs(energy, targets), strict=True):
                    assert a.dtype == b.dtype
                    assert np.array_equal(a, b)
        assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)


def test_of_equal_gains_the_earlier_position_is_chosen():
    rng = np.random.default_rng(1)
    line = rng.integers(-1, 2, 5004).astype(np.float32)
    energy = by_position(rng.integers(0, 2, 5000).astype(np.float32), EXCLUDED)
    targets = rng.integers(-2, 3, (7, 5)).astype(np.float32)
    values = lay_out(line, 5)
    ours = chunk_winners(values, energy, targets)
    theirs = TorchSearch(values, "cpu").chunk_winners(energy, targets)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_rounding_cannot_hide_the_best():
    """Gains of the same window in exact arithmetic, told apart by rounding alone."""
    rng = np.random.default_rng(2)
    window = rng.standard_normal(64)
    line = np.tile(window, 60)
    line = (line * (1 + 1e-7 * rng.standard_normal(len(line)))).astype(np.float32)
    energy = by_position(np.zeros(len(line) - 63, np.float32), EXCLUDED)
    targets = np.float32(window + 0.01 * rng.standard_normal((20, 64)))
    values = lay_out(line, 64)
    ours = best_windows(values, energy, targets)
    theirs = TorchSearch(values, "cpu").best_windows(energy, targets)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
