"""The search kernel against numpy, on small integers: every sum is exact and ties abound."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from pseudocodec.latent.search import (
    BLOCK,
    CHUNKS,
    EXCLUDED,
    best_windows,
    chunk_winners,
    correlate,
    pad_windows,
)

SHAPES = [  # positions, taps, targets
    (1, 1, 1),
    (5, 3, 2),
    (BLOCK, 4, 4),
    (BLOCK + 1, 7, 5),
    (2500, 13, 3),
    (CHUNKS * BLOCK + 5, 6, 9),
]


def problem(positions, taps, targets, excluded=0.0):
    rng = np.random.default_rng(positions + taps)
    values = rng.integers(-3, 4, positions + taps - 1).astype(np.float32)
    energy = rng.integers(0, 20, positions).astype(np.float32)
    energy[rng.random(positions) < excluded] = EXCLUDED
    wanted = rng.integers(-4, 5, (targets, taps)).astype(np.float32)
    return values, energy, wanted


def scores(values, energy, wanted):
    windows = sliding_window_view(values.astype(np.float64), wanted.shape[1])
    return 2 * np.abs(wanted @ windows.T) - energy


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("excluded", [0.0, 0.7])
def test_best_windows_is_the_first_maximum(shape, excluded):
    values, energy, wanted = problem(*shape, excluded)
    energy[0] = 3  # one at least is allowed
    positions, gains = best_windows(pad_windows(values, shape[1]), energy, wanted)
    expected = scores(values, energy, wanted)
    assert np.array_equal(positions, expected.argmax(axis=1))
    assert np.array_equal(gains, expected.max(axis=1))


def test_excluded_positions_are_not_chosen():
    values = np.array([9, 1, 9], np.float32)
    energy = np.array([EXCLUDED, 0, EXCLUDED], np.float32)
    positions, gains = best_windows(pad_windows(values, 1), energy, np.ones((1, 1), np.float32))
    assert (positions.tolist(), gains.tolist()) == ([1], [2.0])


def test_chunks_are_two_blocks_where_there_are_more_blocks_than_chunks():
    values, energy, wanted = problem(CHUNKS * BLOCK + 5, 6, 9)
    positions, gains = chunk_winners(pad_windows(values, 6), energy, wanted)
    expected = scores(values, energy, wanted)
    starts = np.arange(0, len(energy), 2 * BLOCK)
    assert positions.shape == gains.shape == (9, len(starts))
    for column, start in enumerate(starts):
        part = expected[:, start : start + 2 * BLOCK]
        assert np.array_equal(positions[:, column], start + part.argmax(axis=1))
        assert np.array_equal(gains[:, column], part.max(axis=1))


@pytest.mark.parametrize("shape", SHAPES)
def test_correlate_is_the_sliding_correlation(shape):
    values, energy, wanted = problem(*shape)
    found = correlate(pad_windows(values, shape[1]), wanted[0], len(energy))
    assert np.array_equal(found, sliding_window_view(values, shape[1]) @ wanted[0])


def test_a_longer_padding_changes_nothing():
    values, energy, wanted = problem(2500, 13, 3)
    short = best_windows(pad_windows(values, 13), energy, wanted)
    long = best_windows(pad_windows(values, 200), energy, wanted)
    assert np.array_equal(short, long)
