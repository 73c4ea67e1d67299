"""A .psl file of one picture: header, optional size and chunks, payload to the end."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from pseudocodec.container.chunks import Chunk, pack_section, parse_section, section_length
from pseudocodec.container.geometry import Geometry, check_geometry
from pseudocodec.container.header import pack_common, parse_common
from pseudocodec.container.layout import COMMON, GEOMETRY, MAX_PIXELS, U32, Flag, front_crc
from pseudocodec.container.source import Bounded
from pseudocodec.errors import Corrupt, PslError

_PIECE = 2**20  # bytes read at a time to verify a checksum


class Single(NamedTuple):
    """The content of a single-image file; `geometry` is None at the model's own size."""

    model_id: bytes
    payload: bytes
    geometry: Geometry | None
    chunks: tuple[Chunk, ...]
    verified: bool
    dense: bool  # the payload is in the model's dense code, of which a prefix means nothing


class SingleFront(NamedTuple):
    """What stands before the payload, unverified."""

    model_id: bytes
    geometry: Geometry | None
    chunks: tuple[Chunk, ...]
    dense: bool
    payload_offset: int


def write_single(
    model_id: bytes,
    payload: bytes,
    *,
    geometry: Geometry | None = None,
    chunks: Iterable[Chunk] = (),
    dense: bool = False,
) -> bytes:
    """The file of one picture: 20 bytes more than `payload`, 28 with `geometry`, plus chunks.

    `model_id` is the first 8 bytes of the model's content hash. Raises `PslError` for a bad id
    or chunk, `Corrupt` or `TooLarge` for a `geometry` no reader would accept.
    """
    flags = Flag.DENSE if dense else Flag(0)
    front = b""
    if geometry is not None:
        check_geometry(geometry, max_pixels=geometry.width * geometry.height)
        flags |= Flag.GEOMETRY
        front = GEOMETRY.pack(*geometry)
    section = pack_section(chunks)
    if section:
        flags |= Flag.CHUNKS
    return pack_common(flags, model_id, front + section + payload)


def read_single(
    data: bytes,
    *,
    partial: bool = False,
    max_pixels: int = MAX_PIXELS,
    known: Collection[bytes] = frozenset(),
) -> Single:
    """The content of a whole single-image file, or with `partial` of its beginning.

    With `partial` a CRC mismatch is tolerated and the result says `verified=False`; the header
    must be complete all the same. `known` are the critical chunk tags the caller understands.

    Raises `NotPsl`, `UnsupportedVersion`, `Corrupt` (damaged, truncated), `TooLarge` (picture
    above `max_pixels`), `PslError` (an archive).
    """
    flags, _, crc = parse_common(data)
    verified = front_crc(memoryview(data)) == crc
    if not verified and not partial and Flag.ARCHIVE not in flags:
        raise Corrupt(
            f"the checksum of the {len(data)}-byte file differs: it is truncated or damaged; "
            "fetch it again, or decode what is left with partial=True (the beginning of a "
            "progressive stream) or keep_going=True (the tiles of a large photo)"
        )
    front = _front(lambda start, size: data[start : start + size], len(data), max_pixels, known)
    payload = data[front.payload_offset :]
    return Single(front.model_id, payload, front.geometry, front.chunks, verified, front.dense)


def read_single_front(
    file: Bounded, *, max_pixels: int = MAX_PIXELS, known: Collection[bytes] = frozenset()
) -> SingleFront:
    """What stands before the payload, for a reader of parts of it; the checksum is not verified.

    Raises what `read_single` raises.
    """

    def read(start: int, size: int) -> bytes:
        return file.read_at(start, max(0, min(size, file.size - start)))

    return _front(read, file.size, max_pixels, known)


def verify_single(file: Bounded) -> None:
    """Verify the checksum of the whole single-picture file, read a MiB at a time.

    Raises `Corrupt` when it differs, and what `read_single` raises for the first 20 bytes.
    """
    head = file.read_at(0, min(file.size, COMMON.size))
    crc = front_crc(head)
    for start in range(COMMON.size, file.size, _PIECE):
        crc = zlib.crc32(file.read_at(start, min(_PIECE, file.size - start)), crc)
    if crc != parse_common(head).crc:
        raise Corrupt(f"the checksum of the {file.size}-byte file differs: it is damaged")


def _front(
    read: Callable[[int, int], bytes], size: int, max_pixels: int, known: Collection[bytes]
) -> SingleFront:
    """The front of a file of `size` bytes; `read` (offset, length) may find less than asked for."""
    flags, model_id, _ = parse_common(read(0, COMMON.size))
    if Flag.ARCHIVE in flags:
        raise PslError(
            "the file is an archive of pictures, not a single one; open it as an archive"
        )
    start = COMMON.size
    geometry = None
    if Flag.GEOMETRY in flags:
        fields = read(start, GEOMETRY.size)
        start += GEOMETRY.size
        if size < start:
            raise Corrupt("the file ends inside the picture size; it is truncated, fetch it again")
        geometry = Geometry(*GEOMETRY.unpack(fields))
        check_geometry(geometry, max_pixels)
    chunks: tuple[Chunk, ...] = ()
    if Flag.CHUNKS in flags:
        field_end = start + U32.size
        length = section_length(read(start, U32.size), size - field_end)
        start = field_end + length
        chunks = parse_section(read(field_end, length), known)
    return SingleFront(model_id, geometry, chunks, Flag.DENSE in flags, start)
