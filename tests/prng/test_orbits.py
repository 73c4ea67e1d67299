import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.prng import THESIS, Lcg, decompose
from pseudocodec.prng.orbits import MAX_ORBIT_MODULUS


def assert_every_seed_has_its_window(lcg: Lcg, length: int) -> None:
    values, seeds = decompose(lcg).windows(length)
    assert (values.dtype, seeds.dtype) == (np.uint32, np.int64)
    assert len(values) == len(seeds) + length - 1
    positions = np.flatnonzero(seeds >= 0)
    assert np.array_equal(np.sort(seeds[positions]), np.arange(lcg.m))
    windows = np.lib.stride_tricks.sliding_window_view(values, length)[positions]
    assert np.array_equal(windows, lcg.sequence(seeds[positions], length))


@pytest.mark.parametrize("name", THESIS)
def test_windows_of_the_thesis_generators(name: str) -> None:
    assert_every_seed_has_its_window(THESIS[name], 25)


@st.composite
def small_lcgs(draw: st.DrawFn) -> Lcg:
    m = draw(st.integers(2, 300))
    return Lcg(a=draw(st.integers(1, m - 1)), c=draw(st.integers(0, m - 1)), m=m)


@given(small_lcgs(), st.integers(1, 12) | st.just(700))
def test_windows_of_any_generator(lcg: Lcg, length: int) -> None:
    assert_every_seed_has_its_window(lcg, length)


@given(small_lcgs())
def test_paths_are_runs_of_successive_states(lcg: Lcg) -> None:
    orbits = decompose(lcg)
    assert np.array_equal(np.sort(orbits.order), np.arange(lcg.m))
    assert orbits.lengths.sum() == lcg.m
    successor = lcg.jump(orbits.order, 1)
    inside = np.ones(lcg.m, bool)
    inside[orbits.starts + orbits.lengths - 1] = False
    assert np.array_equal(successor[inside], np.roll(orbits.order, -1)[inside])


@given(small_lcgs())
def test_cycles_close_and_open_at_their_smallest_state(lcg: Lcg) -> None:
    orbits = decompose(lcg)
    paths = np.split(orbits.order, orbits.starts[1:])
    cycles, tails = paths[: orbits.cycles], paths[orbits.cycles :]
    assert all(lcg.jump(cycle[-1:], 1) == cycle[0] == cycle.min() for cycle in cycles)
    assert [cycle[0] for cycle in cycles] == sorted(cycle[0] for cycle in cycles)
    without_predecessor = set(range(lcg.m)) - set(lcg.jump(np.arange(lcg.m), 1).tolist())
    assert [tail[0] for tail in tails] == sorted(without_predecessor)
    assert lcg.invertible == (not tails)


def test_orbits_of_524287() -> None:
    orbits = decompose(THESIS["lcg-524287"])
    assert orbits.lengths.tolist() == [524286, 1]
    fixed = orbits.order[-1:]
    assert orbits.lcg.jump(fixed, 1) == fixed


def test_orbits_of_29282() -> None:
    assert decompose(THESIS["lcg-29282"]).lengths.tolist() == [29282]


def test_orbits_of_5101() -> None:
    assert decompose(THESIS["lcg-5101"]).lengths.tolist() == [5100, 1]


def test_generator_with_tails() -> None:
    # x' = 2x mod 8: 0 is fixed, 1 -> 2 -> 4 -> 0, 3 -> 6 -> 4, 5 -> 2, 7 -> 6
    orbits = decompose(Lcg(a=2, c=0, m=8))
    assert orbits.order.tolist() == [0, 1, 2, 4, 3, 6, 5, 7]
    assert orbits.starts.tolist() == [0, 1, 4, 6, 7]
    assert orbits.cycles == 1
    values, seeds = orbits.windows(2)
    assert values.tolist() == [0, 0, 1, 2, 4, 0, 3, 6, 4, 5, 2, 7, 6]
    assert seeds.tolist() == [0, -1, 1, 2, 4, -1, 3, 6, -1, 5, -1, 7]


def test_modulus_too_large() -> None:
    with pytest.raises(TooLarge, match="m = 16777217"):
        decompose(Lcg(a=1, c=1, m=MAX_ORBIT_MODULUS + 1))


def test_windows_too_long() -> None:
    with pytest.raises(TooLarge, match="ask for shorter ones"):
        decompose(Lcg(a=1, c=0, m=5000)).windows(2**16)


def test_windows_of_length_zero() -> None:
    with pytest.raises(PslError, match="length 0"):
        decompose(Lcg(a=1, c=1, m=5)).windows(0)
