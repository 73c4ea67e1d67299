"""The numbered rules of formats/psl/README.md that hold for every file, on single pictures."""

import struct

import psl_forge as forge
import pytest

from pseudocodec.container import Chunk, Geometry, read_single, write_single
from pseudocodec.errors import Corrupt, NotPsl, PslError, TooLarge, UnsupportedVersion

SIZE = struct.Struct("<II")


def test_m01_other_magic_is_refused():
    good = forge.single(body=b"payload")
    for other in (b"PSL", b"\x00" * 64, b"\xf4" + good[1:], good[1:], b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(NotPsl):
            read_single(other)


@pytest.mark.parametrize("forged", [forge.single, forge.archive])
@pytest.mark.parametrize("version", [0, 2, 255])
def test_m02_other_version_is_refused(forged, version):
    with pytest.raises(UnsupportedVersion, match=f"version {version} .* version 1"):
        forge.read_everything(forged(version=version))


@pytest.mark.parametrize("bit", [5, 6, 7])
def test_m03_unknown_flag_is_refused(bit):
    for data in (forge.single(1 << bit), forge.archive(flags=1 << bit | forge.ARCHIVE)):
        with pytest.raises(UnsupportedVersion, match=f"0x{1 << bit:02x}"):
            forge.read_everything(data)


def test_m04_contradicting_flags_are_refused():
    both = forge.GEOMETRY | forge.RECORD_GEOMETRY
    for data in (
        forge.single(forge.RECORD_GEOMETRY, SIZE.pack(2, 2)),
        forge.single(both, SIZE.pack(2, 2)),
        forge.archive(flags=forge.ARCHIVE | both, size=(2, 2)),
    ):
        with pytest.raises(Corrupt, match="contradict"):
            forge.read_everything(data)
    with pytest.raises(PslError, match="exclude each other"):
        forge.write_archive([], geometries=[], geometry=Geometry(2, 2))


def test_m05_single_checksum_is_verified():
    data = bytearray(forge.single(body=b"payload"))
    data[-1] ^= 1
    with pytest.raises(Corrupt, match=r"checksum.*partial=True"):
        read_single(bytes(data))


def test_m06_incomplete_header_is_refused():
    data = write_single(forge.MODEL, b"payload", geometry=Geometry(3, 4), chunks=[forge.NOTE])
    for end in range(1, len(data) - len(b"payload")):
        with pytest.raises(Corrupt):
            read_single(data[:end], partial=True)


def test_m07_partial_is_opt_in_and_marked():
    data = write_single(forge.MODEL, b"payload", geometry=Geometry(3, 4), chunks=[forge.NOTE])
    begin = len(data) - len(b"payload")
    for end in range(begin, len(data)):
        with pytest.raises(Corrupt, match="partial=True"):
            read_single(data[:end])
        part = read_single(data[:end], partial=True)
        assert part.payload == b"payload"[: end - begin]
        assert part.verified is False
        assert (part.geometry, part.chunks) == (Geometry(3, 4), (forge.NOTE,))
    assert read_single(data, partial=True).verified is True


@pytest.mark.parametrize(
    ("size", "error"),
    [((0, 1), Corrupt), ((1, 0), Corrupt), ((2**20 + 1, 1), TooLarge), ((1, 2**32 - 1), TooLarge)],
)
def test_m08_bad_side_is_refused(size, error):
    for data in (
        forge.single(forge.GEOMETRY, SIZE.pack(*size)),
        forge.archive(flags=forge.ARCHIVE | forge.GEOMETRY, size=size),
    ):
        with pytest.raises(error, match=f"{size[0]} x {size[1]}"):
            forge.read_everything(data)
    with pytest.raises(error):
        write_single(forge.MODEL, b"", geometry=Geometry(*size))


def test_m09_too_many_pixels_are_refused():
    million = 10**6
    for data in (
        forge.single(forge.GEOMETRY, SIZE.pack(million, million)),
        forge.archive(flags=forge.ARCHIVE | forge.GEOMETRY, size=(million, million)),
    ):
        with pytest.raises(TooLarge, match="1000000 x 1000000"):
            forge.read_everything(data)
    data = forge.single(forge.GEOMETRY, SIZE.pack(20, 5))
    assert read_single(data, max_pixels=100).geometry == (20, 5)
    with pytest.raises(TooLarge, match=r"20 x 5 .* 99 pixels"):
        read_single(data, max_pixels=99)


def test_m10_chunk_section_limits():
    for length, error in ((2**24 + 1, TooLarge), (2**32 - 1, TooLarge), (2**24, Corrupt)):
        raw = struct.pack("<I", length) + bytes(100)
        for data in (
            forge.single(forge.CHUNKS, raw),
            forge.archive(flags=forge.ARCHIVE | forge.CHUNKS, chunks=raw),
        ):
            with pytest.raises(error, match=f"{length} bytes"):
                forge.read_everything(data)
    with pytest.raises(TooLarge):
        write_single(forge.MODEL, b"", chunks=[Chunk(b"note", bytes(2**24 - 7))])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"note",
        b"note" + struct.pack("<I", 1),
        b"note" + struct.pack("<I", 0) + b"x",
        b"note" + struct.pack("<I", 2**32 - 1) + b"data",
    ],
)
def test_m11_chunks_fill_their_section(body):
    raw = struct.pack("<I", len(body)) + body
    for data in (
        forge.single(forge.CHUNKS, raw + b"payload"),
        forge.archive(flags=forge.ARCHIVE | forge.CHUNKS, chunks=raw),
    ):
        with pytest.raises(Corrupt, match="chunk"):
            forge.read_everything(data)


@pytest.mark.parametrize("tags", [[b"no e"], [b"\xe4bcd"], [b"1ote"], [b"note", b"note"]])
def test_m12_bad_tags_are_refused(tags):
    raw = forge.section(*((tag, b"") for tag in tags))
    with pytest.raises(Corrupt, match="tag"):
        read_single(forge.single(forge.CHUNKS, raw))
    with pytest.raises(PslError, match="tag"):
        write_single(forge.MODEL, b"", chunks=[Chunk(tag, b"") for tag in tags])


def test_m13_unknown_critical_chunk_is_refused():
    raw = forge.section((b"Need", b"it"))
    data = forge.single(forge.CHUNKS, raw)
    packed = forge.archive(flags=forge.ARCHIVE | forge.CHUNKS, chunks=raw)
    for refused in (data, packed):
        with pytest.raises(UnsupportedVersion, match="'Need'"):
            forge.read_everything(refused)
    known = frozenset({b"Need"})
    assert read_single(data, known=known).chunks == (Chunk(b"Need", b"it"),)
    assert forge.open_archive(packed, known=known).chunks == (Chunk(b"Need", b"it"),)


def test_m14_unknown_ancillary_chunk_is_skipped():
    raw = forge.section((b"nOTE", b"it"))
    result = read_single(forge.single(forge.CHUNKS, raw + b"payload"))
    assert (result.payload, result.chunks) == (b"payload", (Chunk(b"nOTE", b"it"),))
    reader = forge.open_archive(forge.archive(flags=forge.ARCHIVE | forge.CHUNKS, chunks=raw))
    assert reader.chunks == (Chunk(b"nOTE", b"it"),)
    assert forge.read_records(reader) == list(forge.RECORDS)
