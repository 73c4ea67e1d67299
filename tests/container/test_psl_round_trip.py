"""Whatever goes into a container comes out of it."""

import io

import psl_forge as forge
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.container import (
    ArchiveReader,
    ArchiveWriter,
    Chunk,
    Geometry,
    read_single,
    write_single,
)
from pseudocodec.errors import PslError, TooLarge

tags = st.text("abcXYZ", min_size=4, max_size=4).map(str.encode)
chunk_lists = st.lists(
    st.builds(Chunk, tags, st.binary(max_size=9)), max_size=3, unique_by=lambda chunk: chunk.tag
)
geometries = st.builds(Geometry, st.integers(1, 2**14), st.integers(1, 2**14))
bit_strings = st.text("01", max_size=40)


def known(chunks):
    return {chunk.tag for chunk in chunks}


@given(st.binary(max_size=50), st.none() | geometries, chunk_lists, st.booleans())
def test_single_round_trip(payload, geometry, chunks, dense):
    data = write_single(forge.MODEL, payload, geometry=geometry, chunks=chunks, dense=dense)
    result = read_single(data, known=known(chunks))
    assert result == (forge.MODEL, payload, geometry, tuple(chunks), True, dense)
    overhead = (
        (28 if geometry else 20) + (4 if chunks else 0) + sum(8 + len(c.data) for c in chunks)
    )
    assert len(data) == overhead + len(payload)


@given(
    st.lists(bit_strings, max_size=20),
    st.none() | geometries,
    chunk_lists,
    st.integers(1, 7),
)
def test_archive_round_trip(records, geometry, chunks, block_images):
    data = forge.write_archive(records, geometry=geometry, chunks=chunks, block_images=block_images)
    reader = forge.open_archive(data, known=known(chunks))
    assert (reader.count, reader.geometry) == (len(records), geometry)
    assert (reader.model_id, reader.chunks) == (forge.MODEL, tuple(chunks))
    assert forge.read_records(reader) == records
    for i in reversed(range(len(records))):
        record = reader.record(i)
        assert forge.to_bits(record.payload, record.nbits) == records[i]
        assert reader.records(reader.block_of(i))[i % block_images] == record
    assert reader.overhead_bytes == len(data) - (len("".join(records)) + 7) // 8


@given(st.lists(st.tuples(bit_strings, geometries), max_size=12), st.integers(1, 5))
def test_archive_with_record_geometry_round_trip(pictures, block_images):
    records, sizes = [bits for bits, _ in pictures], [size for _, size in pictures]
    data = forge.write_archive(records, geometries=sizes, block_images=block_images)
    reader = forge.open_archive(data)
    assert forge.read_records(reader) == records
    assert [reader.record(i).geometry for i in range(len(sizes))] == sizes
    assert reader.overhead_bytes == len(data) - (len("".join(records)) + 7) // 8


@pytest.mark.parametrize(("count", "bits"), [(1000, 77), (1, 80), (257, 0)])
def test_overhead_of_equal_records(count, bits):
    data = forge.write_archive(["1" * bits] * count)
    blocks = -(-count // 256)
    # Each block is rounded up to whole bytes: less than a byte each beyond 56 + 4 a block.
    overhead = forge.open_archive(data).overhead_bytes
    assert 56 + 4 * blocks <= overhead < 56 + 5 * blocks
    assert overhead <= 64 + count / 2


def test_lengths_beyond_one_run_of_the_index():
    # 300,000 records need two runs of the index, of codes that do not end on whole bytes.
    lengths = [(i * i) % 7 for i in range(300_000)]
    payloads = [forge.to_payload("1" * n) for n in range(7)]
    file = io.BytesIO()
    with ArchiveWriter(file, forge.MODEL, block_images=65535) as writer:
        for n in lengths:
            writer.add(payloads[n], n)
    reader = ArchiveReader(file)
    found = [r.nbits for b in range(reader.block_count) for r in reader.records(b)]
    assert found == lengths


def test_raw_file_that_reads_a_byte_at_a_time():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 1))

    assert forge.read_records(ArchiveReader(Slow(forge.archive()))) == list(forge.RECORDS)


def test_closed_writer_refuses_more():
    writer = ArchiveWriter(io.BytesIO(), forge.MODEL)
    writer.close()
    with pytest.raises(PslError, match="closed"):
        writer.add(b"", 0)
    with pytest.raises(PslError, match="closed"):
        writer.close()


@pytest.mark.parametrize(
    ("options", "geometry", "error"),
    [
        ({}, Geometry(1, 1), PslError),
        ({"record_geometry": True}, None, PslError),
        ({"record_geometry": True}, Geometry(2**20 + 1, 1), TooLarge),
    ],
)
def test_writer_refuses_wrong_geometry(options, geometry, error):
    with pytest.raises(error, match=r"geometry|picture size"):
        ArchiveWriter(io.BytesIO(), forge.MODEL, **options).add(b"", 0, geometry)


def test_writer_refuses_wrong_model_id():
    with pytest.raises(PslError, match="model_id has 3 bytes"):
        write_single(b"abc", b"")
    with pytest.raises(PslError, match="model_id has 3 bytes"):
        ArchiveWriter(io.BytesIO(), b"abc")
