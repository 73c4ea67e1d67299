import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.prng import THESIS, Lcg, named
from pseudocodec.prng.lcg import MAX_JUMP, MAX_VALUES

SMALL = Lcg(a=1733, c=1627, m=5101)
KNUTH = Lcg(a=6364136223846793005, c=1442695040888963407, m=2**64)  # MMIX
PRIME = Lcg(a=2**63 + 5, c=2**64 - 60, m=2**64 - 59)


@st.composite
def lcgs(draw: st.DrawFn, max_modulus: int = 2**64) -> Lcg:
    bits = draw(st.integers(1, max_modulus.bit_length() - 1))  # small and large alike
    m = draw(st.integers(2, 2**bits) | st.just(2**bits))
    return Lcg(a=draw(st.integers(1, m - 1)), c=draw(st.integers(0, m - 1)), m=m)


def seeds_of(lcg: Lcg) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, lcg.m - 1) | st.just(lcg.m - 1), max_size=4)


def reference(lcg: Lcg, seed: int, length: int) -> list[int]:
    states = [seed]
    while len(states) < length:
        states.append((lcg.a * states[-1] + lcg.c) % lcg.m)
    return states


@given(st.data(), lcgs(), st.integers(1, 20))
def test_sequence_is_exact_for_every_modulus(data: st.DataObject, lcg: Lcg, length: int) -> None:
    seeds = data.draw(seeds_of(lcg))
    got = lcg.sequence(seeds, length)
    assert got.dtype == np.uint64
    assert got.shape == (len(seeds), length)
    assert got.tolist() == [reference(lcg, seed, length) for seed in seeds]


@pytest.mark.parametrize("lcg", [SMALL, KNUTH, PRIME, Lcg(a=2**32 - 1, c=2**32 - 1, m=2**32)])
def test_sequence_at_the_extremes(lcg: Lcg) -> None:
    got = lcg.sequence([0, lcg.m - 1], 33)
    assert got.tolist() == [reference(lcg, 0, 33), reference(lcg, lcg.m - 1, 33)]


def test_sequence_starts_with_its_seed() -> None:
    assert SMALL.sequence([7, 5100], 1).tolist() == [[7], [5100]]


def test_documented_sequence() -> None:
    assert SMALL.sequence([7], 4).tolist() == [[7, 3556, 2167, 2702]]


@given(st.data(), lcgs(), st.integers(0, 30))
def test_jump_is_repeated_steps(data: st.DataObject, lcg: Lcg, steps: int) -> None:
    seeds = data.draw(seeds_of(lcg))
    assert lcg.jump(seeds, steps).tolist() == [reference(lcg, s, steps + 1)[-1] for s in seeds]


@given(st.data(), lcgs(), st.integers(0, MAX_JUMP))
def test_jump_back_undoes_jump(data: st.DataObject, lcg: Lcg, steps: int) -> None:
    seeds = data.draw(seeds_of(lcg))
    if lcg.invertible:
        assert lcg.jump(lcg.jump(seeds, steps), -steps).tolist() == seeds
    else:
        with pytest.raises(PslError, match="cannot step back"):
            lcg.jump(seeds, -1)


@given(st.data(), lcgs(), st.integers(0, 2**127), st.integers(0, 2**127))
def test_jumps_add_up(data: st.DataObject, lcg: Lcg, first: int, second: int) -> None:
    seeds = data.draw(seeds_of(lcg))
    assert np.array_equal(lcg.jump(lcg.jump(seeds, first), second), lcg.jump(seeds, first + second))


def test_jump_over_the_whole_period_returns() -> None:
    # Hull and Dobell (1962): full period for odd c and a = 1 mod 4
    assert KNUTH.jump([1, 2**64 - 1], 2**64).tolist() == [1, 2**64 - 1]
    assert KNUTH.jump([1], 2**63).tolist() != [1]


@given(st.data(), lcgs(max_modulus=2**50))
def test_from_interval_inverts_to_interval(data: st.DataObject, lcg: Lcg) -> None:
    states = data.draw(seeds_of(lcg))
    z = lcg.to_interval(states)
    assert np.all((z >= -1) & (z <= 1))
    assert lcg.from_interval(z).tolist() == states


@given(lcgs())
def test_interval_ends(lcg: Lcg) -> None:
    assert lcg.to_interval([0, lcg.m - 1]).tolist() == [-1, 1]
    assert lcg.from_interval([-np.inf, -1, 1, 7]).tolist() == [0, 0, lcg.m - 1, lcg.m - 1]


def test_from_interval_keeps_the_shape() -> None:
    assert SMALL.from_interval(np.zeros((2, 3))).tolist() == [[2550] * 3] * 2
    assert SMALL.from_interval(0.0) == 2550


def test_from_interval_rounds_to_the_nearest_state() -> None:
    step = 2 / 5100
    z = SMALL.to_interval([10, 10]) + np.array([-0.49, 0.49]) * step
    assert SMALL.from_interval(z).tolist() == [10, 10]


@pytest.mark.parametrize("m", [2, 3, 5101])
def test_unit_variance_over_all_states(m: int) -> None:
    z = Lcg(a=1, c=0, m=m).to_unit_variance(np.arange(m))
    assert z.mean() == pytest.approx(0, abs=1e-12)
    assert z.var() == pytest.approx(1, rel=1e-12)


def test_unit_variance_of_the_largest_modulus() -> None:
    assert KNUTH.to_unit_variance([2**64 - 1]) == pytest.approx([3**0.5])


@pytest.mark.parametrize(("m", "bits"), [(2, 1), (3, 2), (4, 2), (5, 3), (524287, 19), (2**64, 64)])
def test_bits(m: int, bits: int) -> None:
    assert Lcg(a=1, c=0, m=m).bits == bits


@pytest.mark.parametrize("name", THESIS)
def test_named(name: str) -> None:
    assert name == f"lcg-{named(name).m}"


def test_unknown_name() -> None:
    with pytest.raises(PslError, match="no LCG named 'lcg-7'; choose from lcg-5101"):
        named("lcg-7")


def test_equal_parameters_are_equal_and_hash_alike() -> None:
    assert len({SMALL, Lcg(1733, 1627, 5101), named("lcg-5101")}) == 1


@pytest.mark.parametrize(
    ("a", "c", "m", "message"),
    [
        (1, 0, 1, "m = 1 is out of range; choose it from 2 to"),
        (1, 0, 2**64 + 1, "m = 18446744073709551617 is out of range"),
        (0, 1, 10, "a = 0 is out of range; choose it from 1 to 9"),
        (10, 1, 10, "a = 10 is out of range"),
        (-1, 1, 10, "a = -1 is out of range"),
        (3, 10, 10, "c = 10 is out of range; choose it from 0 to 9"),
        (3, -1, 10, "c = -1 is out of range"),
        (3.0, 1, 10, "a = 3.0 is not an int"),
        (3, "1", 10, "c = '1' is not an int"),
        (3, 1, 10.0, "m = 10.0 is not an int"),
        (True, 1, 10, "a = True is not an int"),
    ],
)
def test_bad_parameter(a: int, c: int, m: int, message: str) -> None:
    with pytest.raises(PslError, match=message):
        Lcg(a, c, m)


@pytest.mark.parametrize("seed", [-1, 5101, 2**64, 2**200])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(PslError, match=f"{seed} is not a state of the LCG with m = 5101"):
        SMALL.sequence([seed], 2)


@pytest.mark.parametrize(
    "seeds", [[0.5], np.zeros(1), ["7"], [True], [None], [0.0, 1], [[1], [2, 3]]]
)
def test_seeds_that_are_no_integers(seeds: object) -> None:
    with pytest.raises(PslError, match="give integers"):
        SMALL.jump(seeds, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("seeds", [7, [[7]]])
def test_seeds_of_wrong_shape(seeds: object) -> None:
    with pytest.raises(PslError, match="give a one-dimensional array"):
        SMALL.sequence(seeds, 2)  # type: ignore[arg-type]


def test_length_zero() -> None:
    with pytest.raises(PslError, match="length 0"):
        SMALL.sequence([1], 0)


def test_too_many_values() -> None:
    with pytest.raises(TooLarge, match="exceed the limit"):
        SMALL.sequence([1, 2], MAX_VALUES // 2 + 1)


def test_jump_too_far() -> None:
    with pytest.raises(PslError, match="too far"):
        SMALL.jump([1], MAX_JUMP + 1)


def test_from_interval_refuses_text() -> None:
    with pytest.raises(PslError, match="do not form an array of numbers"):
        SMALL.from_interval(["a"])  # type: ignore[list-item]


def test_from_interval_refuses_nan() -> None:
    with pytest.raises(PslError, match="NaN"):
        SMALL.from_interval([0.0, float("nan")])


def test_import_brings_no_numba() -> None:
    code = "import sys, pseudocodec.prng; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
