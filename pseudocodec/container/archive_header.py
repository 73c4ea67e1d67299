"""The header of an archive: 56 bytes and the chunk section, under one CRC."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pseudocodec.container.chunks import Chunk, parse_section, section_length
from pseudocodec.container.geometry import Geometry, check_geometry
from pseudocodec.container.header import pack_common, parse_common
from pseudocodec.container.layout import (
    ARCHIVE,
    ARCHIVE_HEADER_BYTES,
    COMMON,
    MAX_IMAGES,
    MAX_LENGTH_WIDTH,
    RECORD_GEOMETRY_BITS,
    U32,
    Flag,
    front_crc,
)
from pseudocodec.container.source import Bounded
from pseudocodec.errors import Corrupt, PslError, TooLarge


@dataclass(frozen=True, slots=True)
class ArchiveHeader:
    """The fields of an archive's header; `blocks_offset` is where the first block begins."""

    model_id: bytes
    count: int
    geometry: Geometry | None
    record_geometry: bool
    dense: bool
    block_images: int
    length_width: int
    base_bits: int
    unit_bits: int
    index_offset: int
    chunks: tuple[Chunk, ...]
    blocks_offset: int


def pack_archive_header(header: ArchiveHeader, section: bytes) -> bytes:
    """The header's bytes; `section` is the packed chunk section of `header.chunks`."""
    flags = Flag.ARCHIVE
    if header.geometry is not None:
        flags |= Flag.GEOMETRY
    if header.record_geometry:
        flags |= Flag.RECORD_GEOMETRY
    if header.dense:
        flags |= Flag.DENSE
    if section:
        flags |= Flag.CHUNKS
    width, height = header.geometry or (0, 0)
    fields = ARCHIVE.pack(
        header.count,
        width,
        height,
        header.block_images,
        header.length_width,
        0,
        header.base_bits,
        header.unit_bits,
        header.index_offset,
    )
    return pack_common(flags, header.model_id, fields + section)


def read_archive_header(file: Bounded, max_pixels: int, known: Collection[bytes]) -> ArchiveHeader:
    """Read and check the header of the archive in `file`; nothing is believed before its CRC.

    Raises what `ArchiveReader` raises.
    """
    fixed = file.read_at(0, min(file.size, ARCHIVE_HEADER_BYTES))
    flags, model_id, crc = parse_common(fixed)
    if Flag.ARCHIVE not in flags:
        raise PslError("the file is a single picture, not an archive; read it as a single one")
    if len(fixed) < ARCHIVE_HEADER_BYTES:
        raise Corrupt(
            f"the archive is truncated: it has {file.size} bytes and its header takes "
            f"{ARCHIVE_HEADER_BYTES}; fetch it again"
        )
    section = _read_section(file) if Flag.CHUNKS in flags else b""
    if front_crc(fixed + section) != crc:
        raise Corrupt("the checksum of the archive's header differs; it is damaged, fetch it again")
    count, width, height, block_images, length_width, reserved, base, unit, index_offset = (
        ARCHIVE.unpack_from(fixed, COMMON.size)
    )
    header = ArchiveHeader(
        model_id=model_id,
        count=count,
        geometry=Geometry(width, height) if Flag.GEOMETRY in flags else None,
        record_geometry=Flag.RECORD_GEOMETRY in flags,
        dense=Flag.DENSE in flags,
        block_images=block_images,
        length_width=length_width,
        base_bits=base,
        unit_bits=unit,
        index_offset=index_offset,
        chunks=parse_section(section[U32.size :], known) if section else (),
        blocks_offset=ARCHIVE_HEADER_BYTES + len(section),
    )
    if reserved or (header.geometry is None and (width or height)):
        raise Corrupt("the archive's header sets reserved bytes; they must be zero")
    _check(header, max_pixels)
    return header


def _read_section(file: Bounded) -> bytes:
    """The chunk section with its length in front."""
    start = ARCHIVE_HEADER_BYTES + U32.size
    field = file.read_at(ARCHIVE_HEADER_BYTES, min(U32.size, file.size - ARCHIVE_HEADER_BYTES))
    return field + file.read_at(start, section_length(field, file.size - start))


def _check(header: ArchiveHeader, max_pixels: int) -> None:
    """Refuse fields outside their range or contradicting each other."""
    if header.count > MAX_IMAGES:
        raise TooLarge(f"the archive claims {header.count} pictures; the limit is {MAX_IMAGES}")
    if header.geometry is not None:
        check_geometry(header.geometry, max_pixels)
    if header.block_images < 1:
        raise Corrupt("the archive claims blocks of 0 pictures; a block holds at least one")
    width, unit = header.length_width, header.unit_bits
    if width > MAX_LENGTH_WIDTH:
        raise Corrupt(f"length_width is {width}; it must be 0 to {MAX_LENGTH_WIDTH}")
    if (width == 0) != (unit == 0) or (width and header.count == 0):
        raise Corrupt(
            f"length_width {width} and unit_bits {unit} contradict each other "
            f"in an archive of {header.count} pictures"
        )
    if header.record_geometry and header.count and header.base_bits < RECORD_GEOMETRY_BITS:
        raise Corrupt(
            f"base_bits is {header.base_bits}, but each record begins with its picture size, "
            f"which takes {RECORD_GEOMETRY_BITS}"
        )
