"""Files with any field wrong and every checksum right, and the valid ones they are made from."""

from __future__ import annotations

import io
import struct
import zlib

from pseudocodec.container import ArchiveReader, ArchiveWriter, Chunk, is_archive, read_single

MODEL = bytes(range(1, 9))
MAGIC = b"\xf5PSL\r\n"
ARCHIVE, GEOMETRY, CHUNKS, RECORD_GEOMETRY = 1, 2, 4, 8


def to_payload(bits: str) -> bytes:
    """A string of 0 and 1 as bytes, MSB first, zero-padded."""
    return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))


def to_bits(payload: bytes, nbits: int) -> str:
    return "".join(f"{byte:08b}" for byte in payload)[:nbits]


def signed(data: bytes, end: int | None = None) -> bytes:
    """`data` with the right common CRC for bytes up to `end`."""
    crc = zlib.crc32(data[:16] + data[20:end])
    return data[:16] + struct.pack("<I", crc) + data[20:]


def single(flags: int = 0, body: bytes = b"", version: int = 1) -> bytes:
    return signed(MAGIC + bytes([version, flags]) + MODEL + bytes(4) + body)


def section(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(tag + struct.pack("<I", len(data)) + data for tag, data in chunks)
    return struct.pack("<I", len(body)) + body


def block(number: int, data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(struct.pack("<Q", number) + data))


def index(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


BLOCKS = block(0, to_payload("1111" + "0000000001")) + block(1, to_payload("1010101"))
INDEX = index(to_payload("001001"))
RECORDS = ("1111", "0000000001", "1010101")


def archive(
    *,
    flags: int = ARCHIVE,
    version: int = 1,
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
    head = MAGIC + bytes([version, flags]) + MODEL + bytes(4)
    head += struct.pack("<QIIHBB", count, *size, block_images, length_width, reserved)
    head += struct.pack("<IIQ", base_bits, unit_bits, index_offset) + chunks
    return signed(head) + blocks + index


def write_archive(records, *, geometries=None, **options) -> bytes:
    """The archive that the library writes for strings of bits."""
    file = io.BytesIO()
    with ArchiveWriter(file, MODEL, record_geometry=geometries is not None, **options) as writer:
        for i, bits in enumerate(records):
            geometry = None if geometries is None else geometries[i]
            writer.add(to_payload(bits), len(bits), geometry)
    return file.getvalue()


def open_archive(data: bytes, **options) -> ArchiveReader:
    return ArchiveReader(io.BytesIO(data), **options)


def read_records(reader: ArchiveReader) -> list[str]:
    records = [r for b in range(reader.block_count) for r in reader.records(b)]
    return [to_bits(r.payload, r.nbits) for r in records]


def read_everything(data: bytes) -> None:
    """What a careful user of either kind of file does."""
    if is_archive(data):
        open_archive(data).verify()
    else:
        read_single(data)


NOTE = Chunk(b"note", b"hello")
