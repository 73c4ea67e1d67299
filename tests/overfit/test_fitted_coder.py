"""The distribution of symbols and the range coder of fitted tiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudocodec.entropy import FrequencyTable, coder, ranges
from pseudocodec.overfit import laplace
from pseudocodec.overfit.context import Tables, code_values

TABLES = Tables(laplace.power_table(), laplace.rate_table())


@pytest.mark.parametrize("scale", [0, 17, 40, 95])
@pytest.mark.parametrize("mean", [0, 13, -300, 65536, -65536])
def test_every_symbol_has_a_share(scale: int, mean: int) -> None:
    rate = TABLES.rates[scale]
    sums = [laplace.below(v, mean, rate, TABLES.powers) for v in range(-1023, 1025)]
    assert sums[0] == 0 and sums[-1] == laplace.TOTAL
    assert np.diff(sums).min() >= 1


def test_shares_are_those_of_a_laplace_distribution() -> None:
    scale, mean = 48, 32  # a scale of 2, a mean of 1/2
    edges = np.arange(-8, 9) - 0.5
    sums = np.array(
        [laplace.below(int(v + 0.5), mean, TABLES.rates[scale], TABLES.powers) for v in edges]
    )
    d = (edges - 0.5) / 2
    expected = np.where(d < 0, np.exp(np.minimum(d, 0)) / 2, 1 - np.exp(-np.maximum(d, 0)) / 2)
    # A step of the powers' table is 0.3 %, half of it the largest error; 2047 of 2^24 are shared.
    np.testing.assert_allclose(sums / laplace.TOTAL, expected, atol=1e-3)


def test_a_target_finds_its_symbol() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        mean, rate = int(rng.integers(-70000, 70000)), TABLES.rates[rng.integers(96)]
        target = int(rng.integers(laplace.TOTAL))
        v = laplace.found(target, mean, rate, TABLES.powers)
        first = laplace.below(v, mean, rate, TABLES.powers)
        assert first <= target < laplace.below(v + 1, mean, rate, TABLES.powers)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-1023, 1023), max_size=60), st.integers(0, 95))
def test_values_come_back(values: list[int], scale: int) -> None:
    symbols = np.array(values, np.int32)
    places, sizes = (np.zeros(len(symbols), np.uint32) for _ in range(2))
    none = np.zeros(0, np.uint32)
    code_values(TABLES, symbols, scale, False, none, ranges.start_reading(none), places, sizes)
    words = ranges.words_of(ranges.encode(places, sizes))
    out, again = np.zeros_like(symbols), (np.zeros_like(places), np.zeros_like(sizes))
    code_values(TABLES, out, scale, True, words, ranges.start_reading(words), *again)
    np.testing.assert_array_equal(out, symbols)
    np.testing.assert_array_equal(again, (places, sizes))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=80), st.integers(0, 2**32))
def test_streams_are_those_of_the_other_codes(symbols: list[int], seed: int) -> None:
    """constriction's coder, cut to its shortest, gives the same bytes."""
    table = FrequencyTable.of(np.random.default_rng(seed).integers(0, 50, 5) + 1)
    expected, _ = coder.encode(np.array(symbols, np.int64), [0] * len(symbols), [table])
    sums = np.concatenate([[0], np.cumsum(table.frequencies)])
    places = sums[symbols].astype(np.uint32)
    sizes = table.frequencies[symbols].astype(np.uint32)
    assert ranges.encode(places, sizes) == expected.rstrip(b"\0")
