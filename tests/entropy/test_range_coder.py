import doctest
import hashlib

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pseudocodec.entropy.coder as module
from pseudocodec.entropy import TOTAL, FrequencyTable, decode, encode
from pseudocodec.errors import Corrupt, PslError, TooLarge

COIN = FrequencyTable.of([7, 1])
DIE = FrequencyTable.of([1] * 6)
SKEWED = FrequencyTable.of([1, 1 << 30, 3, 9, 1])
CERTAIN = FrequencyTable.of([5])
GOLDEN_HEAD = "ac0c43bede63c211c420f120"
GOLDEN = (1766, "d3136488834e5f2317338b6ff83d1efa6da34c3e53eb9c33a4072d0141928c0d")
TABLES = [COIN, DIE, SKEWED, CERTAIN]


@st.composite
def messages(draw):
    index = draw(st.lists(st.integers(0, len(TABLES) - 1), max_size=60))
    symbols = [draw(st.integers(0, len(TABLES[i].frequencies) - 1)) for i in index]
    return symbols, index


def cost(symbols, index):
    pairs = zip(symbols, index, strict=True)
    return sum(float(TABLES[i].information(np.array([s]))[0]) for s, i in pairs)


def test_the_examples_of_the_documentation():
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


@settings(max_examples=100, deadline=None)
@given(messages())
def test_round_trip_in_as_few_bits_as_the_tables_say(message):
    symbols, index = message
    payload, nbits = encode(symbols, index, TABLES)
    assert len(payload) == -(-nbits // 8)
    assert nbits <= cost(symbols, index) + 1.01
    out = decode(payload, nbits, index, TABLES)
    assert out.dtype == np.int64
    assert out.tolist() == symbols


@settings(max_examples=100, deadline=None)
@given(messages(), st.integers(0, 200))
def test_zeros_behind_are_accepted_only_as_padding(message, zeros):
    symbols, index = message
    payload, nbits = encode(symbols, index, TABLES)
    longer = nbits + zeros
    padded = payload + bytes(-(-longer // 8) - len(payload))
    assert decode(padded, longer, index, TABLES, padded=True).tolist() == symbols
    if zeros:
        with pytest.raises(Corrupt, match="none that these tables give"):
            decode(padded, longer, index, TABLES)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=24), st.data())
def test_any_bytes_decode_to_what_encodes_to_them_or_are_refused(payload, data):
    index = data.draw(st.lists(st.integers(0, len(TABLES) - 1), max_size=60))
    try:
        symbols = decode(payload, 8 * len(payload), index, TABLES)
    except Corrupt:
        return
    assert encode(symbols, index, TABLES) == (payload, 8 * len(payload))


@settings(max_examples=60, deadline=None)
@given(messages().filter(lambda message: encode(*message, TABLES)[1]))
def test_no_shorter_bit_string_decodes(message):
    """The trimmed stream is the shortest: both neighbours one bit shorter decode differently."""
    symbols, index = message
    payload, nbits = encode(symbols, index, TABLES)
    value = int.from_bytes(payload, "big") >> (-nbits % 8)
    order = np.argsort(index, kind="stable")
    for shorter in (value >> 1, (value >> 1) + 1):
        if shorter >> (nbits - 1):
            continue
        data = (shorter << 1 << (-nbits % 32)).to_bytes(-(-nbits // 32) * 4, "big")
        words = np.frombuffer(data, ">u4").astype(np.uint32)
        assert raw(words, [index[i] for i in order]) != [symbols[i] for i in order]


def raw(words, index):
    """What constriction itself makes of a stream; None where it refuses."""
    decoder = constriction.stream.queue.RangeDecoder(words)
    try:
        return [0 if TABLES[i] is CERTAIN else int(decoder.decode(TABLES[i].model)) for i in index]
    except AssertionError:
        return None


def test_golden_stream():
    """Any change of these bytes breaks every file that holds entropy-coded symbols."""
    rng = np.random.default_rng(7)
    tables = [FrequencyTable.of(rng.integers(1, 1000, k)) for k in (2, 9, 40)]
    index = rng.integers(0, 3, 500)
    symbols = [int(rng.integers(len(tables[i].frequencies))) for i in index]
    payload, nbits = encode(symbols, index, tables)
    assert payload[:12].hex() == GOLDEN_HEAD
    assert (nbits, hashlib.sha256(payload).hexdigest()) == GOLDEN
    assert decode(payload, nbits, index, tables).tolist() == symbols


def test_nothing_takes_no_bits():
    assert encode([], [], TABLES) == (b"", 0)
    assert decode(b"", 0, [], TABLES).tolist() == []
    assert encode([0] * 9, [3] * 9, TABLES) == (b"", 0)
    assert decode(b"", 0, [3] * 9, TABLES).tolist() == [0] * 9


@pytest.mark.parametrize("symbol", [-1, 2, 1 << 40])
def test_a_symbol_without_a_frequency_is_refused(symbol):
    with pytest.raises(PslError, match="are to be coded with a table of 2"):
        encode([0, symbol], [1, 0], TABLES)


def test_symbols_that_are_no_integer_vector_are_refused():
    for symbols in ([0.5], [0, 0], [[0]]):
        with pytest.raises(PslError, match="symbols: "):
            encode(symbols, [0], TABLES)


@pytest.mark.parametrize("index", [[-1], [4], [0.0], [[0]]])
def test_a_malformed_index_is_refused(index):
    with pytest.raises(PslError, match="index: "):
        encode([0], index, TABLES)
    with pytest.raises(PslError, match="index: "):
        decode(b"", 0, index, TABLES)


def test_too_many_symbols_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_CODED", 8)
    with pytest.raises(TooLarge, match="9 symbols, at most 8"):
        encode([0] * 9, [0] * 9, TABLES)
    with pytest.raises(TooLarge, match="9 symbols, at most 8"):
        decode(b"", 0, [0] * 9, TABLES)


def test_payloads_of_a_wrong_length_are_refused():
    index = [1] * 20
    payload, nbits = encode([5, 0, 3, 1] * 5, index, TABLES)
    for data, bits in (
        (payload[:-1], nbits),
        (payload + b"\0", nbits),
        (payload + b"\0\0\0\0", nbits + 32),
        (payload + b"\1\2\3\4", nbits + 32),
    ):
        with pytest.raises(Corrupt):
            decode(data, bits, index, TABLES)


def test_set_bits_behind_the_end_are_refused():
    with pytest.raises(Corrupt):
        decode(b"\xbf", 6, [0] * 8, TABLES)


def test_a_panic_of_the_coder_becomes_an_error():
    with pytest.raises(Corrupt, match="entropy coder: "):
        module._guarded(constriction.stream.model.QuantizedGaussian, -9, 9, 0.0, 0.0)


def test_interrupts_are_not_swallowed():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        module._guarded(interrupted)


def test_total_is_the_precision_of_constriction():
    """A symbol of frequency 1 costs 24 bits."""
    assert TOTAL == 1 << 24
    assert SKEWED.frequencies[4] == 1
    assert abs(encode([4] * 1000, [2] * 1000, TABLES)[1] - 24_000) < 2
