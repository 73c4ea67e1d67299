from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.prng.randomness import (
    mean_correlation,
    mean_cosine,
    mean_ks_p_value,
    mean_runs_z,
)

MEASURES = [mean_cosine, mean_correlation, mean_ks_p_value, mean_runs_z]
each_measure = pytest.mark.parametrize("measure", MEASURES)

# 1/1024 apart, so that no row is constant up to rounding only
varied = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 6), st.integers(3, 8)),
    elements=st.integers(-1024, 1024).map(lambda i: i / 1024),
).filter(lambda x: bool((np.ptp(x, axis=1) > 0).all()))


def pairwise(x: NDArray[np.float64]) -> float:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    products = unit @ unit.T
    return float(products[~np.eye(len(x), dtype=bool)].mean())


@given(varied)
def test_cosine_is_the_mean_over_pairs(x: NDArray[np.float64]) -> None:
    assert mean_cosine(x) == pytest.approx(pairwise(x), abs=1e-12)


@given(varied)
def test_correlation_is_the_mean_over_pairs(x: NDArray[np.float64]) -> None:
    expected = pairwise(x - x.mean(axis=1, keepdims=True))
    assert mean_correlation(x) == pytest.approx(expected, abs=1e-12)


def test_cosine_of_huge_and_tiny_values() -> None:
    assert mean_cosine([[1e300, 0.0], [1e-300, 1e-300]]) == pytest.approx(0.5**0.5)


def test_cosine_of_opposites() -> None:
    assert mean_cosine([[1.0, 2.0], [-1.0, -2.0]]) == pytest.approx(-1)


@pytest.mark.parametrize("length", [20, 100, 1000])
@pytest.mark.parametrize("shape", [0.5, 1.0, 1.2])
def test_ks_agrees_with_scipy(length: int, shape: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    x = 2 * np.random.default_rng(length).uniform(0, 1, (20, length)) ** shape - 1
    for row in x:
        exact = stats.kstest(row, stats.uniform(-1, 2).cdf, method="exact").pvalue
        assert mean_ks_p_value([row]) == pytest.approx(exact, abs=0.001)  # the documented bound


def test_ks_of_perfectly_even_values_is_one() -> None:
    assert mean_ks_p_value([(np.arange(100) + 0.5) / 50 - 1]) == 1


def test_ks_of_values_outside_the_interval_is_zero() -> None:
    assert mean_ks_p_value([np.full(100, 3.0)]) == pytest.approx(0, abs=1e-12)


def test_ks_of_uniform_values_is_a_half() -> None:
    x = np.random.default_rng(3).uniform(-1, 1, (4000, 100))
    # p is uniform on [0, 1]: standard error 0.0046
    assert mean_ks_p_value(x) == pytest.approx(0.5, abs=4 * 0.0046)


def test_runs_of_alternation() -> None:
    # 10 runs of 10 values, 5 above and 5 below: mean 6, variance 5 * 4 / 9
    assert mean_runs_z([[1.0, -1.0] * 5]) == pytest.approx(4 / (20 / 9) ** 0.5)


def test_runs_of_two_halves() -> None:
    assert mean_runs_z([[1.0] * 5 + [-1.0] * 5]) == pytest.approx(-4 / (20 / 9) ** 0.5)


def test_runs_are_counted_about_the_mean() -> None:
    # mean 3, so one value above it: 3 runs, 1 + 2 * 1 * 3 / 4 = 2.5 expected, variance 0.25
    assert mean_runs_z([[1.0, 2.0, 8.0, 1.0]]) == pytest.approx(1)


@given(varied, st.floats(0.1, 10), st.integers(-3, 3))
def test_correlation_ignores_scale_and_offset(
    x: NDArray[np.float64], scale: float, offset: int
) -> None:
    assert mean_correlation(x * scale + offset) == pytest.approx(mean_correlation(x), abs=1e-9)


@pytest.mark.parametrize("measure", [mean_correlation, mean_runs_z])
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3])
def test_constant_sequence(measure: Callable[[object], float], value: float) -> None:
    with pytest.raises(PslError, match="Sequence 1 is constant"):
        measure([[1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0], [value] * 7])


def test_zero_sequence() -> None:
    with pytest.raises(PslError, match="Sequence 0 is zero throughout"):
        mean_cosine([[0.0, 0.0], [1.0, 2.0]])


@each_measure
def test_nan(measure: Callable[[object], float]) -> None:
    with pytest.raises(PslError, match="NaN or infinity"):
        measure([[1.0, 2.0, float("nan")], [1.0, 2.0, 3.0]])


@each_measure
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (5,), (2, 3, 4)])
def test_wrong_shape(measure: Callable[[object], float], shape: tuple[int, ...]) -> None:
    with pytest.raises(PslError, match="give an array of shape"):
        measure(np.ones(shape))


@pytest.mark.parametrize("measure", [mean_cosine, mean_correlation])
def test_one_sequence_has_no_pairs(measure: Callable[[object], float]) -> None:
    with pytest.raises(PslError, match="n >= 2"):
        measure([[1.0, 2.0]])


def test_runs_of_two_values() -> None:
    with pytest.raises(PslError, match="give at least 3"):
        mean_runs_z([[1.0, 2.0]])
