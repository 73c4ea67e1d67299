import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pseudocodec.entropy.tables as module
from pseudocodec.entropy import TOTAL, FrequencyTable
from pseudocodec.entropy.tables import MAX_SYMBOLS
from pseudocodec.errors import PslError


def test_the_examples_of_the_documentation():
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 1 << 62), min_size=1, max_size=300).filter(any))
def test_of_gives_a_valid_table_near_the_weights(weights):
    f = FrequencyTable.of(weights).frequencies
    assert int(f.sum()) == TOTAL
    assert f.min() >= 1
    share = np.array(weights, float) / sum(weights)
    assert np.abs(f / TOTAL - share).max() <= len(weights) * 2 / TOTAL


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 1 << 40), min_size=2, max_size=200))
def test_constriction_uses_these_very_integers(weights):
    """Of f - 1 in float64 constriction makes f: a table encodes at exactly its own probabilities.

    A symbol of frequency f halves the coder's interval -log2(f / 2^24) times; the interval's size,
    before any word leaves the coder, is the exact product: size = (2^64 - 1) // 2^24 * f.
    """
    import constriction

    table = FrequencyTable.of(weights)
    for symbol, f in enumerate(table.frequencies.tolist()):
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(np.array([symbol], np.int32), table.model)
        words, (_, size) = encoder.pos()
        assert size >> (32 * words) == ((1 << 64) - 1) // TOTAL * f & ((1 << 64) - 1) >> 32 * words


def test_information_is_the_logarithm_of_the_frequency():
    table = FrequencyTable.of([1, 1, 2])
    bits = table.information(np.array([2, 0]))
    assert np.abs(bits - [1, 2]).max() < 1e-6


@pytest.mark.parametrize(
    ("frequencies", "message"),
    [
        (np.array([TOTAL - 1, 0, 1]), "frequencies from 0"),
        (np.array([TOTAL + 1, -1]), "frequencies from -1"),
        (np.array([TOTAL - 1]), "of sum"),
        (np.array([TOTAL, 1]), "of sum"),
        (np.array([1 << 62, 1 << 62, 1 << 62, 1 << 62, TOTAL]), "of sum"),
        (np.zeros(0, np.int64), "0 symbols"),
        (np.ones(MAX_SYMBOLS + 1, np.int64), "symbols, expected"),
        (np.array([[TOTAL]]), "int64 vector"),
        (np.array([TOTAL], np.int32), "int64 vector"),
        (np.array([float(TOTAL)]), "int64 vector"),
        ([TOTAL], "int64 vector"),
    ],
)
def test_a_malformed_table_is_refused(frequencies, message):
    with pytest.raises(PslError, match=message):
        FrequencyTable(frequencies)


@pytest.mark.parametrize(
    "weights", [[], [0, 0], [-1, 2], [0.5, 0.5], [[1, 2]], np.ones(MAX_SYMBOLS + 1, int)]
)
def test_malformed_weights_are_refused(weights):
    with pytest.raises(PslError, match="weights"):
        FrequencyTable.of(weights)
