"""Filters of a tile: exact, chosen for bits and errors, and refused when malformed."""

from __future__ import annotations

import numpy as np
import photo_models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudocodec.errors import Corrupt
from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.hyperprior._parts import split_at_length, with_length

CODE = HyperpriorCode(photo_models.finished())
DETAILED = HyperpriorCode(photo_models.detailed())
assert CODE.filters and CODE.details
FILTERS = CODE.filters
LEVELS = st.integers(0, CODE.top)
LATENTS = np.full((CODE.latents, 5, 6), 1.3, np.float32)
HYPER = np.ones((CODE.hyper, 2, 2), np.float32)


@settings(max_examples=50, deadline=None)
@given(LEVELS, st.lists(st.integers(-65535, 65535), min_size=10, max_size=10), st.booleans())
def test_what_is_coded_decodes(level: int, drawn: list[int], details: bool) -> None:
    values = np.array(drawn, np.int32)
    payload, gained = CODE.encode(LATENTS, HYPER, level)
    if details and CODE.detailed(level):
        whole = np.resize(np.float32([3, 0, -1]), (6, 5, 6))
        payload, chosen = CODE.add_details(payload, whole, level, np.full(6, 9, np.float32))
        gained = np.concatenate([gained, chosen])
    found = CODE.decode(CODE.add_filter(payload, values, level), 5, 6, level)
    np.testing.assert_array_equal(found.filter, values)
    np.testing.assert_array_equal(found.latents[: len(gained)], gained)


@pytest.mark.parametrize("level", [99, 100])
def test_they_stand_before_all_else(level: int) -> None:
    payload, _ = CODE.encode(LATENTS, HYPER, level)
    detailed, _ = DETAILED.encode(LATENTS, HYPER, level)
    assert payload == b"\0" + detailed
    values = np.arange(10, dtype=np.int32)
    stream, rest = split_at_length(CODE.add_filter(payload, values, level), "a filter")
    assert stream == FILTERS.encode(values, level)
    assert rest == detailed


def test_without_one_all_values_are_zero_and_take_a_byte() -> None:
    payload, _ = CODE.encode(LATENTS, HYPER, 7)
    none = np.zeros(10, np.int32)
    assert FILTERS.encode(none, 7) == b""
    assert CODE.add_filter(payload, none, 7) == payload
    np.testing.assert_array_equal(CODE.decode(payload, 5, 6, 7).filter, none)


def test_a_model_without_them_has_none() -> None:
    payload, _ = DETAILED.encode(LATENTS, HYPER, 7)
    assert DETAILED.decode(payload, 5, 6, 7).filter.size == 0


def cost(curvature: np.ndarray, slope: np.ndarray, values: np.ndarray, level: int) -> float:
    bits = FILTERS.tables.information(values, FILTERS.tables_of(level)).sum()
    return float(values @ curvature @ values - 2 * slope @ values + bits)


@settings(max_examples=30, deadline=None)
@given(LEVELS, st.integers(0, 1000), st.sampled_from([0.1, 1.0, 30.0]))
def test_no_value_alone_could_be_chosen_better(level: int, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    mixed = np.eye(10) + 0.1 * rng.normal(size=(10, 10))
    curvature = size * mixed @ mixed.T
    slope = size * rng.normal(0, 4, 10)
    chosen = FILTERS.choose(curvature, slope, level)
    least = cost(curvature, slope, chosen, level)
    for i in range(10):
        for other in (0, chosen[i] - 1, chosen[i] + 1):
            changed = chosen.copy()
            changed[i] = other
            assert cost(curvature, slope, changed, level) >= least - 1e-6


def test_what_does_nothing_is_not_chosen() -> None:
    assert not FILTERS.choose(np.zeros((10, 10)), np.zeros(10), 5).any()


@pytest.mark.parametrize("which", ["longer", "ones", "long length", "nothing else", "cut"])
def test_what_no_encoder_writes_is_refused(which: str) -> None:
    payload, _ = CODE.encode(LATENTS, HYPER, 300)
    good = CODE.add_filter(payload, np.arange(-5, 5, dtype=np.int32), 300)
    stream, rest = split_at_length(good, "a filter")
    bad = {
        "longer": with_length(stream + b"\0") + rest,
        "ones": with_length(b"\xff" * 9) + rest,
        "long length": b"\x80\0" + rest,
        "nothing else": with_length(stream),
        "cut": with_length(stream)[:-1],
    }[which]
    assert CODE.decode(good, 5, 6, 300).filter.any()
    with pytest.raises(Corrupt, match=r"tile|entropy coder"):
        CODE.decode(bad, 5, 6, 300)
