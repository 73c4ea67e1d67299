import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.container import bits
from pseudocodec.errors import Corrupt, PslError

fields = st.integers(0, 70).flatmap(
    lambda width: st.tuples(st.integers(0, 2**width - 1), st.just(width))
)


def as_text(payload, nbits):
    return "".join(f"{byte:08b}" for byte in payload)[:nbits]


@given(st.lists(fields, max_size=20))
def test_pack_is_the_concatenation_of_binary_numbers(pairs):
    payload, nbits = bits.pack(pairs)
    expected = "".join(f"{value:0{width}b}" for value, width in pairs if width)
    assert as_text(payload, nbits) == expected
    assert len(payload) == bits.payload_bytes(nbits)
    assert bits.padding_is_zero(payload, nbits)
    assert bits.unpack(payload, nbits, [width for _, width in pairs]) == [v for v, _ in pairs]


@given(st.binary(max_size=20), st.data())
def test_extract_is_a_slice_of_the_bits(data, draw):
    start = draw.draw(st.integers(0, 8 * len(data)))
    nbits = draw.draw(st.integers(0, 8 * len(data) - start))
    payload = bits.extract(data, start, nbits)
    bits.check_payload(payload, nbits)
    assert as_text(payload, nbits) == as_text(data, 8 * len(data))[start : start + nbits]


@given(st.lists(st.text("01", max_size=30), max_size=10))
def test_write_payload_concatenates(strings):
    writer = bits.BitWriter()
    for text in strings:
        payload, nbits = bits.pack((int(c), 1) for c in text)
        writer.write_payload(payload, nbits)
    assert writer.nbits == len("".join(strings))
    assert as_text(writer.getvalue(), writer.nbits) == "".join(strings)


@pytest.mark.parametrize(("value", "width"), [(2, 1), (-1, 8), (1, 0), (0, -1), (256, 8)])
def test_value_out_of_range_is_refused(value, width):
    with pytest.raises(PslError, match=f"value {value} does not fit in {width} bits"):
        bits.pack([(value, width)])


@pytest.mark.parametrize(
    ("payload", "nbits", "widths"),
    [
        (b"\xa0\x80", 9, [3, 5]),
        (b"\xa0\x80", 9, [3, 7]),
        (b"\xa0\x80", 9, [3, 100]),
        (b"\xa0\x81", 9, [3, 6]),
        (b"\xa0\x80\x00", 9, [3, 6]),
        (b"\xa0\x80", 9, [10, -1]),
    ],
)
def test_fields_that_do_not_fill_the_payload_are_refused(payload, nbits, widths):
    with pytest.raises(Corrupt):
        bits.unpack(payload, nbits, widths)


@pytest.mark.parametrize(("start", "nbits"), [(0, 9), (8, 8), (-8, 8), (9, 0), (0, -8)])
def test_extract_outside_the_data_is_refused(start, nbits):
    with pytest.raises(Corrupt, match="are wanted"):
        bits.extract(b"\xff", start, nbits)


def test_doctests():
    result = doctest.testmod(bits)
    assert result.attempted > 0
    assert result.failed == 0
