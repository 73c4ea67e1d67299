"""The numbered rules of formats/psl/README.md that hold for archives."""

import io
import struct
import tracemalloc

import psl_forge as forge
import pytest

from pseudocodec.container import ArchiveReader, ArchiveWriter, Geometry, archive_writer
from pseudocodec.errors import Corrupt, NotPsl, OutOfRange, PslError, TooLarge


def refused(error, match, **fields):
    with pytest.raises(error, match=match):
        forge.read_everything(forge.archive(**fields))


def sized(width, height, bits=""):
    return f"{width:032b}{height:032b}{bits}"


def record_geometry_archive(bits, base_bits):
    return forge.archive(
        flags=forge.ARCHIVE | forge.RECORD_GEOMETRY,
        count=1,
        length_width=0,
        base_bits=base_bits,
        unit_bits=0,
        blocks=forge.block(0, forge.to_payload(bits)),
        index=b"",
    )


def test_the_forged_archive_is_valid():
    reader = forge.open_archive(forge.archive())
    assert forge.read_records(reader) == list(forge.RECORDS)
    assert forge.archive() == forge.write_archive(forge.RECORDS, block_images=2)


@pytest.mark.parametrize("offset", range(20, 56))
def test_m15_archive_header_checksum_is_verified(offset):
    data = bytearray(forge.archive())
    data[offset] ^= 1
    with pytest.raises(Corrupt, match="checksum of the archive's header"):
        forge.open_archive(bytes(data))


@pytest.mark.parametrize("count", [2**32 + 1, 2**40, 2**64 - 1])
def test_m16_too_many_images_are_refused(count):
    refused(TooLarge, f"{count} pictures", count=count)


@pytest.mark.parametrize("fields", [{"reserved": 1}, {"size": (1, 0)}, {"size": (0, 1)}])
def test_m17_reserved_bytes_are_zero(fields):
    refused(Corrupt, "reserved", **fields)


def test_m18_empty_blocks_are_refused():
    refused(Corrupt, "blocks of 0", block_images=0)
    with pytest.raises(PslError, match="block_images"):
        ArchiveWriter(io.BytesIO(), forge.MODEL, block_images=0)


def test_m19_bad_length_fields_are_refused():
    refused(Corrupt, "length_width is 33", length_width=33)
    refused(Corrupt, "contradict", length_width=0)
    refused(Corrupt, "contradict", unit_bits=0)
    refused(Corrupt, "contradict", count=0, blocks=b"", index=forge.index(b""))


def test_m20_oversized_record_is_refused():
    refused(TooLarge, f"record of {2**31 + 1} bits", base_bits=2**31 + 1)
    wide = {"count": 1, "length_width": 32, "unit_bits": 2**32 - 1, "base_bits": 2**31}
    code = forge.index(b"\xff" * 4)
    refused(TooLarge, f"record of {(2**32 - 1) ** 2 + 2**31} bits", **wide, index=code)
    payload = _Pretend(2**28 + 1)
    with pytest.raises(TooLarge, match="record"):
        ArchiveWriter(io.BytesIO(), forge.MODEL).add(payload, 8 * len(payload))


class _Pretend(bytes):
    """Bytes that claim a length without taking it."""

    def __new__(cls, length):
        self = super().__new__(cls)
        self.length = length
        return self

    def __len__(self):
        return self.length


def test_m21_record_geometry_is_checked():
    good = record_geometry_archive(sized(3, 5, "101"), 67)
    record = forge.open_archive(good).record(0)
    assert (record.nbits, record.payload, record.geometry) == (3, b"\xa0", Geometry(3, 5))
    with pytest.raises(TooLarge, match="3 x 5"):
        forge.open_archive(good, max_pixels=14).verify()
    with pytest.raises(Corrupt, match="base_bits is 63"):
        forge.open_archive(record_geometry_archive("0" * 63, 63))
    for side, error in ((0, Corrupt), (2**20 + 1, TooLarge)):
        reader = forge.open_archive(record_geometry_archive(sized(side, 1), 64))
        with pytest.raises(error, match=f"{side} x 1"):
            reader.record(0)


@pytest.mark.parametrize("shift", [-1, 1])
def test_m22_index_offset_is_the_end_of_the_blocks(shift):
    blocks = forge.BLOCKS + b"\0" if shift == 1 else forge.BLOCKS[:-1]
    refused(Corrupt, "blocks end at byte 67 but the header says", blocks=blocks)


def test_m23_trailing_bytes_are_refused():
    with pytest.raises(Corrupt, match="trailing"):
        forge.open_archive(forge.archive() + b"\0")
    equal = forge.write_archive(["1010"] * 3)
    assert forge.read_records(forge.open_archive(equal)) == ["1010"] * 3
    with pytest.raises(Corrupt, match="trailing"):
        forge.open_archive(equal + b"\0")


def test_m24_index_is_verified():
    good = forge.to_payload("001001")
    refused(Corrupt, "checksum of the archive's index", index=good + bytes(4))
    refused(Corrupt, "padding of the archive's index", index=forge.index(bytes([good[0] | 1])))


def test_m25_block_checksum_is_verified():
    data = bytearray(forge.write_archive(["10101010"] * 6, block_images=2))
    first, second = data[56:62], data[62:68]
    data[56:62], data[62:68] = second, first
    reader = forge.open_archive(bytes(data))
    for i in range(4):
        with pytest.raises(Corrupt, match=f"checksum of block {i // 2}"):
            reader.record(i)
    assert reader.record(4).payload == b"\xaa"


def test_m26_block_padding_is_zero():
    dirty = forge.block(0, bytes([0xF0, 0x05])) + forge.block(1, forge.to_payload("1010101"))
    refused(Corrupt, "padding of block 0", blocks=dirty)


@pytest.mark.parametrize(
    "fields",
    [
        {"length_width": 32},
        {"length_width": 1, "block_images": 65535},
        {"length_width": 0, "unit_bits": 0, "base_bits": 0, "block_images": 1},
        {"length_width": 0, "unit_bits": 0, "base_bits": 2**31, "index": b""},
    ],
)
def test_m27_sizes_are_checked_against_the_file(fields):
    data = forge.archive(count=2**32, **fields)
    tracemalloc.start()
    with pytest.raises(Corrupt):
        forge.open_archive(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_images_without_room_for_their_blocks_are_refused():
    # The index is really there: 2**18 codes of one bit; the blocks would need 4 bytes each.
    codes = forge.index(bytes(2**15))
    refused(Corrupt, "do not fit", count=2**18, length_width=1, block_images=1, index=codes)


def test_writer_refuses_too_many_images(monkeypatch):
    monkeypatch.setattr(archive_writer, "MAX_IMAGES", 1)
    writer = ArchiveWriter(io.BytesIO(), forge.MODEL)
    writer.add(b"", 0)
    with pytest.raises(TooLarge, match="at most 1 pictures"):
        writer.add(b"", 0)


class CountingFile(io.BytesIO):
    """Remembers which bytes were read, and offers nothing but read, seek and tell."""

    def __init__(self, data):
        super().__init__(data)
        self.ranges = []

    def read(self, size=-1):
        start = self.tell()
        data = super().read(size)
        self.ranges.append((start, start + len(data)))
        return data


def test_m28_one_image_reads_one_block():
    records = [f"{i:08b}" * (1 + i % 3) for i in range(200)]
    data = forge.write_archive(records, block_images=10)
    (index_offset,) = struct.unpack_from("<Q", data, 48)
    file = CountingFile(data)
    reader = ArchiveReader(file)
    assert file.ranges == [(0, 56), (index_offset, len(data))]
    file.ranges.clear()
    record = reader.record(123)
    assert forge.to_bits(record.payload, record.nbits) == records[123]
    start = 56 + sum(len("".join(records[i : i + 10])) // 8 + 4 for i in range(0, 120, 10))
    size = len("".join(records[120:130])) // 8 + 4
    assert file.ranges == [(start, start + size)]


@pytest.mark.parametrize("i", [-1, 3, 2**64])
def test_m29_index_out_of_range_is_refused(i):
    reader = forge.open_archive(forge.archive())
    for read in (reader.record, reader.block_of, reader.records):
        with pytest.raises(OutOfRange, match=f"{i} is not in the archive"):
            read(i)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ([], (0, 0, 0)),
        ([0], (0, 0, 0)),
        ([7, 7, 7], (0, 7, 0)),
        ([20, 80, 40], (2, 20, 20)),
        ([1, 2], (1, 1, 1)),
        ([0, 9, 1], (4, 0, 1)),
    ],
)
def test_m30_lengths_are_canonical(lengths, expected):
    data = forge.write_archive(["1" * n for n in lengths])
    width, _, base, unit = struct.unpack_from("<BBII", data, 38)
    assert (width, base, unit) == expected
    assert forge.read_records(forge.open_archive(data)) == ["1" * n for n in lengths]


def test_m31_unfinished_archive_is_refused():
    file = io.BytesIO()
    with pytest.raises(KeyboardInterrupt), ArchiveWriter(file, forge.MODEL, block_images=1) as w:
        w.add(b"\xff", 8)
        raise KeyboardInterrupt
    with pytest.raises(NotPsl, match="did not finish"):
        forge.read_everything(file.getvalue())


@pytest.mark.parametrize(
    ("payload", "nbits"), [(b"", 1), (b"\xff", 0), (b"\xff", 9), (b"\xff", 7), (b"", -1)]
)
def test_m32_mismatched_payload_is_refused(payload, nbits):
    with pytest.raises(PslError, match=f"nbits={nbits}"):
        ArchiveWriter(io.BytesIO(), forge.MODEL).add(payload, nbits)
