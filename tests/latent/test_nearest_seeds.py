"""The nearest of all seeds: what trying each of them finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.latent.nearest import MAX_MODULUS, nearest_seeds, searchable
from pseudocodec.prng import THESIS, Lcg, decompose

SEVERAL_ORBITS = Lcg(a=1, c=4, m=60)


def targets(count: int, dims: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-1, 1, (count, dims)).astype(np.float32)


def squared(lcg: Lcg, latents: NDArray[np.float32]) -> NDArray[np.float64]:
    """The squared distance (n, m) of each target from each seed's sequence."""
    sequences = lcg.to_interval(lcg.sequence(np.arange(lcg.m), latents.shape[1]))
    return np.square(latents[:, None].astype(float) - sequences).sum(2)


def check(lcg: Lcg, latents: NDArray[np.float32], count: int) -> None:
    found = nearest_seeds(lcg, latents, count)
    assert (found.shape, found.dtype) == ((len(latents), count), np.int64)
    distances = squared(lcg, latents)
    for row, mine in zip(found, distances, strict=True):
        assert len(set(row.tolist())) == count
        # float32 sums of 2 d values up to 4: their order may differ where distances all but agree
        np.testing.assert_allclose(mine[row], np.sort(mine)[:count], atol=1e-5)


@st.composite
def small_lcgs(draw: st.DrawFn) -> Lcg:
    m = draw(st.integers(2, 300))
    return Lcg(a=draw(st.integers(1, m - 1)), c=draw(st.integers(0, m - 1)), m=m)


@settings(max_examples=40, deadline=None)
@given(small_lcgs(), st.integers(1, 9), st.data())
def test_they_are_those_that_trying_all_finds(lcg: Lcg, dims: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, lcg.m))
    check(lcg, targets(3, dims, data.draw(st.integers(0, 99))), count)


def test_of_an_lcg_of_several_orbits() -> None:
    assert len(decompose(SEVERAL_ORBITS).lengths) > 1
    for count in (1, 7, SEVERAL_ORBITS.m):
        check(SEVERAL_ORBITS, targets(20, 5), count)


@pytest.mark.parametrize("name", ["lcg-5101", "lcg-29282"])
def test_of_the_thesis_generators(name: str) -> None:
    check(THESIS[name], targets(4, 25), 10)


def test_a_sequence_is_nearest_to_itself() -> None:
    lcg = THESIS["lcg-5101"]
    seeds = np.array([0, 1, 777, 5100])
    latents = lcg.to_interval(lcg.sequence(seeds, 8)).astype(np.float32)
    assert nearest_seeds(lcg, latents)[:, 0].tolist() == seeds.tolist()


def test_as_many_as_there_are_is_all_of_them() -> None:
    found = nearest_seeds(SEVERAL_ORBITS, targets(2, 3), SEVERAL_ORBITS.m)
    assert np.array_equal(np.sort(found), np.tile(np.arange(SEVERAL_ORBITS.m), (2, 1)))


@pytest.mark.parametrize("count", range(1, 6))
def test_equally_near_ones_come_in_the_order_of_seeds(count: int) -> None:
    """The middle of five states, then one on either side, then the ends."""
    zero = np.zeros((1, 1), np.float32)
    assert nearest_seeds(Lcg(1, 1, 5), zero, count)[0].tolist() == [2, 1, 3, 0, 4][:count]


def test_a_target_does_not_depend_on_the_others() -> None:
    lcg, latents = THESIS["lcg-5101"], targets(5, 10)
    together = nearest_seeds(lcg, latents, 3)
    alone = [nearest_seeds(lcg, row[None], 3)[0] for row in latents]
    np.testing.assert_array_equal(together, alone)


def test_no_targets_have_no_seeds() -> None:
    assert nearest_seeds(SEVERAL_ORBITS, targets(0, 4), 2).shape == (0, 2)


@pytest.mark.parametrize("count", [0, -1, 61])
def test_counts_out_of_range_are_refused(count: int) -> None:
    with pytest.raises(PslError, match=rf"count={count}: expected 1 to m = 60"):
        nearest_seeds(SEVERAL_ORBITS, targets(1, 3), count)


def test_more_seeds_than_can_be_scored_are_refused() -> None:
    large = Lcg(a=5, c=1, m=MAX_MODULUS + 1)
    assert not searchable(large)
    with pytest.raises(PslError, match="m = 16777217 are too many to score: use m <= 2"):
        nearest_seeds(large, targets(1, 3))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
def test_latents_that_are_no_numbers_are_refused(value: float) -> None:
    latents = targets(2, 3)
    latents[1, 1] = value
    with pytest.raises(PslError, match="NaN, infinite or beyond"):
        nearest_seeds(SEVERAL_ORBITS, latents)
