import doctest
import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pseudocodec.entropy._scale_tables as tables_module
import pseudocodec.entropy.scales as module
from pseudocodec.entropy import TOTAL, FrequencyTable, coder
from pseudocodec.entropy.scales import MAX_RESIDUAL, ScaleTables, decode, encode, scale_tables
from pseudocodec.errors import Corrupt, PslError, TooLarge

GAUSSIAN = scale_tables()
DEVIATIONS = 0.11 * (256 / 0.11) ** (np.arange(64) / 63)
# Escapes are likely here, and there is a table of nothing but 0 and the escape.
COARSE = ScaleTables(
    tuple(map(FrequencyTable.of, ([3, 1], [4, 1, 2, 1], [3, 2, 1, 4, 1, 2], [9, 2, 1, 1])))
)
GOLDEN_HEAD = "bcda3bbff381"
GOLDEN = (118, "994494eb1c3206be10d63c450aefb2697feed7374345f99c7f62ada99b4c2b80")


def messages(tables):
    residual = st.one_of(st.integers(-9, 9), st.integers(-MAX_RESIDUAL, MAX_RESIDUAL))
    pair = st.tuples(residual, st.integers(0, tables.count - 1))
    return st.lists(pair, max_size=60).map(
        lambda pairs: tuple(zip(*pairs, strict=True)) or ((), ())
    )


def arrays(message):
    return np.array(message[0], np.int32), np.array(message[1], np.uint8)


@pytest.mark.parametrize("documented", [module, tables_module])
def test_the_examples_of_the_documentation(documented):
    assert doctest.testmod(documented).attempted > 0
    assert doctest.testmod(documented).failed == 0


@pytest.mark.parametrize("tables", [GAUSSIAN, COARSE])
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_round_trip_to_the_last_bit_needed(tables, data):
    residuals, index = arrays(data.draw(messages(tables)))
    payload = encode(residuals, index, tables)
    assert payload[-1:] != b"\0"
    out = decode(payload, index, tables)
    assert out.dtype == np.int32
    assert out.tolist() == residuals.tolist()


@pytest.mark.parametrize("tables", [GAUSSIAN, COARSE])
@settings(max_examples=50, deadline=None)
@given(st.data())
def test_information_is_what_the_bytes_cost(tables, data):
    """A stream of b bits takes at most b + 1, and log2(1 + 2^-8) in each of a symbol's 3 stages:
    the coder's interval, of 2^32 or more, is divided by 2^24 and rounded down."""
    residuals, index = arrays(data.draw(messages(tables)))
    reach = tables.bits.shape[1] // 2
    residuals = np.clip(residuals, -reach, reach)
    bits = tables.information(residuals, index).sum()
    assert len(encode(residuals, index, tables)) <= math.ceil((bits + 1 + 0.017 * len(index)) / 8)


@pytest.mark.parametrize("exponent", [0, 1, 2, 7, 15])
def test_escapes_cost_the_symbol_and_an_exp_golomb_code(exponent):
    rng = np.random.default_rng(exponent)
    count = 400
    outside = rng.integers(1 << exponent, (2 << exponent) - 1, count, endpoint=exponent == 0)
    residuals = np.where(rng.integers(0, 2, count), outside + 1, -outside - 1)
    announced = float(COARSE.tables[1].information(np.array([2]))[0])
    bits = 8 * len(encode(residuals, [1] * count, COARSE))
    assert bits == pytest.approx(count * (announced + 2 * exponent + 2), abs=16)


def test_information_counts_escapes_and_ends_at_its_reach():
    residuals = np.array([[-2, 1], [4, 9_000]])
    index = np.array([[0, 1], [1, 2]])
    bits = COARSE.information(residuals, index)
    announced = [
        COARSE.tables[t].information(np.array([s]))[0] for t, s in ((0, 1), (1, 1), (1, 2))
    ]
    assert bits.shape == (2, 2)
    # Table 0 has K = 0: -2 is 2 outside. The reach is 3, so that 4 counts as 3, also 2 outside.
    assert bits.ravel()[:3] == pytest.approx(np.add(announced, [4, 0, 4]), abs=1e-4)
    assert bits[1, 1] == COARSE.bits[2, -1]


@pytest.mark.parametrize("count", [0, 1, 192])
def test_zeros_take_no_bytes(count):
    index = np.arange(count) % 4
    for tables in (COARSE, GAUSSIAN):
        assert encode(np.zeros(count, np.int32), index, tables) == b""
        assert decode(b"", index, tables).tolist() == [0] * count


def test_a_large_gaussian_sample_takes_its_entropy():
    rng = np.random.default_rng(1)
    index = rng.integers(0, 64, 100_000)
    residuals = np.rint(rng.standard_normal(len(index)) * DEVIATIONS[index]).astype(np.int64)
    far = [
        math.erfc((abs(int(r)) - 0.5) / DEVIATIONS[s] / math.sqrt(2))
        - math.erfc((abs(int(r)) + 0.5) / DEVIATIONS[s] / math.sqrt(2))
        for r, s in zip(residuals, index, strict=True)
    ]
    ideal = -np.log2(np.array(far) / 2).sum()
    payload = encode(residuals, index, GAUSSIAN)
    assert 8 * len(payload) == pytest.approx(ideal, rel=0.005)
    assert GAUSSIAN.information(residuals, index).sum() == pytest.approx(ideal, rel=0.005)
    assert (decode(payload, index, GAUSSIAN) == residuals).all()


def test_golden_stream():
    """Any change of these bytes breaks every file that holds residuals of known scale."""
    n = np.arange(200)
    index = (n // 3 + n * n) % 4
    residuals = np.where(n % 17, n * 7 % 5 - 2, (n - 90) * n)
    payload = encode(residuals, index, COARSE)
    assert payload[:6].hex() == GOLDEN_HEAD
    assert (len(payload), hashlib.sha256(payload).hexdigest()) == GOLDEN
    assert decode(payload, index, COARSE).tolist() == residuals.tolist()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=24), st.lists(st.integers(0, 3), max_size=60))
def test_any_bytes_decode_to_what_encodes_to_them_or_are_refused(payload, index):
    try:
        residuals = decode(payload, index, COARSE)
    except Corrupt:
        return
    assert encode(residuals, np.array(index), COARSE) == payload


@pytest.mark.parametrize("tail", [b"\0", b"\0\0\0\0", b"\1", b"\1" * 5000])
def test_bytes_behind_the_end_are_refused(tail):
    residuals, index = [3, -1, 0, 200, -3] * 8, [1, 2, 3, 0, 1] * 8
    with pytest.raises(Corrupt, match="entropy coder: "):
        decode(encode(residuals, index, COARSE) + tail, index, COARSE)


def test_bytes_for_nothing_are_refused():
    with pytest.raises(Corrupt, match="payload of 1 bytes is none"):
        decode(b"\1", [], COARSE)


def test_a_residual_beyond_the_limit_is_refused_when_read():
    grouped = coder.groups([1], COARSE.tables)
    payload = module._payload(np.array([2]), np.array([MAX_RESIDUAL]), grouped)
    with pytest.raises(Corrupt, match="none that these tables give"):
        decode(payload, [1], COARSE)


@pytest.mark.parametrize("residual", [MAX_RESIDUAL + 1, -MAX_RESIDUAL - 1, -(1 << 63)])
def test_a_residual_beyond_the_limit_is_refused_when_written(residual):
    with pytest.raises(PslError, match=f"residuals: .*at most {MAX_RESIDUAL}"):
        encode([0, residual], [0, 0], COARSE)


def test_residuals_that_are_no_signed_vector_are_refused():
    for residuals in ([0.5], [0, 0], [[0]], np.zeros(1, np.uint8)):
        with pytest.raises(PslError, match="residuals: "):
            encode(residuals, [0], COARSE)
    with pytest.raises(PslError, match="same shape"):
        COARSE.information(np.zeros(2, np.int32), np.zeros(3, np.int32))


@pytest.mark.parametrize("index", [[-1], [4], [0.0], [[0]]])
def test_a_malformed_index_is_refused(index):
    with pytest.raises(PslError, match="index: "):
        encode([0], index, COARSE)
    with pytest.raises(PslError, match="index: "):
        decode(b"", index, COARSE)


def test_information_without_a_table_is_refused():
    for which in (-1, 4):
        with pytest.raises(PslError, match="there are tables 0 to 3"):
            COARSE.information(np.zeros(1, np.int32), np.array([which]))


def test_too_many_residuals_are_refused(monkeypatch):
    monkeypatch.setattr(coder, "MAX_CODED", 8)
    with pytest.raises(TooLarge, match="9 symbols, at most 8"):
        encode([0] * 9, [0] * 9, COARSE)
    with pytest.raises(TooLarge, match="9 symbols, at most 8"):
        decode(b"", [0] * 9, COARSE)


def test_tables_follow_their_gaussians():
    assert GAUSSIAN.count == 64
    assert GAUSSIAN.tops[[0, -1]].tolist() == [1, 1026]  # 4.0 deviations leave out 2^-14
    assert (np.diff(GAUSSIAN.tops) >= 0).all()
    for table, top, deviation in zip(GAUSSIAN.tables, GAUSSIAN.tops, DEVIATIONS, strict=True):
        f = table.frequencies
        assert (f[1:] == f[:0:-1]).all()
        inside = math.erf(0.5 / deviation / math.sqrt(2))
        assert f[0] / TOTAL == pytest.approx(inside, abs=2.0**-12)
        assert f[top + 1] <= TOTAL >> 14


def test_a_table_ends_at_its_limit():
    assert scale_tables(1, 1e9, 1e9).tops.tolist() == [1500]
    assert scale_tables(1, 1e-9, 1e-9).tops.tolist() == [1]


@pytest.mark.parametrize("tables", [GAUSSIAN, COARSE])
def test_tensors_hold_the_tables(tables):
    tensors = tables.to_tensors()
    again = ScaleTables.from_tensors(tensors)
    assert again.tops.tolist() == tables.tops.tolist()
    for one, other in zip(again.tables, tables.tables, strict=True):
        assert (one.frequencies == other.frequencies).all()
    assert all(tensor.dtype == np.int64 for tensor in tensors.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": np.array([2, 4, 6])}, "16 frequencies, but widths of sum 12"),
        ({"widths": np.array([2, 4, 5, 5])}, "table 2 has 5 symbols"),
        ({"widths": np.array([0, 6, 6, 4])}, "table 0 has 0 symbols"),
        ({"widths": np.array([-2, 6, 6, 6])}, "table 0 has -2 symbols"),
        ({"widths": np.array([1 << 62, 4, 6, 4])}, "table 0 has 46"),
        ({"widths": np.array([2, 6, 4, 4])}, "frequencies from"),
        ({"widths": np.zeros(0, np.int64)}, "0 of them, expected 1 to 256"),
        ({"widths": np.full(257, 2)}, "257 of them, expected 1 to 256"),
        ({"widths": np.array([2, 4, 6, 4], np.int32)}, "widths are no int64 vector"),
        ({"widths": np.array([[2, 4, 6, 4]])}, "widths are no int64 vector"),
        ({"frequencies": np.zeros(16, np.int64)}, "frequencies from 0"),
        ({"frequencies": np.ones(16)}, "frequencies are no int64 vector"),
        ({"other": np.zeros(1, np.int64)}, "tensors .*'other'"),
    ],
)
def test_malformed_tensors_are_refused(change, message):
    with pytest.raises(PslError, match=message):
        ScaleTables.from_tensors(COARSE.to_tensors() | change)


def test_a_missing_tensor_is_refused():
    with pytest.raises(PslError, match=r"expected \['frequencies', 'widths'\]"):
        ScaleTables.from_tensors({"widths": np.array([2])})


@pytest.mark.parametrize(
    "request_",
    [
        {"count": 0},
        {"count": 257},
        {"low": 0.0},
        {"low": 2.0, "high": 1.0},
        {"high": math.inf},
        {"high": math.nan},
        {"tail": 0.0},
        {"tail": 1.0},
    ],
)
def test_impossible_scales_are_refused(request_):
    with pytest.raises(PslError, match="scale tables: "):
        scale_tables(**request_)
