"""The chunk section: tagged data beside the pictures that an old reader skips or refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from pseudocodec.container.layout import CHUNK, MAX_CHUNK_SECTION, U32
from pseudocodec.errors import Corrupt, PslError, TooLarge, UnsupportedVersion


class Chunk(NamedTuple):
    """Tagged data: `tag` is four ASCII letters, the first one uppercase if critical."""

    tag: bytes
    data: bytes

    @property
    def critical(self) -> bool:
        """Whether a reader that does not know the tag must refuse the file."""
        return self.tag[:1].isupper()


def pack_section(chunks: Iterable[Chunk]) -> bytes:
    """The section with its length in front, empty without chunks; `PslError` for a bad chunk."""
    section = bytearray()
    tags: set[bytes] = set()
    for tag, data in chunks:
        if not _is_tag(tag):
            raise PslError(f"chunk tag {tag!r} must be four ASCII letters")
        if tag in tags:
            raise PslError(f"chunk tag {tag!r} is given twice; a file holds one chunk of each tag")
        if len(section) + CHUNK.size + len(data) > MAX_CHUNK_SECTION:
            raise TooLarge(f"chunk {tag!r} makes the section exceed {MAX_CHUNK_SECTION} bytes")
        tags.add(tag)
        section += CHUNK.pack(tag, len(data)) + data
    return U32.pack(len(section)) + section if section else b""


def section_length(field: bytes, available: int) -> int:
    """Bytes of the section behind its length `field`, where `available` bytes are left.

    Raises `TooLarge` above the limit, `Corrupt` when the file cannot hold that much.
    """
    if len(field) < U32.size:
        raise Corrupt("the file ends before its chunk section; it is truncated, fetch it again")
    length: int = U32.unpack(field)[0]
    if length > MAX_CHUNK_SECTION:
        raise TooLarge(f"chunk section of {length} bytes exceeds the limit {MAX_CHUNK_SECTION}")
    if length > available:
        raise Corrupt(
            f"chunk section of {length} bytes does not fit in the {available} bytes that follow; "
            "the file is truncated or damaged"
        )
    return length


def parse_section(section: bytes, known: Collection[bytes]) -> tuple[Chunk, ...]:
    """The chunks of `section` (without its length), ancillary ones of any tag included.

    Raises `Corrupt` for a malformed section, `UnsupportedVersion` for a critical tag not `known`.
    """
    chunks = tuple(_split(section))
    if not chunks:
        raise Corrupt("the chunk section is empty; a file without chunks must not announce one")
    if len({chunk.tag for chunk in chunks}) < len(chunks):
        raise Corrupt("a chunk tag occurs twice; only one of each is allowed")
    for chunk in chunks:
        if chunk.critical and chunk.tag not in known:
            raise UnsupportedVersion(
                f"the file needs chunk {chunk.tag.decode()!r}, which this reader does not know; "
                "use a newer pseudocodec"
            )
    return chunks


def _split(section: bytes) -> Iterator[Chunk]:
    start = 0
    while start < len(section):
        if len(section) - start < CHUNK.size:
            raise Corrupt(
                f"chunk at byte {start} of the section has no room for its tag and length"
            )
        tag, length = CHUNK.unpack_from(section, start)
        start += CHUNK.size
        if not _is_tag(tag):
            raise Corrupt(f"chunk tag {tag!r} is not four ASCII letters; the file is damaged")
        if length > len(section) - start:
            raise Corrupt(f"chunk {tag.decode()!r} of {length} bytes runs past the chunk section")
        yield Chunk(tag, section[start : start + length])
        start += length


def _is_tag(tag: bytes) -> bool:
    return len(tag) == 4 and tag.isalpha()  # bytes.isalpha is ASCII only
