from itertools import pairwise

import numpy as np
import pytest

from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent import seed as module
from pseudocodec.latent.lattice import LatticeDecoder
from pseudocodec.latent.seed import SeedCode
from pseudocodec.prng import THESIS, Lcg

LCG = THESIS["lcg-5101"]
BITS = LCG.bits


def sequences(lcg: Lcg, dims: int) -> np.ndarray:
    return lcg.to_interval(lcg.sequence(np.arange(lcg.m), dims))


def test_a_sequence_of_the_generator_is_found_exactly():
    seeds = np.array([0, 1, 777, 5100])
    z = sequences(LCG, 8)[seeds].astype(np.float32)
    code = SeedCode(LCG, 8, epsilon=2)
    assert code.encode(z, BITS)[:, 0].tolist() == seeds.tolist()
    assert np.array_equal(code.decode(seeds[:, None], BITS), z)


@pytest.mark.parametrize("epsilon", [0, 3, 200, LCG.m])
@pytest.mark.parametrize("chunk", [1, 500, 1 << 22])
def test_the_nearest_seed_of_the_neighbourhood_and_the_lattice(monkeypatch, epsilon, chunk):
    if epsilon > 3 and chunk == 1:
        chunk = 50  # a candidate at a time would only be slow
    monkeypatch.setattr(module, "CHUNK", chunk)
    z = np.random.default_rng(0).uniform(-1, 1, (5, 6)).astype(np.float32)
    z[0, 0], z[1, 0] = -1, 1  # neighbourhoods cut off at 0 and at m - 1
    found = SeedCode(LCG, 6, epsilon).encode(z, BITS)[:, 0]
    error = np.square(sequences(LCG, 6) - z[:, None]).sum(axis=2)
    far = np.abs(np.arange(LCG.m) - LCG.from_interval(z[:, :1]).astype(int)) > epsilon
    far[np.arange(5), LatticeDecoder(LCG, 6).recover(z)] = False  # tried as well
    assert np.array_equal(found, np.where(far, np.inf, error).argmin(axis=1))


def test_of_two_equally_near_seeds_the_lower_is_chosen():
    z = np.array([[0.5], [-0.5]], np.float32)  # the states are -1, 0 and 1
    assert SeedCode(Lcg(1, 1, 3), 1, epsilon=1).encode(z, 2)[:, 0].tolist() == [1, 0]


def test_a_wider_neighbourhood_is_never_worse():
    z = np.random.default_rng(1).uniform(-1, 1, (20, 6)).astype(np.float32)
    errors = []
    for epsilon in (0, 10, 100, LCG.m):
        code = SeedCode(LCG, 6, epsilon)
        errors.append(np.square(code.decode(code.encode(z, BITS), BITS) - z).sum(axis=1))
    # decode rounds to float32: relative 2^-24 of values up to 1, six of them, squared errors < 24
    assert all(np.all(b <= a + 1e-5) for a, b in pairwise(errors))
    assert errors[-1].mean() < errors[0].mean()


def test_decoded_values_from_plain_integers():
    x, expected = 7, []
    for _ in range(9):
        expected.append(x / (LCG.m - 1) * 2 - 1)
        x = (LCG.a * x + LCG.c) % LCG.m
    found = SeedCode(LCG, 9).decode(np.array([[7]]), BITS)
    assert np.array_equal(found[0], np.array(expected).astype(np.float32))


LARGE = {
    "2^31": Lcg(a=1103515245, c=12345, m=2**31),
    "2^48": Lcg(a=0x5DEECE66D, c=11, m=2**48),
    "2^61 - 1": Lcg(a=437799614237992725, c=11, m=2**61 - 1),
    "2^64 - 59": Lcg(a=13891176665706064842, c=11, m=2**64 - 59),
    "2^64": Lcg(a=6364136223846793005, c=1442695040888963407, m=2**64),
}


@pytest.mark.parametrize("lcg", LARGE.values(), ids=LARGE.keys())
def test_seeds_of_large_moduli_come_back_from_noise(lcg):
    """Half the lattice's radius: recovery is certain, and the first value alone is hopeless."""
    rng = np.random.default_rng(7)
    seeds = np.r_[rng.integers(0, lcg.m - 1, 20, np.uint64, endpoint=True), np.uint64(lcg.m - 1)]
    code = SeedCode(lcg, 12)
    exact = lcg.to_interval(lcg.sequence(seeds, 12))
    noise = rng.standard_normal(exact.shape)
    noise *= LatticeDecoder(lcg, 12).radius / 2 / np.linalg.norm(noise, axis=1, keepdims=True)
    symbols = code.encode((exact + noise).astype(np.float32), lcg.bits)
    assert np.array_equal(symbols[:, 0].view(np.uint64), seeds)
    first = lcg.from_interval((exact + noise)[:-1, 0]).astype(float)
    assert np.abs(first - seeds[:-1]).min() > 1000  # states from the right one
    payloads = code.pack(symbols, lcg.bits)
    again = np.stack([code.unpack(data, bits) for data, bits in payloads])
    partial = np.stack([code.unpack(data, bits, partial=True) for data, bits in payloads])
    assert np.array_equal(again, symbols)
    assert np.array_equal(partial, symbols)
    assert np.array_equal(code.decode(again, lcg.bits), exact.astype(np.float32))


def test_a_symbol_is_the_64_bits_of_the_seed():
    code = SeedCode(LARGE["2^64"], 3)
    assert code.pack(np.array([[-1]]), 64) == [(b"\xff" * 8, 64)]
    assert code.unpack(b"\xff" * 8, 64).tolist() == [-1]
    assert code.decode(np.array([[-1]]), 64)[0, 0] == 1.0
    for hostile in (-1, -59):
        with pytest.raises(Corrupt, match="a seed in the payload is outside"):
            SeedCode(LARGE["2^64 - 59"], 3).decode(np.array([[hostile]]), 64)


@pytest.mark.parametrize("lcg", LARGE.values(), ids=LARGE.keys())
def test_one_value_gives_the_state_nearest_to_it(lcg):
    z = np.array([[-1.0], [-0.25], [1.0]], np.float32)
    seeds = SeedCode(lcg, 1).encode(z, lcg.bits)[:, 0].view(np.uint64)
    assert seeds.tolist() == lcg.from_interval(z[:, 0]).tolist()


def test_beyond_the_noise_limit_the_neighbourhood_still_answers():
    rng = np.random.default_rng(3)
    exact = sequences(LCG, 6)[rng.integers(0, LCG.m, 50)]
    z = (exact + rng.normal(0, 0.3, exact.shape)).astype(np.float32)
    found = SeedCode(LCG, 6, 50).encode(z, BITS)[:, 0]
    error = np.square(sequences(LCG, 6) - z[:, None]).sum(axis=2)
    lattice = LatticeDecoder(LCG, 6).recover(z)
    rows = np.arange(50)
    assert np.all(error[rows, found] <= error[rows, lattice])
    assert np.any(error[rows, found] < error[rows, lattice])


def test_a_budget_below_a_seed_is_refused():
    code = SeedCode(LCG, 4)
    z = np.zeros((1, 4), np.float32)
    for call in (lambda: code.encode(z, BITS - 1), lambda: code.pack(np.zeros((1, 1), int), 0)):
        with pytest.raises(PslError, match="a seed of this model needs 13"):
            call()
    for partial in (False, True):
        with pytest.raises(Corrupt, match="a seed of this model needs 13"):
            code.unpack(b"\0", 8, partial=partial)


def test_a_longer_payload_is_padded_and_only_a_partial_one_may_be_longer():
    code = SeedCode(LCG, 4)
    ((data, bits),) = code.pack(np.array([[5]]), 24)
    assert (data.hex(), bits) == ("002800", 24)
    assert code.unpack(data, bits, partial=True).tolist() == [5]
    with pytest.raises(Corrupt, match="has 13"):
        code.unpack(data, bits)


@pytest.mark.parametrize(
    ("lcg", "dims", "epsilon", "message"),
    [
        (LCG, 0, 1, "dims=0"),
        (LCG, 1 << 17, 1, "dims=131072"),
        (LCG, 4, -1, "epsilon=-1"),
        (LCG, 4, 1 << 25, "epsilon=33554432"),
    ],
)
def test_parameters_out_of_range_are_refused(lcg, dims, epsilon, message):
    with pytest.raises(PslError, match=message):
        SeedCode(lcg, dims, epsilon)
