"""The dictionary gives back every seed, and its sequence, from where it stands."""

import numpy as np
import pytest

from pseudocodec.latent.dictionary import dictionary, first_seeds
from pseudocodec.latent.search import EXCLUDED
from pseudocodec.prng import THESIS, Lcg

LCGS = [
    THESIS["lcg-5101"],
    THESIS["lcg-29282"],
    Lcg(6, 1, 64),  # all states on tails into one fixed point
    Lcg(1, 0, 50),  # fifty fixed points
    Lcg(1, 1, 2),
]


@pytest.mark.parametrize("lcg", LCGS)
def test_every_seed_has_one_window_and_it_is_its_sequence(lcg):
    book = dictionary(lcg, 9)
    every = np.setdiff1d(np.arange(book.positions), book.holes)
    seeds = book.seeds(every)
    assert sorted(seeds.tolist()) == list(range(lcg.m))
    expected = lcg.to_unit_variance(lcg.sequence(seeds, 9)).astype(np.float32)
    assert np.array_equal(book.windows(every, 9), expected)


@pytest.mark.parametrize("count", [1, 8, 200])
def test_the_first_seeds_alone(count):
    lcg = THESIS["lcg-5101"]
    book = first_seeds(lcg, count, 9)
    every = np.setdiff1d(np.arange(book.positions), book.holes)
    seeds = book.seeds(every)
    assert sorted(seeds.tolist()) == list(range(count))
    expected = lcg.to_unit_variance(lcg.sequence(seeds, 9)).astype(np.float32)
    assert np.array_equal(book.windows(every, 9), expected)


@pytest.mark.parametrize("limit", [1, 17, 5101])
def test_energy_of_the_windows_that_may_be_chosen(limit):
    lcg = THESIS["lcg-5101"]
    book = dictionary(lcg, 9)
    scales = np.linspace(2, 0.5, 7).astype(np.float32)
    energy = book.energy(scales, limit)
    allowed = np.flatnonzero(energy < EXCLUDED)
    assert sorted(book.seeds(allowed).tolist()) == list(range(limit))
    expected = np.square(book.windows(allowed, 7).astype(np.float64) * scales).sum(axis=1)
    assert np.allclose(energy[allowed], expected, rtol=1e-6)


def test_float32_tells_the_states_of_the_largest_modulus_apart():
    m = 1 << 24
    states = np.r_[np.arange(5000), m // 2 + np.arange(-2500, 2500), np.arange(m - 5000, m)]
    lcg = Lcg(5, 3, m)
    values = lcg.to_unit_variance(states).astype(np.float32)
    book = type(dictionary(LCGS[0], 1))(lcg, values, len(values), np.zeros(0, np.int64))
    assert np.array_equal(book.seeds(np.arange(len(values))), states)
