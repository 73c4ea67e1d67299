"""Sharing bits among pictures: never too many, and to those that need them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pseudocodec.allocation import INDEX_BITS, LEAST_BITS, MOST, RUNGS, allocate, ladder

shapes = st.tuples(st.integers(1, 9), st.integers(1, 6))
errors_of = shapes.flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(0, 2.0**20, width=32))
)


@given(st.integers(0, 5_000), st.integers(1, 5_000))
def test_ladders_are_lengths_on_both_sides_of_the_mean(bits: int, max_bits: int) -> None:
    rungs = ladder(bits, max_bits)
    if not rungs:
        assert bits < LEAST_BITS or bits > 0.8 * max_bits
        return
    assert LEAST_BITS <= bits <= MOST * max_bits
    steps = set(np.diff(rungs).tolist())
    assert rungs[0] <= bits < rungs[-1] <= max_bits
    assert len(steps) == 1
    step = steps.pop()
    assert step & (step - 1) == 0  # what archives of different means have in common
    assert all(rung % step == 0 for rung in rungs)


def test_the_index_has_a_code_for_every_rung() -> None:
    assert RUNGS <= 1 << INDEX_BITS


@given(errors_of, st.integers(0, 400), st.data())
def test_the_sum_is_never_exceeded(errors: np.ndarray, spare: int, data: st.DataObject) -> None:
    steps = data.draw(arrays(np.int64, errors.shape, elements=st.integers(1, 50)))
    lengths = steps.cumsum(1)
    bits = -(-int(lengths[:, 0].sum()) // len(lengths)) + spare
    chosen = allocate(errors, lengths, bits)
    rows = np.arange(len(errors))
    assert lengths[rows, chosen].sum() <= bits * len(errors)
    assert np.all(errors[rows, chosen] <= errors[:, 0])


@given(arrays(np.float32, (4, 4), elements=st.floats(0, 1_000, width=32)))
def test_no_other_choice_within_the_sum_spent_is_better(errors: np.ndarray) -> None:
    """Where the whole way down a hull was affordable, the choice is the best of all."""
    lengths = np.tile(np.array([10, 20, 30, 40]), (4, 1))
    rows = np.arange(4)
    chosen = allocate(errors, lengths, 25)
    spent = lengths[rows, chosen].sum()
    mine = errors.astype(np.float64)[rows, chosen].sum()
    for other in product(range(4), repeat=4):
        if lengths[rows, list(other)].sum() < spent:
            gap = errors.max() / 2  # the last step of the greedy way may be one too long
            assert mine <= errors.astype(np.float64)[rows, list(other)].sum() + gap


def test_bits_go_where_they_gain_most() -> None:
    lengths = np.tile(np.array([100, 200, 300]), (3, 1))
    errors = np.array([[9, 8, 7], [90, 40, 20], [1, 1, 1]], np.float32)
    assert allocate(errors, lengths, 200).tolist() == [1, 2, 0]


def test_a_step_that_gains_only_together_with_the_next_is_taken_with_it() -> None:
    lengths = np.tile(np.array([100, 200, 300]), (2, 1))
    errors = np.array([[50, 49, 0], [50, 40, 35]], np.float32)
    assert allocate(errors, lengths, 200).tolist() == [2, 0]


@pytest.mark.parametrize("columns", [1, 3])
def test_no_pictures(columns: int) -> None:
    empty = np.empty((0, columns))
    assert allocate(empty.astype(np.float32), empty.astype(np.int64), 9).shape == (0,)
