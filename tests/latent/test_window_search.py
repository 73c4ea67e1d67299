"""The search kernel against numpy, on small integers: every sum is exact and ties abound."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from pseudocodec.latent.search import (
    BLOCK,
    CHUNKS,
    EXCLUDED,
    best_windows,
    by_position,
    chunk_bounds,
    chunk_winners,
    correlate,
    gains_at,
    lay_out,
    windows_at,
)

SHAPES = [  # windows along the line, taps, targets
    (1, 1, 1),
    (5, 3, 2),
    (BLOCK, 4, 4),
    (BLOCK + 1, 7, 5),
    (2500, 13, 3),
    (CHUNKS * BLOCK + 5, 6, 9),
]


def problem(count, taps, targets, excluded=0.0):
    rng = np.random.default_rng(count + taps)
    line = rng.integers(-3, 4, count + taps - 1).astype(np.float32)
    energy = rng.integers(0, 20, count).astype(np.float32)
    energy[rng.random(count) < excluded] = EXCLUDED
    energy[0] = 3  # one at least is allowed
    wanted = rng.integers(-4, 5, (targets, taps)).astype(np.float32)
    return line, by_position(energy, EXCLUDED), wanted


def scores(line, energy, wanted):
    """Of every target at every position."""
    windows = sliding_window_view(line.astype(np.float64), wanted.shape[1])
    place = by_position(np.arange(len(windows)), 0)
    return 2 * np.abs(wanted @ windows.T)[:, place] - energy


@pytest.mark.parametrize("shape", SHAPES)
def test_every_window_has_one_position(shape):
    line, energy, _ = problem(*shape)
    windows = sliding_window_view(line, shape[1])
    place = by_position(np.arange(shape[0]), -1)
    assert len(place) == len(energy)
    assert len(place) % BLOCK == 0
    assert sorted(place[place >= 0].tolist()) == list(range(shape[0]))
    found = windows_at(lay_out(line, shape[1]), np.flatnonzero(place >= 0), shape[1])
    assert np.array_equal(found, windows[place[place >= 0]])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("excluded", [0.0, 0.7])
def test_best_windows_is_the_first_maximum(shape, excluded):
    line, energy, wanted = problem(*shape, excluded)
    positions, gains = best_windows(lay_out(line, shape[1]), energy, wanted)
    expected = scores(line, energy, wanted)
    assert np.array_equal(positions, expected.argmax(axis=1))
    assert np.array_equal(gains, expected.max(axis=1))


def test_excluded_positions_are_not_chosen():
    line = np.array([9, 1, 9], np.float32)
    energy = by_position(np.array([EXCLUDED, 0, EXCLUDED], np.float32), EXCLUDED)
    positions, gains = best_windows(lay_out(line, 1), energy, np.ones((1, 1), np.float32))
    assert positions.tolist() == np.flatnonzero(energy == 0).tolist()
    assert gains.tolist() == [2.0]


@pytest.mark.parametrize("blocks", [1, CHUNKS - 1, CHUNKS, CHUNKS + 1, 5 * CHUNKS - 1])
def test_chunks_are_whole_blocks_of_nearly_equal_number(blocks):
    bounds = chunk_bounds(blocks * BLOCK)
    assert (bounds[0], bounds[-1]) == (0, blocks * BLOCK)
    lengths = np.diff(bounds)
    assert len(lengths) == min(blocks, CHUNKS)
    assert not np.any(lengths % BLOCK)
    assert lengths.max() - lengths.min() <= BLOCK


def test_each_chunk_offers_its_best():
    line, energy, wanted = problem(CHUNKS * BLOCK + 5, 6, 9)
    positions, gains = chunk_winners(lay_out(line, 6), energy, wanted)
    expected = scores(line, energy, wanted)
    bounds = chunk_bounds(len(energy))
    assert positions.shape == gains.shape == (9, CHUNKS)
    for column, (start, end) in enumerate(pairwise(bounds)):
        part = expected[:, start:end]
        assert np.array_equal(positions[:, column], start + part.argmax(axis=1))
        assert np.array_equal(gains[:, column], part.max(axis=1))


@pytest.mark.parametrize("shape", SHAPES)
def test_correlate_is_the_sliding_correlation(shape):
    line, energy, wanted = problem(*shape)
    found = correlate(lay_out(line, shape[1]), wanted[0], len(energy))
    place = by_position(np.arange(shape[0]), -1)
    expected = sliding_window_view(line, shape[1]) @ wanted[0]
    assert np.array_equal(found[place >= 0], expected[place[place >= 0]])


@pytest.mark.parametrize("taps", [1, 3, 4, 37, 100])
def test_gains_do_not_depend_on_the_batch_nor_on_the_kernel(taps):
    rng = np.random.default_rng(taps)
    values = lay_out(rng.standard_normal(5000 + taps - 1).astype(np.float32), taps)
    energy = by_position(rng.standard_normal(5000).astype(np.float32), EXCLUDED)
    targets = rng.standard_normal((9, taps)).astype(np.float32)
    positions, gains = chunk_winners(values, energy, targets)
    for rows in (slice(0, 1), slice(2, 4), slice(4, 7), slice(7, 9)):
        part = chunk_winners(values, energy, targets[rows])
        assert np.array_equal(part[0], positions[rows])
        assert np.array_equal(part[1], gains[rows])
    every = np.arange(len(energy))
    bounds = chunk_bounds(len(energy))[:-1]
    for row, (place, gain) in enumerate(zip(positions, gains, strict=True)):
        alone = gains_at(values, energy, targets, np.full(len(every), row), every)
        assert np.array_equal(alone[place], gain)  # bit for bit
        assert np.array_equal(np.maximum.reduceat(alone, bounds), gain)


def test_a_layout_for_longer_windows_changes_nothing():
    line, energy, wanted = problem(2500, 13, 3)
    short = best_windows(lay_out(line, 13), energy, wanted)
    long = best_windows(
        lay_out(np.concatenate([line, np.ones(187, np.float32)]), 200), energy, wanted
    )
    assert np.array_equal(short, long)
