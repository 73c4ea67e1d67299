import hashlib
import math
from itertools import pairwise

import latent_conformance as kit
import numpy as np
import pytest

from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent import _compose as compose_module
from pseudocodec.latent._compose import _fit_weights, searches_of
from pseudocodec.latent.composition import SHORTEST, Composition
from pseudocodec.latent.schedule import UNIT
from pseudocodec.latent.shuffle import shuffled
from pseudocodec.prng import THESIS, Lcg

COMPOSITIONS = {name: code for name, code in kit.CODES.items() if code.kind == "composition"}
every_composition = pytest.mark.parametrize("name", COMPOSITIONS)


def plain_decode(code: Composition, symbols: list[int], bits: int) -> list[float]:
    """The definition, in Python's integers and floats."""
    lcg, w = code.lcg, code.weight_bits
    totals, start = [0] * code.dims, 0
    unit = math.sqrt(3.0 / (lcg.m**2 - 1)) * (1 << code.shift)
    for symbol, width in zip(symbols, code.widths(bits), strict=True):
        atom = start // code.atom_bits
        low = atom // code.blocks * code.blocks * code.atom_bits
        innovation = code.schedule.innovation(low, low + code.blocks * width).tolist()
        index, head = symbol % (1 << w), symbol >> w
        factor = (index + 1) * (-1 if head & 1 else 1)
        x = head >> 1
        own = list(range(atom % code.blocks, code.dims, code.blocks))
        while len(own) > 1 and round(math.sqrt(innovation[own[-1]]) * unit) == 0:
            own.pop()
        order = [own[j] for j in shuffled(len(own), atom)] if code.shuffle else own
        for i in order:
            totals[i] += factor * round(math.sqrt(innovation[i]) * unit) * (2 * x - (lcg.m - 1))
            x = (lcg.a * x + lcg.c) % lcg.m
        start += width
    variances = code.schedule.variances.tolist()
    return [
        t / (1 << (code.shift + max(0, w - 1))) / math.sqrt(v / UNIT)
        for t, v in zip(totals, variances, strict=True)
    ]


@every_composition
def test_decode_is_the_definition_in_integers(name):
    code = COMPOSITIONS[name]
    for bits in (code.max_bits, code.max_bits // 2, code.atom_bits + SHORTEST + 3):
        symbols = code.encode(kit.some_latents(code, 3), bits, 0)
        expected = np.array([plain_decode(code, row, bits) for row in symbols.tolist()])
        assert np.array_equal(code.decode(symbols, bits), expected.astype(np.float32))


def test_decode_of_extreme_symbols_does_not_overflow():
    lcg = Lcg(a=5, c=3, m=1 << 24)
    code = Composition(lcg, kit.schedule(np.ones(3), 64 * 33), weight_bits=8)
    symbol = (((lcg.m - 1) << 1 | 1) << 8) | 255
    symbols = np.full((1, 64), symbol)
    expected = np.array(plain_decode(code, symbols[0].tolist(), code.max_bits))
    assert np.array_equal(code.decode(symbols, code.max_bits)[0], expected.astype(np.float32))


GOLDEN = {  # payload of 64 bits, SHA-256 of the latents as little-endian float32
    "composition": (
        "352958b4876043f1",
        "f9d5c6b45e9169430d8f70d32b7746205b48dc14d44e7f3f341f64c5cb3d08d2",
    ),
    "composition, shuffled": (
        "785908e3651fe07a",
        "4cb857f430c56de90e67f56f0965e04ea0708670e6f45bb2e3afe2985bd96ec6",
    ),
    "composition, coded weights": (
        "3529ab16c8bc759d",
        "cc7bd215a49e5c725f7f755244442e8adfc128050b1e60646dd0296f52ebe2de",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_payloads_decode_to_the_same_latents_forever(name):
    code = COMPOSITIONS[name]
    payload, digest = GOLDEN[name]
    latents = code.decode(code.unpack(bytes.fromhex(payload), 64)[None], 64)
    assert hashlib.sha256(latents.astype("<f4").tobytes()).hexdigest() == digest
    # The payload describes this vector, not just any.
    wanted = np.array([[(13 * i + 5) % 17 - 8 for i in range(10)]], np.float32) / 5
    weights = np.exp(-np.arange(10) / 4)
    assert (np.square(latents - wanted) @ weights)[0] < 0.1 * (np.square(wanted) @ weights)[0]


@every_composition
def test_a_prefix_is_a_coarser_description(name):
    code = COMPOSITIONS[name]
    z = kit.some_latents(code, 64)
    symbols = code.encode(z, code.max_bits)
    payloads = code.pack(symbols, code.max_bits)
    deviations = np.sqrt(code.schedule.variances / UNIT)
    errors = []
    for atoms in range(code.max_bits // code.atom_bits + 1):
        bits = atoms * code.atom_bits + 3  # cut off inside the next atom
        usable = code.usable_bits(bits, partial=True)
        assert usable == atoms * code.atom_bits
        heads = [p[: -(-bits // 8)] for p, _ in payloads]
        rows = np.stack([code.unpack(head, bits, partial=True) for head in heads])
        assert np.array_equal(rows, symbols[:, :atoms])
        errors.append(np.square((code.decode(rows, usable) - z) * deviations).mean())
    assert all(b < a for a, b in pairwise(errors))


@pytest.mark.parametrize("name", ["composition", "composition, equal variances"])
def test_a_wider_beam_matches_better_on_average(name):
    code = COMPOSITIONS[name]
    z = kit.some_latents(code, 64)
    deviations = np.sqrt(code.schedule.variances / UNIT)

    def error(effort: int) -> float:
        out = code.decode(code.encode(z, code.max_bits, effort), code.max_bits)
        return float(np.square((out - z) * deviations).mean())

    assert error(9) < error(4) < error(0)


def test_shuffled_atoms_describe_better():
    """Eight atoms, 0.14 bits a component each: the log2(8!) bits of their order are 14 % of all."""
    d, bits = 100, 8 * 14
    z = np.random.default_rng(4).standard_normal((64, d)).astype(np.float32)
    errors = []
    for shuffle in (False, True):
        table = kit.schedule(np.ones(d), bits)
        code = Composition(THESIS["lcg-5101"], table, shuffle=shuffle)
        errors.append(np.square(code.decode(code.encode(z, bits), bits) - z).mean())
    assert np.log(errors[1]) < 1.05 * np.log(errors[0])


def test_only_a_shuffled_code_says_so():
    """Descriptions of older models stay as they are."""
    assert set(COMPOSITIONS["composition"].describe()) == {"kind", "lcg", "weight_bits"}
    assert COMPOSITIONS["composition, shuffled"].describe()["shuffle"] is True


def test_efficiency_at_524287():
    d, bits = 24, 40
    code = Composition(THESIS["lcg-524287"], kit.schedule(np.ones(d), bits, 0.87))
    z = np.random.default_rng(3).standard_normal((48, d)).astype(np.float32)
    error = np.square(code.decode(code.encode(z, bits), bits) - z).mean()
    # Shannon's D(R) is 2^(-2 bits / d); 0.8 is below the efficiency measured, and 1.15 allows for
    # the spread of the mean energy of 48 x 24 squared normal values: 3.6 standard deviations.
    assert error < 1.15 * 2 ** (-2 * 0.8 * bits / d)


def test_an_empty_payload_is_the_mean():
    code = COMPOSITIONS["composition"]
    for bits in range(SHORTEST):
        symbols = code.encode(kit.some_latents(code, 2), bits)
        assert symbols.shape == (2, 0)
        assert not code.decode(symbols, bits).any()
        assert code.pack(symbols, bits) == [(bytes(bits > 0), bits)] * 2


def test_a_short_atom_has_one_of_the_first_seeds():
    code = COMPOSITIONS["composition"]
    z = kit.some_latents(code, 40)
    symbols = code.encode(z, code.atom_bits + 5)
    assert symbols[:, 1].max() < 2**5
    assert len(np.unique(symbols[:, 1])) > 8
    with pytest.raises(Corrupt, match=r"outside 0\.\.15"):
        code.decode(symbols | [0, 32], code.atom_bits + 5)


def test_set_bits_behind_the_last_atom_are_refused():
    code = COMPOSITIONS["composition"]
    bits = code.atom_bits + 2
    assert code.usable_bits(bits) == code.atom_bits
    with pytest.raises(Corrupt, match="bits behind the last atom are not zero"):
        code.unpack(b"\0\1", bits)


def test_every_atom_within_reach_is_found_again():
    """A vector that is one atom of the first stage is described by that atom."""
    code = COMPOSITIONS["composition, equal variances"]
    bits = code.atom_bits
    symbols = np.array([[5 << 1], [77 << 1 | 1], [29281 << 1]])
    assert np.array_equal(code.encode(code.decode(symbols, bits), bits), symbols)


def test_weights_are_those_of_sequential_least_squares():
    code = COMPOSITIONS["composition, coded weights"]
    z = kit.some_latents(code, 20)
    searches = searches_of(code, 64)
    rng = np.random.default_rng(5)
    positions = np.stack([rng.choice(np.flatnonzero(s.energy < 1e9), 20) for s in searches], 1)
    negative = rng.integers(0, 2, positions.shape)
    found = _fit_weights(searches, positions, negative, z, 3)
    for i in range(len(z)):
        basis = np.zeros((len(searches), code.dims))
        for k, search in enumerate(searches):
            basis[k, search.order] = search.atoms(positions[i, k]) * (1 - 2 * negative[i, k])
        rest = z[i].astype(np.float64)
        for k in range(len(searches)):
            weight = np.linalg.lstsq(basis[k:].T, rest, rcond=None)[0][0]
            index = np.clip(np.rint(weight * 4) - 1, 0, 7)
            assert found[i, k] == index
            rest -= basis[k] * (index + 1) / 4


def test_energies_are_kept_up_to_the_limit(monkeypatch):
    code = COMPOSITIONS["composition"]
    stages = searches_of(code, code.max_bits)
    size = stages[0].energy.nbytes
    cache = compose_module._Energies(2 * size)
    found = [cache.of(stage) for stage in (*stages[:2], stages[0], stages[2])]
    assert cache.size == 2 * size
    assert found[2] is found[0]
    assert cache.of(stages[0]) is found[0]  # used later than the second: still there
    again = cache.of(stages[1])
    assert again is not found[1]
    assert np.array_equal(again, found[1])
    monkeypatch.setattr(cache, "limit", 1)  # one is kept, however large
    assert cache.of(stages[2]) is cache.of(stages[2])
    assert cache.size == size


def test_weights_of_linearly_dependent_atoms_can_be_fitted():
    code = Composition(THESIS["lcg-5101"], kit.schedule(np.ones(1), 64), weight_bits=2)
    z = np.array([[0.3], [-1.2], [0.0]], np.float32)
    assert np.abs(code.decode(code.encode(z, 64), 64) - z).max() < 0.05


def test_coded_weights_follow_the_energy_of_the_vector():
    z = 1.5 * np.random.default_rng(2).standard_normal((40, 10)).astype(np.float32)
    errors = []
    for weight_bits in (0, 3):
        code = Composition(
            THESIS["lcg-5101"], kit.schedule(np.ones(10), 64), weight_bits=weight_bits
        )
        bits = 3 * code.atom_bits
        errors.append(np.square(code.decode(code.encode(z, bits), bits) - z).mean())
    assert errors[1] < 0.8 * errors[0]


def test_parameters_out_of_range_are_refused():
    flat = kit.schedule(np.ones(4), 64)
    with pytest.raises(PslError, match="modulus"):
        Composition(Lcg(1, 1, 1 << 25), flat)
    with pytest.raises(PslError, match="weight_bits=9"):
        Composition(THESIS["lcg-5101"], flat, weight_bits=9)
    with pytest.raises(PslError, match="blocks=5, expected 1 to dims=4"):
        Composition(THESIS["lcg-5101"], flat, blocks=5)
    with pytest.raises(PslError, match="64 bits are no whole rounds of 2 atoms of 14"):
        Composition(THESIS["lcg-5101"], flat, blocks=2)
    with pytest.raises(PslError, match="more than 64 atoms"):
        Composition(THESIS["lcg-5101"], kit.schedule(np.ones(4), 64 * 14 + 1))
