"""What every latent code must do; `test_latent_conformance.py` runs each check on each code."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.registry import build
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.seed import SeedCode
from pseudocodec.latent.trellis import Trellis
from pseudocodec.prng import THESIS, Lcg


def schedule(variances: NDArray[np.float64], bits: int, efficiency: float = 0.85) -> Schedule:
    units = np.rint(variances / variances.max() * UNIT).astype(np.int64)
    return Schedule(units, ideal_levels(variances, bits, efficiency))


LCG = THESIS["lcg-524287"]
DECAYING = np.exp(-np.arange(10) / 4)
CODES: dict[str, LatentCode] = {
    "composition": Composition(THESIS["lcg-5101"], schedule(DECAYING, 64)),
    "composition, equal variances": Composition(
        THESIS["lcg-29282"], schedule(np.ones(7), 50), weight_bits=0
    ),
    "composition, coded weights": Composition(
        THESIS["lcg-5101"], schedule(DECAYING, 64), weight_bits=3
    ),
    "composition, three blocks": Composition(
        THESIS["lcg-5101"], schedule(DECAYING, 84), shuffle=True, blocks=3
    ),
    "composition, shuffled": Composition(THESIS["lcg-5101"], schedule(DECAYING, 64), shuffle=True),
    "trellis, decaying": Trellis(LCG, schedule(DECAYING, 60), state_bits=8),
    "trellis, equal": Trellis(LCG, schedule(np.ones(24), 50), state_bits=9),
    "trellis, long": Trellis(LCG, schedule(np.ones(100), 70), state_bits=8),
    "scalar, decaying": Scalar(schedule(DECAYING, 60, 0.75)),
    "scalar, equal": Scalar(schedule(np.ones(24), 50, 0.75)),
    "seed": SeedCode(THESIS["lcg-5101"], 6, epsilon=20),
    "seed, large modulus": SeedCode(Lcg(a=437799614237992725, c=11, m=2**61 - 1), 6),
}


def of_kind(kind: str) -> dict[str, LatentCode]:
    """The codes of a kind, by the part of their name behind the comma."""
    return {name.split(", ")[-1]: code for name, code in CODES.items() if code.kind == kind}


def some_latents(code: LatentCode, n: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    if code.kind == "seed":
        return rng.uniform(-1, 1, (n, code.dims)).astype(np.float32)
    return rng.standard_normal((n, code.dims)).astype(np.float32)


def check_round_trip(code: LatentCode, bits: int, effort: int) -> None:
    symbols = code.encode(some_latents(code, 3), bits, effort)
    payloads = code.pack(symbols, bits)
    assert [used for _, used in payloads] == [bits] * 3
    assert {len(data) for data, _ in payloads} == {-(-bits // 8)}
    for data, _ in payloads:
        assert int.from_bytes(data, "big") & ((1 << (-bits % 8)) - 1) == 0
    again = np.stack([code.unpack(data, bits) for data, _ in payloads])
    assert again.dtype == np.int64
    assert np.array_equal(again, symbols)
    latents = code.decode(again, bits)
    assert latents.dtype == np.float32
    assert latents.shape == (3, code.dims)
    assert np.isfinite(latents).all()


def check_usable_bits_carry_everything(code: LatentCode) -> None:
    """The symbols of `bits` are those of usable_bits(bits): the rest is padding."""
    for bits in range(code.usable_bits(code.max_bits) + 1):
        usable = code.usable_bits(bits)
        assert usable <= bits
        assert code.usable_bits(usable) == usable
        assert code.level(bits) == code.level(usable) <= 0
    assert code.level(0) == 0


def check_one_by_one(code: LatentCode, effort: int) -> None:
    z = some_latents(code, 7)
    bits = code.max_bits
    rows = [code.encode(row[None], bits, effort) for row in z]
    assert np.array_equal(code.encode(z, bits, effort), np.concatenate(rows))


def check_empty_batch(code: LatentCode) -> None:
    symbols = code.encode(some_latents(code, 0), code.max_bits)
    assert code.decode(symbols, code.max_bits).shape == (0, code.dims)
    assert code.pack(symbols, code.max_bits) == []


def check_description_round_trip(code: LatentCode) -> None:
    description = json.loads(json.dumps(code.describe()))
    again = build(description, code.tables())
    assert (again.kind, again.dims, again.max_bits) == (code.kind, code.dims, code.max_bits)
    symbols = code.encode(some_latents(code, 4), code.max_bits)
    assert np.array_equal(again.decode(symbols, code.max_bits), code.decode(symbols, code.max_bits))


def check_refuses_latents(code: LatentCode) -> None:
    good = some_latents(code, 2)
    for value in (np.nan, np.inf, -np.inf, 1e7):
        bad = good.copy()
        bad[1, -1] = value
        with pytest.raises(PslError, match="latents: a value is NaN, infinite or beyond"):
            code.encode(bad, code.max_bits)
    for shape in (good[0], good[:, :-1], good[None]):
        with pytest.raises(PslError, match="latents: shape"):
            code.encode(shape, code.max_bits)
    with pytest.raises(PslError, match="latents: dtype"):
        code.encode(good.astype(complex), code.max_bits)
    for effort in (-1, 10, 2.5):
        with pytest.raises(PslError, match="effort="):
            code.encode(good, code.max_bits, effort)  # type: ignore[arg-type]


def check_refuses_symbols(code: LatentCode) -> None:
    symbols = code.encode(some_latents(code, 2), code.max_bits)
    for bad in (-1, 1 << 62):
        hostile = symbols.copy()
        hostile[1, 0] = bad
        with pytest.raises(Corrupt):
            code.decode(hostile, code.max_bits)
    for shape in (symbols[0], symbols[:, :-1], symbols.astype(float)):
        with pytest.raises(Corrupt, match="symbols: "):
            code.decode(shape, code.max_bits)
        with pytest.raises(Corrupt, match="symbols: "):
            code.pack(shape, code.max_bits)


def check_refuses_payloads(code: LatentCode) -> None:
    bits = code.usable_bits(code.max_bits)
    ((data, _),) = code.pack(code.encode(some_latents(code, 1), bits), bits)
    with pytest.raises(Corrupt, match=r"at most|has \d\d"):
        code.unpack(data + bytes(8), bits + 64)
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(Corrupt):
            code.unpack(wrong, bits)
    with pytest.raises(Corrupt):
        code.unpack(data[:-1], bits, partial=True)
    if bits % 8:
        with pytest.raises(Corrupt):
            code.unpack(data[:-1] + bytes([data[-1] | 1]), bits)
    if code.kind not in {"composition", "seed"}:
        return
    # The head of the payload is the first seed: all ones is beyond every modulus used here.
    first = code.unpack(b"\xff" * len(data), bits, partial=True)
    with pytest.raises(Corrupt, match="a seed in the payload is outside"):
        code.decode(first[None], code.usable_bits(bits, partial=True))
