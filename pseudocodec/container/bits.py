"""Bit strings in bytes, most significant bit first, zero-padded to a whole byte.

A payload of `nbits` bits is `bytes` of length `payload_bytes(nbits)`. Every function is linear in
the bytes it touches, whatever the alignment.
"""

from __future__ import annotations

from collections.abc import Iterable

from pseudocodec.errors import Corrupt, PslError


def payload_bytes(nbits: int) -> int:
    """Bytes that hold `nbits` bits."""
    return (nbits + 7) // 8


def padding_is_zero(data: bytes, nbits: int) -> bool:
    """Whether the bits of the last byte of `data` behind its `nbits` bits are all zero."""
    return nbits % 8 == 0 or data[-1] & (0xFF >> nbits % 8) == 0


def check_payload(payload: bytes, nbits: int) -> None:
    """Refuse a `payload` that is not `nbits` bits, zero-padded: `PslError`."""
    if nbits < 0 or len(payload) != payload_bytes(nbits):
        raise PslError(
            f"payload has {len(payload)} bytes but nbits={nbits} needs {payload_bytes(nbits)}; "
            "pass the number of bits the payload holds"
        )
    if not padding_is_zero(payload, nbits):
        raise PslError(f"payload has set bits behind its nbits={nbits} bits; pad it with zeros")


def read_int(data: bytes, start: int, width: int) -> int:
    """The unsigned integer in bits `start` to `start + width` of `data`; `Corrupt` past its end."""
    stop = start + width
    if start < 0 or width < 0 or stop > 8 * len(data):
        raise Corrupt(f"bits {start} to {stop} are wanted but the payload has {8 * len(data)} bits")
    value = int.from_bytes(data[start // 8 : payload_bytes(stop)], "big") >> (-stop % 8)
    return value & ((1 << width) - 1)


def extract(data: bytes, start: int, nbits: int) -> bytes:
    """Bits `start` to `start + nbits` of `data` as a payload of its own; `Corrupt` past the end.

    >>> extract(bytes([0b00011010]), 3, 4).hex()  # 1101, padded
    'd0'
    """
    if start % 8 == 0 and nbits % 8 == 0 and 0 <= start <= start + nbits <= 8 * len(data):
        return data[start // 8 : (start + nbits) // 8]
    value = read_int(data, start, nbits)
    return (value << (-nbits % 8)).to_bytes(payload_bytes(nbits), "big")


class BitWriter:
    """Appends integers of any width to a growing bit string.

    >>> writer = BitWriter()
    >>> writer.write(0b101, 3)
    >>> writer.write(0b1, 6)
    >>> writer.getvalue().hex(), writer.nbits  # 101 000001, padded
    ('a080', 9)
    """

    def __init__(self) -> None:
        """Start empty."""
        self._whole = bytearray()
        self._tail = 0
        self._tail_bits = 0

    @property
    def nbits(self) -> int:
        """Bits written so far."""
        return 8 * len(self._whole) + self._tail_bits

    def write(self, value: int, width: int) -> None:
        """Append `value` in `width` bits; `PslError` unless 0 <= value < 2**width."""
        if width < 0 or value >> width:  # a negative value stays negative when shifted
            raise PslError(f"value {value} does not fit in {width} bits; 0 to 2**{width} - 1 does")
        value |= self._tail << width
        width += self._tail_bits
        self._tail_bits = width % 8
        self._whole += (value >> self._tail_bits).to_bytes(width // 8, "big")
        self._tail = value & ((1 << self._tail_bits) - 1)

    def write_payload(self, payload: bytes, nbits: int) -> None:
        """Append the first `nbits` bits of `payload`, which `check_payload` has accepted."""
        if self._tail_bits == 0 and nbits % 8 == 0:
            self._whole += payload
        else:
            self.write(int.from_bytes(payload, "big") >> (-nbits % 8), nbits)

    def getvalue(self) -> bytes:
        """Everything written, zero-padded to a whole byte."""
        if self._tail_bits == 0:
            return bytes(self._whole)
        return bytes(self._whole) + bytes([self._tail << (8 - self._tail_bits)])


def pack(fields: Iterable[tuple[int, int]]) -> tuple[bytes, int]:
    """Pack (value, width in bits) pairs; `PslError` for a value outside [0, 2**width).

    >>> payload, nbits = pack([(5, 3), (1, 6)])
    >>> payload.hex(), nbits
    ('a080', 9)
    """
    writer = BitWriter()
    for value, width in fields:
        writer.write(value, width)
    return writer.getvalue(), writer.nbits


def unpack(payload: bytes, nbits: int, widths: Iterable[int]) -> list[int]:
    """The integers that `pack` wrote; `Corrupt` unless `widths` add up to `nbits` exactly.

    >>> unpack(bytes.fromhex("a080"), 9, [3, 6])
    [5, 1]
    """
    values, start = [], 0
    for width in widths:
        values.append(read_int(payload, start, width))
        start += width
    if (
        start != nbits
        or len(payload) != payload_bytes(nbits)
        or not padding_is_zero(payload, nbits)
    ):
        raise Corrupt(
            f"payload of {nbits} bits in {len(payload)} bytes does not hold fields of {start} bits "
            "followed by zero padding; the file is damaged or belongs to another model"
        )
    return values
