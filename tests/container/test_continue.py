"""Pictures added to a finished archive."""

import io
from itertools import chain

import psl_forge as forge
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.container import Chunk, Geometry, continue_archive, lengths, salvage
from pseudocodec.errors import Corrupt, NotPsl, PslError, TooLarge, UnsupportedVersion

bit_strings = st.text("01", max_size=40)
sizes = st.builds(Geometry, st.integers(1, 2**20), st.integers(1, 2**20))


def continued(data, records, geometries=None):
    """The archive `data` with more records."""
    file = io.BytesIO(data)
    with continue_archive(file) as writer:
        for i, bits in enumerate(records):
            geometry = None if geometries is None else geometries[i]
            writer.add(forge.to_payload(bits), len(bits), geometry)
    return file.getvalue()


def refused(error, match, data):
    """No archive to continue, and nothing is changed in it."""
    file = io.BytesIO(data)
    with pytest.raises(error, match=match):
        continue_archive(file)
    assert file.getvalue() == data


@given(
    st.lists(st.lists(bit_strings, max_size=12), min_size=1, max_size=4),
    st.integers(1, 7),
    st.none() | st.just(Geometry(3, 4)),
    st.booleans(),
    st.sampled_from([(), (forge.NOTE,)]),
)
def test_parts_give_the_bytes_of_the_whole(parts, block_images, geometry, dense, chunks):
    options = {
        "block_images": block_images, "geometry": geometry, "dense": dense, "chunks": chunks,
    }  # fmt: skip
    data = forge.write_archive(parts[0], **options)
    for part in parts[1:]:
        data = continued(data, part)
    assert data == forge.write_archive(list(chain(*parts)), **options)


@given(st.lists(st.tuples(bit_strings, sizes), max_size=12), st.integers(0, 12), st.integers(1, 5))
def test_parts_with_sizes_give_the_bytes_of_the_whole(pictures, at, block_images):
    records, geometries = [bits for bits, _ in pictures], [size for _, size in pictures]
    data = forge.write_archive(records[:at], geometries=geometries[:at], block_images=block_images)
    whole = forge.write_archive(records, geometries=geometries, block_images=block_images)
    assert continued(data, records[at:], geometries[at:]) == whole


def test_lengths_beyond_one_run_of_the_index(monkeypatch):
    monkeypatch.setattr(lengths, "_RUN", 16)
    records = ["1" * (i * i % 7) for i in range(200)]
    data = forge.write_archive(records[:-1], block_images=150)
    assert continued(data, records[-1:]) == forge.write_archive(records, block_images=150)


def test_file_on_disk(tmp_path):
    path = tmp_path / "a.psl"
    path.write_bytes(forge.write_archive(["101"] * 9, block_images=4))
    with path.open("r+b") as file, continue_archive(file) as writer:
        assert writer.count == 9
        writer.add(b"\xff\x80", 9)
    assert path.read_bytes() == forge.write_archive(["101"] * 9 + ["1" * 9], block_images=4)


def test_no_reader_accepts_the_file_before_the_end():
    file = io.BytesIO(forge.archive())
    continue_archive(file).add(b"\xff", 8)
    with pytest.raises(NotPsl, match="did not finish"):
        forge.read_everything(file.getvalue())


@pytest.mark.parametrize("offset", [20, 62, 63, 67, 69])
def test_damage_is_refused(offset):
    # In the header, the last block (which is to grow), its checksum, the index and its checksum.
    data = bytearray(forge.archive())
    data[offset] ^= 1
    refused(Corrupt, "checksum", bytes(data))


@pytest.mark.parametrize("cut", [1, 10, 30])
def test_truncated_archive_is_refused(cut):
    refused(Corrupt, "truncated", forge.archive()[:-cut])


def test_single_picture_is_refused():
    refused(PslError, "not an archive", forge.single())


def test_unknown_critical_chunk_is_refused():
    data = forge.write_archive(["1"], chunks=[Chunk(b"Crit", b"")])
    refused(UnsupportedVersion, "needs chunk 'Crit'", data)


def test_more_pictures_than_the_file_accounts_for_are_refused(monkeypatch):
    # 2**32 empty pictures fit into 256 KiB, and would take 16 GiB in the writer.
    monkeypatch.setattr(salvage, "_TRUSTED_RECORDS", 1000)
    data = forge.write_archive([""] * 1001, block_images=65535)
    refused(TooLarge, "claims 1001 pictures in 60 bytes", data)
    assert continued(forge.write_archive([""] * 1000), [""]) == forge.write_archive([""] * 1001)
