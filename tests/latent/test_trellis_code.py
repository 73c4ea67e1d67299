import hashlib
import math
from itertools import product

import latent_conformance as kit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent import _trellis_kernel as kernel
from pseudocodec.latent._normal import GRID, HALF, halves, quantiles
from pseudocodec.latent._trellis_layout import layout, log2
from pseudocodec.latent._trellis_values import ROWS, values
from pseudocodec.latent.schedule import UNIT, Schedule
from pseudocodec.latent.trellis import CANDIDATES, MAX_BITS, WHOLE, Trellis
from pseudocodec.prng import THESIS, Lcg

LCG = THESIS["lcg-524287"]
CODES = kit.of_kind("trellis")
GOLDEN_TABLES = "7b0bbaf5afac321f46b2cd9a6538a55f243ba3480b77b2e35b0990ba41117714"
GOLDEN_LATENTS = [
    (21, "2d01935fd5f0fd67a6916384c09d507240f733e3c8093af44b4cfb07cf8913e8"),
    (24, "0d8d9ca2211af1aec1739020966e0890bb4d531601e43798e110fcf91929efa1"),
    (96, "717afdbe27dd5859e50655096b2a199ed49f58ae98ba02241f9527896e3942d1"),
    (128, "9f88f52b9eb4a1ab18e2fbfdc8b6efaa5981647bc9625dfa0e517730836a287d"),
    (199, "976e14270612c44ad0499e62cb8650165c29e1dfb4b7b05b083b526c63511fed"),
]
every_code = pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())


# -- the normal distribution in integers -----------------------------------------------------------


def test_the_distribution_is_the_normal_one():
    density, distribution = halves()
    x = np.arange(len(density)) / GRID
    wanted = np.array([math.erf(value / math.sqrt(2)) for value in x])
    assert np.abs(distribution / HALF - wanted).max() < 1e-8
    tail = np.array([math.erfc(value / math.sqrt(2)) for value in x[: 5 * GRID]])
    assert np.abs((HALF - distribution[: 5 * GRID]) / HALF / tail - 1).max() < 0.01
    ratio = density * float(GRID) / HALF / np.exp(-(x**2) / 2)
    assert np.abs(ratio / math.sqrt(2 / math.pi) - 1).max() < 1e-6


@pytest.mark.parametrize("bits", [1, 2, 8, 16])
def test_quantiles_halve_what_is_left(bits):
    from statistics import NormalDist

    q = quantiles(bits)
    places = [(k + 0.5) / 2**bits for k in range(1 << bits)]
    wanted = np.array([NormalDist().inv_cdf(p) * GRID for p in places])
    assert np.abs(q - wanted).max() < 0.51
    assert np.array_equal(q, -q[::-1])


def test_golden_tables():
    """The values of the states are part of the format."""
    digest = hashlib.sha256()
    for table in (*halves(), quantiles(16), values(LCG, 5), values(LCG, 12), values(LCG, 16)):
        digest.update(table.astype("<i8").tobytes())
    assert digest.hexdigest() == GOLDEN_TABLES


def test_each_row_holds_each_quantile_once():
    table = values(LCG, 10)
    for row in table:
        assert np.array_equal(np.sort(row), quantiles(10))


def test_the_newest_three_bits_reach_every_eighth_of_the_distribution():
    table = values(LCG, 9)
    for row in table:
        strata = np.searchsorted(np.sort(row), row) >> 6
        by_history = np.sort(strata.reshape(8, 64), axis=0)
        assert (by_history == np.arange(8)[:, None]).all()


def test_rows_are_hardly_correlated():
    table = values(LCG, 12).astype(float)
    off = np.corrcoef(table) - np.eye(ROWS)
    assert np.abs(off).max() < 4 / math.sqrt(512)  # 512 histories draw their strata


# -- rates -----------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, (1 << 31) - 1), min_size=1, max_size=50))
def test_integer_logarithms(numbers):
    found = log2(np.array(numbers, np.int64)) / 65536
    assert (found <= np.log2(numbers) + 1e-12).all()
    assert (found > np.log2(numbers) - 2 / 65536).all()


def test_equal_variances_share_the_bits_evenly():
    ring = layout(kit.schedule(np.ones(32), 80), 8)
    assert np.array_equal(ring.ends, np.repeat(np.arange(1, 9), 4))
    assert len(set(ring.gains.tolist())) == 1


def test_rates_follow_reverse_water_filling():
    variances = 4.0 ** -np.arange(6)
    code = kit.schedule(variances, 40, efficiency=1.0)
    ring = layout(code, 15)
    level = code.levels[15] / UNIT
    rates = np.diff(np.concatenate([[0], ring.ends]))
    wanted = np.log2(variances[ring.active] / level) / 2
    assert np.abs(rates - wanted).max() < 1
    assert ring.ends[-1] == 15
    assert np.allclose(ring.gains**2, 1 - level / variances[ring.active])


def test_components_under_water_are_not_coded():
    code = Trellis(LCG, kit.schedule(kit.DECAYING, 60), state_bits=8)
    level = code.schedule.levels[6]
    under = code.schedule.variances <= level
    assert under.any()
    decoded = code.decode(code.encode(kit.some_latents(code, 4), 6), 6)
    assert not decoded[:, under].any()
    assert decoded[:, ~under].all()


def test_bits_that_no_component_takes_are_not_used():
    code = Trellis(LCG, Schedule(np.full(3, UNIT), np.full(9, UNIT)))
    assert [code.usable_bits(bits) for bits in range(10)] == [0] * 10
    symbols = code.encode(np.ones((2, 3), np.float32), 8)
    assert code.pack(symbols, 8) == [(b"\0", 8)] * 2
    assert not code.decode(code.unpack(b"\0", 8)[None], 8).any()
    with pytest.raises(Corrupt, match="zero padding"):
        code.unpack(b"\1", 8)


# -- decoding --------------------------------------------------------------------------------------


def plain_decode(code, path, bits):
    """The decoder as the formulas say, one Python number at a time."""
    ring, length = code.layout(bits), code.state_bits_of(bits)
    newest = min(3, length)
    out = [0.0] * code.dims
    for k, component in enumerate(ring.active.tolist()):
        state = 0
        for age in range(length):
            state += int(path[(int(ring.ends[k]) - 1 - age) % bits]) << (length - 1 - age)
        drawn = plain_value(length, newest, k % ROWS, state)
        out[component] = drawn / GRID * float(ring.gains[k])
    return np.array(out).astype(np.float32)


def plain_value(length, newest, row, state):
    def mixed(seed):
        for _ in range(row + 1):
            seed = (LCG.a * seed + LCG.c) % LCG.m
        x = (seed + row * 0x9E3779B9) % 2**32
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        return x ^ x >> 16

    def stratum(state):
        older = state % 2 ** (length - newest)
        return (state >> (length - newest)) ^ mixed(older) >> (32 - newest)

    mine = stratum(state)
    rivals = [s for s in range(2**length) if stratum(s) == mine]
    rank = sorted(rivals, key=lambda s: (mixed(s), s)).index(state)
    return int(quantiles(length)[mine * 2 ** (length - newest) + rank])


@pytest.mark.parametrize("bits", [1, 2, 3, 7, 8])
def test_decoding_is_what_the_formulas_say(bits):
    code = CODES["decaying"]
    for row in kit.some_latents(code, 2, seed=bits):
        path = code.encode(row[None], bits)
        assert np.array_equal(code.decode(path, bits)[0], plain_decode(code, path[0], bits))


def test_decoding_a_long_ring_is_what_the_formulas_say():
    code = Trellis(LCG, kit.schedule(kit.DECAYING[:5], 30), state_bits=8)
    path = code.encode(kit.some_latents(code, 1), 30)
    assert code.state_bits_of(30) == 8
    assert np.array_equal(code.decode(path, 30)[0], plain_decode(code, path[0], 30))


@pytest.mark.parametrize(("bits", "digest"), GOLDEN_LATENTS)
def test_golden_payload(bits, digest):
    """Every version decodes these payloads to these very floats."""
    variances = np.rint(np.exp(-np.arange(48) / 12) * UNIT).astype(np.int64)
    levels = (UNIT >> np.arange(0, 200) // 20).astype(np.int64)
    code = Trellis(LCG, Schedule(variances, levels), state_bits=12)
    payload = hashlib.sha256(b"golden").digest()[: -(-bits // 8)]
    payload = payload[:-1] + bytes([payload[-1] & 0xFF << (-bits % 8) & 0xFF])
    latents = code.decode(code.unpack(payload, bits)[None], bits)
    assert hashlib.sha256(latents.astype("<f4").tobytes()).hexdigest() == digest


# -- encoding --------------------------------------------------------------------------------------


def error_of(code, path, bits, z):
    weights = code.schedule.variances / UNIT
    return float(((code.decode(path, bits) - z).astype(float) ** 2 @ weights)[0])


@pytest.mark.parametrize("bits", [1, 5, 10])
def test_small_rings_are_the_best_there_are(bits):
    code = CODES["equal"]
    z = kit.some_latents(code, 1, seed=bits)
    every = np.array(list(product((0, 1), repeat=bits)), np.int64)
    least = min(error_of(code, path[None], bits, z) for path in every)
    assert error_of(code, code.encode(z, bits), bits, z) == pytest.approx(least, rel=1e-6)


def test_viterbi_finds_the_best_path_between_two_states():
    """Against all 2^9 paths of 9 bits through 16 states that begin and end in a given state."""
    rng = np.random.default_rng(3)
    length, bits, count = 4, 9, 12
    table = values(LCG, length).astype(np.float32) / GRID
    ends = np.sort(rng.integers(1, bits + 1, count))
    first = np.searchsorted(ends, np.arange(bits + 1), side="right")
    target, gains = rng.standard_normal((2, count)).astype(np.float32)
    for turn, state in ((0, 5), (4, 11)):
        cost = np.full(16, 1e30, np.float32)
        cost[state] = 0
        decisions = np.zeros((bits, 1), np.uint8)
        block = (table, first, target, gains)
        final = kernel._forward(block, (cost, np.empty_like(cost), decisions), turn, bits)
        ring = np.zeros(bits, np.uint8)
        assert kernel._trace(decisions, state, turn, ring) == state
        assert kernel._window(ring, turn, 16) == state
        errors = {
            path: ring_error(path, block, ends, length)
            for path in product((0, 1), repeat=bits)
            if kernel._window(np.array(path, np.uint8), turn, 16) == state
        }
        assert len(errors) == 2 ** (bits - length)
        assert final[state] == pytest.approx(min(errors.values()), rel=1e-5)
        assert tuple(ring.tolist()) == min(errors, key=errors.get)


def ring_error(path, block, ends, length):
    table, _, target, gains = block
    total = 0.0
    for i, end in enumerate(ends.tolist()):
        window = [path[(end - 1 - age) % len(path)] for age in range(length)]
        state = sum(bit << (length - 1 - age) for age, bit in enumerate(window))
        total += (target[i] - gains[i] * float(table[i % ROWS][state])) ** 2
    return total


@pytest.mark.parametrize("bits", [20, 50])
def test_more_effort_leaves_less(bits):
    code = CODES["equal"]
    z = kit.some_latents(code, 40, seed=1)
    errors = [
        np.square(code.decode(code.encode(z, bits, effort), bits) - z).sum()
        for effort in range(len(CANDIDATES))
    ]
    assert (np.diff(errors) <= 1e-3 * errors[0]).all()
    assert errors[-1] < errors[0]


@pytest.mark.parametrize(
    ("dims", "rate", "least"), [(100, 0.5, 0.80), (100, 2, 0.88), (48, 0.25, 0.75), (48, 1, 0.83)]
)
def test_close_to_shannons_bound(dims, rate, least):
    """Efficiency with 2^8 states: about .05 below what 2^12 reach, and far above rounding."""
    bits = int(dims * rate)
    code = Trellis(LCG, kit.schedule(np.ones(dims), bits), state_bits=8)
    z = np.random.default_rng(8).standard_normal((60, dims)).astype(np.float32)
    left = np.square(code.decode(code.encode(z, bits), bits) - z).sum() / np.square(z).sum()
    assert -math.log2(left) / 2 / rate > least


def test_latents_as_large_as_allowed_are_coded():
    code = CODES["equal"]
    z = np.full((1, 24), 1e6, np.float32)
    assert np.isfinite(code.decode(code.encode(z, 50), 50)).all()


# -- refusals --------------------------------------------------------------------------------------


@every_code
def test_symbols_that_are_no_bits_are_refused(code):
    symbols = code.encode(kit.some_latents(code, 2), code.max_bits)
    for bad in (-1, 2, 1 << 62):
        hostile = symbols.copy()
        hostile[1, 0] = bad
        with pytest.raises(Corrupt, match="expected bits"):
            code.decode(hostile, code.max_bits)
        with pytest.raises(Corrupt, match="expected bits"):
            code.pack(hostile, code.max_bits)
    for shape in (symbols[0], symbols[:, :-1], symbols.astype(float)):
        with pytest.raises(Corrupt, match="symbols: "):
            code.decode(shape, code.max_bits)


@every_code
def test_payloads_of_a_wrong_size_are_refused(code):
    bits = code.max_bits
    ((data, _),) = code.pack(code.encode(kit.some_latents(code, 1), bits), bits)
    with pytest.raises(Corrupt, match="at most"):
        code.unpack(data + bytes(1), bits + 8)
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(Corrupt, match="does not hold a path"):
            code.unpack(wrong, bits)
    with pytest.raises(Corrupt, match="does not hold a path"):
        code.unpack(data[:-1], bits, partial=True)


def test_set_bits_behind_the_path_are_refused():
    code = CODES["decaying"]
    ((data, _),) = code.pack(code.encode(kit.some_latents(code, 1), 50), 50)
    with pytest.raises(Corrupt, match="zero padding"):
        code.unpack(data[:-1] + bytes([data[-1] | 1]), 50)


@every_code
def test_a_prefix_decodes_to_nothing(code):
    assert code.usable_bits(code.max_bits, partial=True) == 0
    symbols = code.unpack(b"\xff" * 3, 24, partial=True)
    assert symbols.shape == (0,)
    assert not code.decode(symbols[None], 0).any()


@pytest.mark.parametrize("state_bits", [7, 17, 12.0, True, None])
def test_state_bits_out_of_range_are_refused(state_bits):
    with pytest.raises(PslError, match="state_bits"):
        Trellis(LCG, kit.schedule(np.ones(4), 8), state_bits=state_bits)


@pytest.mark.parametrize(
    "lcg", [THESIS["lcg-29282"], Lcg(5, 1, (1 << WHOLE) - 1), Lcg(5, 1, 1 << 33)]
)
def test_a_modulus_out_of_range_is_refused(lcg):
    with pytest.raises(PslError, match="modulus"):
        Trellis(lcg, kit.schedule(np.ones(4), 8))


def test_a_schedule_of_too_many_bits_is_refused():
    with pytest.raises(PslError, match="split the latent vector"):
        Trellis(LCG, Schedule(np.full(4, UNIT), np.full(MAX_BITS + 2, UNIT)))


def test_description():
    code = CODES["equal"]
    assert code.describe() == {"kind": "trellis", "lcg": [283471, 35899, 524287], "state_bits": 9}
    assert set(code.tables()) == {"variances", "levels"}


def test_a_long_ring_is_as_good_as_the_best_of_all_its_seams() -> None:
    """One lap behind a run-up, against a lap from each of the 256 states."""
    rng = np.random.default_rng(11)
    bits, count, length = 16 * 8, 100, 8
    ends = np.sort(rng.integers(1, bits + 1, count))
    first = np.searchsorted(ends, np.arange(bits + 1), side="right")
    table = rng.standard_normal((3, 1 << length)).astype(np.float32)
    gains = np.full(count, 0.8, np.float32)
    targets = rng.standard_normal((6, count)).astype(np.float32)
    rings = kernel.search(table, first, targets, gains, 1)
    for ring, target in zip(rings, targets, strict=True):
        block = (table, first, target, gains)
        cost, spare = np.empty((2, 1 << length), np.float32)
        work = (cost, spare, np.empty((bits, (1 << length) // 16), np.uint8))
        again = np.empty(bits, np.uint8)
        every = [kernel._best_from(block, work, s, 0, again) for s in range(1 << length)]
        mine = kernel._best_from(block, work, kernel._window(ring, 0, 1 << length), 0, again)
        assert np.array_equal(again, ring)  # closed, and the best with its seam
        assert mine <= 1.03 * min(every)
