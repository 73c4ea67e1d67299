"""Ways between latent vectors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pseudocodec.errors import PslError
from pseudocodec.exploration.paths import PATHS, linear, spherical

ROUNDING = 1e-6  # of float32, relative to 1: half a unit in the last place is 6e-8

vectors = arrays(np.float32, 6, elements=st.floats(-1, 1, width=32))
shares = st.floats(0, 1)


@given(vectors, vectors, shares)
def test_a_line_stays_in_the_box_and_divides_as_asked(
    a: np.ndarray, b: np.ndarray, t: float
) -> None:
    found = linear(a, b, t)
    assert np.all(np.abs(found) <= 1)
    np.testing.assert_allclose(found, a + t * (b.astype(float) - a), atol=ROUNDING)


@given(vectors, vectors)
def test_every_path_ends_at_its_ends(a: np.ndarray, b: np.ndarray) -> None:
    for path in PATHS.values():
        try:
            ends = path(a, b, 0.0), path(a, b, 1.0)
        except PslError:  # opposite vectors
            assert a @ b < 0
            continue
        np.testing.assert_allclose(ends[0], a, atol=ROUNDING)
        np.testing.assert_allclose(ends[1], b, atol=ROUNDING)


@given(vectors, shares)
def test_a_circle_keeps_the_length(a: np.ndarray, t: float) -> None:
    b = np.roll(a, 1) * np.array([1, -1, 1, 1, 1, 1], np.float32)
    length = np.linalg.norm(a)
    if length > 1e-3 and a @ b > -0.99 * length**2:
        assert np.linalg.norm(spherical(a, b, t)) == pytest.approx(length, rel=1e-3)


def test_the_middle_of_a_line_is_shorter_than_that_of_a_circle() -> None:
    a, b = np.eye(2, dtype=np.float32)
    assert np.linalg.norm(linear(a, b, 0.5)) == pytest.approx(np.sqrt(0.5))
    np.testing.assert_allclose(spherical(a, b, 0.5), [np.sqrt(0.5)] * 2, atol=ROUNDING)


def test_where_there_is_no_angle_a_circle_is_a_line() -> None:
    a, zero = np.array([3, 4], np.float32), np.zeros(2, np.float32)
    np.testing.assert_array_equal(spherical(a, 2 * a, 0.5), linear(a, 2 * a, 0.5))
    np.testing.assert_array_equal(spherical(zero, a, 0.25), a / 4)


def test_opposite_vectors_have_no_shortest_circle() -> None:
    a = np.array([3, 4], np.float32)
    with pytest.raises(PslError, match=r"opposite directions.*take the linear path"):
        spherical(a, -a, 0.5)
