"""The numbers of the .psl layout, version 1: magic, flags, limits and fixed records.

`formats/psl/README.md` is normative; this file restates it for the code.
Integers are little-endian.
"""

from __future__ import annotations

import zlib
from enum import IntFlag
from struct import Struct

# 0xF5 never occurs in UTF-8 and CR LF does not survive a text-mode transfer.
MAGIC = b"\xf5PSL\r\n"
VERSION = 1

MODEL_ID_BYTES = 8
RECORD_GEOMETRY_BITS = 64

MAX_IMAGES = 2**32
MAX_CHUNK_SECTION = 2**24
MAX_RECORD_BITS = 2**31
MAX_BLOCK_IMAGES = 2**16 - 1
MAX_LENGTH_WIDTH = 32
MAX_SIDE = 2**20
MAX_SINGLE_BYTES = 2**30  # a single picture is read whole
MAX_PIXELS = 2**28  # a reader's default; its caller may choose another

# magic, version, flags, model id, CRC-32
COMMON = Struct("<6sBB8sI")
# count, width, height, block_images, length_width, reserved, base_bits, unit_bits, index_offset
ARCHIVE = Struct("<QIIHBBIIQ")
# width, height
GEOMETRY = Struct("<II")
# chunk tag, length
CHUNK = Struct("<4sI")
U32 = Struct("<I")
U64 = Struct("<Q")

CRC_OFFSET = 16
ARCHIVE_HEADER_BYTES = COMMON.size + ARCHIVE.size


class Flag(IntFlag):
    """The flags byte of the common header."""

    ARCHIVE = 1
    GEOMETRY = 2
    CHUNKS = 4
    RECORD_GEOMETRY = 8
    DENSE = 16


ALL_FLAGS = 0x1F


def front_crc(data: bytes | memoryview) -> int:
    """CRC-32 of `data` without its own field, the four bytes from `CRC_OFFSET`."""
    return zlib.crc32(data[COMMON.size :], zlib.crc32(data[:CRC_OFFSET]))


def block_crc(number: int, data: bytes) -> int:
    """CRC-32 of archive block `number`: the number makes a swapped or repeated block visible."""
    return zlib.crc32(data, zlib.crc32(U64.pack(number)))
