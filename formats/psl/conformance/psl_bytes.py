"""Bytes of .psl files with any field wrong and every checksum right."""

from __future__ import annotations

import struct
import zlib

MODEL = bytes(range(1, 9))
MAGIC = b"\xf5PSL\r\n"
ARCHIVE, GEOMETRY, CHUNKS, RECORD_GEOMETRY, DENSE = 1, 2, 4, 8, 16


def bits(text: str) -> bytes:
    """A string of 0 and 1 as bytes, zero-padded."""
    return bytes(int(text[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(text), 8))


def fields(*pairs: tuple[int, int]) -> str:
    """Pairs of a value and its width as a string of 0 and 1."""
    return "".join(f"{value:0{width}b}" if width else "" for value, width in pairs)


def signed(data: bytes, end: int | None = None) -> bytes:
    """`data` with the right common CRC for bytes up to `end`."""
    crc = zlib.crc32(data[:16] + data[20:end])
    return data[:16] + struct.pack("<I", crc) + data[20:]


def single(
    payload: bytes = b"",
    *,
    size: tuple[int, int] | None = None,
    chunks: bytes = b"",
    flags: int = 0,
    model: bytes = MODEL,
    version: int = 1,
) -> bytes:
    """A file of one picture; the flags that `size` and `chunks` need are added to `flags`."""
    flags |= (GEOMETRY if size else 0) | (CHUNKS if chunks else 0)
    front = struct.pack("<II", *size) if size else b""
    head = MAGIC + bytes([version, flags]) + model + bytes(4)
    return signed(head + front + chunks + payload)


def section(*chunks: tuple[bytes, bytes]) -> bytes:
    """A chunk section of tags and data."""
    body = b"".join(tag + struct.pack("<I", len(data)) + data for tag, data in chunks)
    return struct.pack("<I", len(body)) + body


def block(number: int, data: bytes) -> bytes:
    """A block of an archive."""
    return data + struct.pack("<I", zlib.crc32(struct.pack("<Q", number) + data))


def index(data: bytes) -> bytes:
    """The index of an archive."""
    return data + struct.pack("<I", zlib.crc32(data))


RECORDS = ("1111", "0000000001", "1010101")
BLOCKS = block(0, bits(RECORDS[0] + RECORDS[1])) + block(1, bits(RECORDS[2]))
INDEX = index(bits("001001"))


def archive(
    *,
    flags: int = 0,
    model: bytes = MODEL,
    count: int = 3,
    size: tuple[int, int] = (0, 0),
    block_images: int = 2,
    length_width: int = 2,
    reserved: int = 0,
    base_bits: int = 4,
    unit_bits: int = 3,
    index_offset: int | None = None,
    chunks: bytes = b"",
    blocks: bytes = BLOCKS,
    index: bytes = INDEX,
) -> bytes:
    """The archive of `RECORDS`, with the given fields instead of its own."""
    if index_offset is None:
        index_offset = 56 + len(chunks) + len(blocks)
    head = MAGIC + bytes([1, flags | ARCHIVE | (CHUNKS if chunks else 0)]) + model + bytes(4)
    head += struct.pack("<QIIHBB", count, *size, block_images, length_width, reserved)
    head += struct.pack("<IIQ", base_bits, unit_bits, index_offset) + chunks
    return signed(head) + blocks + index


def one(record: str, *, flags: int = 0, base_bits: int | None = None, **more: object) -> bytes:
    """An archive of one record."""
    return archive(
        flags=flags,
        count=1,
        length_width=0,
        unit_bits=0,
        base_bits=len(record) if base_bits is None else base_bits,
        blocks=block(0, bits(record)),
        index=b"",
        **more,
    )


def stored(data: bytes) -> bytes:
    """A zlib stream of `data`, uncompressed: the same bytes from every zlib."""
    head = b"\x78\x01\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF)
    return head + data + struct.pack(">I", zlib.adler32(data))


def zeros(count: int) -> bytes:
    """A zlib stream of 1 + 258 `count` zeros, 13 bits for each 258: the smallest bomb."""
    # Last block, fixed codes; literal 0; lengths 258 at distance 1; the end. (RFC 1951, 3.2)
    text = "1" + "10" + "00110000" + ("11000101" + "00000") * count + "0000000"
    packed = bytes(int(text[i : i + 8][::-1], 2) for i in range(0, len(text), 8))
    return b"\x78\x01" + packed + struct.pack(">I", zlib.adler32(bytes(1 + 258 * count)))
