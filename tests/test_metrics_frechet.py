"""The Fréchet distance: what is known of it, on random features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.metrics import frechet_distance

Floats = NDArray[np.float64]


@st.composite
def features(draw: st.DrawFn, sets: int = 1, fewest: int = 2) -> list[Floats]:
    """Sets of correlated rows, of one number of columns; fewer rows than columns, too."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = draw(st.integers(1, 12))
    found = []
    for _ in range(sets):
        rows = draw(st.integers(fewest, 30))
        mix = rng.normal(size=(columns, columns))
        found.append(rng.normal(size=(rows, columns)) @ mix + rng.normal(size=columns))
    return found


def exact(mean: float, deviations: list[float]) -> Floats:
    """Rows of exactly this mean in each column and these standard deviations, uncorrelated."""
    d = len(deviations)
    return mean + np.concatenate([np.eye(d), -np.eye(d)]) * deviations * np.sqrt((2 * d - 1) / 2)


@given(features())
def test_a_set_is_not_away_from_itself(sets: list[Floats]) -> None:
    (a,) = sets
    scale = np.square(a).sum()
    assert frechet_distance(a, a) <= 1e-12 * scale
    assert frechet_distance(a, a[::-1]) <= 1e-12 * scale  # their order does not matter


@given(features(sets=2))
def test_there_and_back_are_as_far(sets: list[Floats]) -> None:
    a, b = sets
    there = frechet_distance(a, b)
    assert 0 <= there == pytest.approx(frechet_distance(b, a), rel=1e-9, abs=1e-9)


@given(features(sets=2), st.integers(0, 2**32))
def test_turning_both_changes_nothing(sets: list[Floats], seed: int) -> None:
    a, b = sets
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(a.shape[1],) * 2))[0]
    expected = frechet_distance(a, b)
    assert frechet_distance(a @ turn, b @ turn) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(features(), st.floats(-10, 10))
def test_moving_a_set_costs_the_square_of_the_way(sets: list[Floats], way: float) -> None:
    (a,) = sets
    moved = frechet_distance(a, a + way)
    assert moved == pytest.approx(way**2 * a.shape[1], rel=1e-9, abs=1e-9)


@given(
    st.floats(-5, 5),
    st.integers(1, 8).flatmap(
        lambda d: st.tuples(*[st.lists(st.floats(0, 10), min_size=d, max_size=d)] * 2)
    ),
)
def test_diagonal_gaussians(mean: float, deviations: tuple[list[float], list[float]]) -> None:
    """Of them it is the squared distance of the means and of the standard deviations."""
    s, t = deviations
    expected = mean**2 * len(s) + np.square(np.subtract(s, t)).sum()
    assert frechet_distance(exact(0, s), exact(mean, t)) == pytest.approx(expected, abs=1e-9)


@pytest.fixture(scope="module")
def linalg() -> Any:
    return pytest.importorskip("scipy.linalg")


@given(features(sets=2, fewest=16))
def test_as_with_the_matrix_root_of_scipy(linalg: Any, sets: list[Floats]) -> None:
    a, b = sets
    cov_a, cov_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in sets)
    root = linalg.sqrtm(cov_a @ cov_b).real
    shift = np.square(a.mean(0) - b.mean(0)).sum()
    expected = shift + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root)
    scale = np.trace(cov_a) + np.trace(cov_b)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5, abs=1e-5 * scale)


def test_single_precision_is_widened_first() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(1e4, 1, (2, 50, 8)).astype(np.float32)
    expected = frechet_distance(a.astype(np.float64), b.astype(np.float64))
    assert frechet_distance(a, b) == expected


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4,), "f4"), ((2, 2, 2), "f4"), ((1, 3), "f4"), ((0, 3), "f4"), ((3, 0), "f4"),
     ((3, 3), "i4"), ((3, 3), "c8"), ((3, 3), "u1")],
)  # fmt: skip
def test_only_rows_of_floats(shape: tuple[int, ...], dtype: str) -> None:
    good = np.zeros((4, 3))
    with pytest.raises(PslError, match=r"^b: expected float \(n, d\) with n >= 2"):
        frechet_distance(good, np.zeros(shape, dtype))
    with pytest.raises(PslError, match=r"^a: expected float"):
        frechet_distance(np.zeros(shape, dtype), good)


def test_as_many_columns() -> None:
    with pytest.raises(PslError, match="a has 3 features a row, b 4"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 4)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_only_finite_numbers(value: float) -> None:
    bad = np.zeros((4, 3))
    bad[2, 1] = value
    with pytest.raises(PslError, match="b holds numbers that are not finite"):
        frechet_distance(np.zeros((4, 3)), bad)
