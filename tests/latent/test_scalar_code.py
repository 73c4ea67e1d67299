import hashlib
import math

import latent_conformance as kit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudocodec.entropy import TOTAL
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent._scalar_cells import MAX_LEVEL, cells
from pseudocodec.latent.scalar import MAX_BITS, MAX_DIMS, Scalar
from pseudocodec.latent.schedule import UNIT, Schedule

CODES = kit.of_kind("scalar")
GOLDEN = [
    (64, "dfdb5d60e1942743670dcd3053a21aa43191d407bf781e4aea82196e4443fa79"),
    (128, "c79920602af4a0335d553e534b1dca921c46b697aa6c78fefef68a137af36d41"),
    (199, "97deb7e52876bb9b7d13ab429c93d221143676bfce85e1186c2443f51de043eb"),
]
every_code = pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())


@pytest.mark.parametrize("step", [0.05, 0.5, 1.0, 2.5, 4.0, 30.0])
def test_cells_have_normal_probabilities_and_centroids(step):
    found = cells(step)
    k = np.arange(-found.top, found.top + 1)
    low, high = (k - 0.5) * step, (k + 0.5) * step
    low[0], high[-1] = -math.inf, math.inf
    mass = np.array([tail(a) - tail(b) for a, b in zip(low, high, strict=True)])
    # Borders are rounded to 1/4096; the smallest frequency is 1.
    assert np.abs(found.table.frequencies / TOTAL - mass).max() < 2e-4 + len(k) / TOTAL
    likely = mass > 1e-8
    means = (density(low) - density(high))[likely] / mass[likely]
    assert np.abs(found.centroids[likely] - means).max() < 0.05 * step + 1e-9
    assert (np.diff(found.centroids) >= 0).all()
    assert np.array_equal(found.centroids, -found.centroids[::-1])


def tail(x):
    return math.erfc(x / math.sqrt(2)) / 2


def density(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def test_very_fine_cells_are_bounded():
    assert cells(1e-4).top == MAX_LEVEL


def test_the_error_is_the_water_level():
    """What the docstring promises of the step, for a vector that fits."""
    for t in (0.02, 0.2, 0.5, 0.7):
        step = math.sqrt(12 * t * (1 + 1.1 * t))
        found = cells(step)
        z = np.random.default_rng(4).standard_normal(200_000)
        symbols = np.rint(z / step).clip(-found.top, found.top).astype(int) + found.top
        assert np.mean((found.centroids[symbols] - z) ** 2) == pytest.approx(t, rel=0.03)


def test_a_vector_that_fits_is_plainly_rounded():
    code = CODES["equal"]
    z = np.linspace(-0.3, 0.3, 24, dtype=np.float32)[None]
    middle = cells(code.quantiser(50).sets[0].step).top
    assert (code.encode(z, 50) == middle).all()


def test_a_vector_too_rich_loses_its_small_values_first():
    code = CODES["equal"]
    z = np.array([[3.0, -3.0, *[0.9] * 22]], np.float32)
    decoded = code.decode(code.encode(z, 30, 9), 30)[0]
    assert decoded[0] > 1
    assert decoded[1] < -1
    assert not decoded[2:].any()


def test_more_bits_leave_less():
    code = CODES["decaying"]
    z = kit.some_latents(code, 200)
    left = [np.square(code.decode(code.encode(z, b), b) - z).sum() for b in (0, 10, 20, 40, 60)]
    assert (np.diff(left) < 0).all()


@pytest.mark.parametrize(("bits", "digest"), GOLDEN)
def test_golden_payload(bits, digest):
    """Every version writes this payload for these symbols and decodes it to these floats."""
    variances = np.rint(np.exp(-np.arange(48) / 12) * UNIT).astype(np.int64)
    levels = (UNIT >> np.arange(0, 200) // 20).astype(np.int64)
    code = Scalar(Schedule(variances, levels))
    tops = code.quantiser(bits).tops
    symbols = tops + np.where(np.arange(48) % 11 == 3, 1, 0)
    ((payload, _),) = code.pack(symbols[None], bits)
    latents = code.decode(code.unpack(payload, bits)[None], bits)
    found = hashlib.sha256(payload + latents.astype("<f4").tobytes()).hexdigest()
    assert found == digest


@every_code
def test_symbols_outside_the_tables_are_refused(code):
    symbols = code.encode(kit.some_latents(code, 2), code.max_bits)
    for bad in (-1, 1 << 62):
        hostile = symbols.copy()
        hostile[1, 0] = bad
        with pytest.raises(Corrupt, match="a symbol is outside"):
            code.decode(hostile, code.max_bits)
        with pytest.raises(Corrupt, match="a symbol is outside"):
            code.pack(hostile, code.max_bits)
    for shape in (symbols[0], symbols[:, :-1], symbols.astype(float)):
        with pytest.raises(Corrupt, match="symbols: "):
            code.decode(shape, code.max_bits)


def test_symbols_that_do_not_fit_are_refused():
    code = CODES["equal"]
    symbols = 2 * code.quantiser(50).tops[None]
    with pytest.raises(PslError, match="these symbols take"):
        code.pack(symbols, 50)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=7, max_size=7))
def test_any_payload_is_refused_or_one_that_pack_writes(data):
    code = CODES["equal"]
    data = data[:6] + bytes([data[6] & 0xC0])
    try:
        symbols = code.unpack(data, 50)
    except Corrupt:
        return
    assert code.pack(symbols[None], 50) == [(data, 50)]


@every_code
def test_payloads_of_a_wrong_size_are_refused(code):
    bits = code.max_bits
    ((data, _),) = code.pack(code.encode(kit.some_latents(code, 1), bits), bits)
    with pytest.raises(Corrupt, match="at most"):
        code.unpack(data + bytes(1), bits + 8)
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(Corrupt):
            code.unpack(wrong, bits)
    with pytest.raises(Corrupt):
        code.unpack(data[:-1], bits, partial=True)


def test_set_bits_behind_the_end_are_refused():
    code = CODES["equal"]
    ((data, _),) = code.pack(code.encode(kit.some_latents(code, 1), 50), 50)
    with pytest.raises(Corrupt, match="not cut to its bits"):
        code.unpack(data[:-1] + bytes([data[-1] | 1]), 50)
    with pytest.raises(Corrupt, match="not cut to its bits"):
        code.unpack(b"\1", 0)


@every_code
def test_a_prefix_decodes_to_nothing(code):
    assert code.usable_bits(code.max_bits, partial=True) == 0
    symbols = code.unpack(b"\xff" * 3, 24, partial=True)
    assert symbols.shape == (0,)
    assert not code.decode(symbols[None], 0).any()


@pytest.mark.parametrize(("dims", "bits"), [(MAX_DIMS + 1, 8), (8, MAX_BITS + 1)])
def test_a_schedule_too_large_is_refused(dims, bits):
    with pytest.raises(PslError, match="split the latent vector"):
        Scalar(Schedule(np.full(dims, UNIT), np.full(bits + 1, UNIT)))


def test_description():
    assert CODES["equal"].describe() == {"kind": "scalar"}
    assert set(CODES["equal"].tables()) == {"variances", "levels"}
