"""Any damage to a file is a PslError: never another exception, never a wrong picture."""

import io
from contextlib import suppress

import psl_forge as forge
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.container import ArchiveReader, Geometry, read_single, write_single
from pseudocodec.errors import PslError

SIZES = [Geometry(3, 5), Geometry(1, 1), Geometry(640, 480)]
FILES = {
    "single": write_single(forge.MODEL, b"payload"),
    "single with all": write_single(
        forge.MODEL, b"payload", geometry=Geometry(3, 5), chunks=[forge.NOTE]
    ),
    "archive": forge.write_archive(forge.RECORDS, block_images=2),
    "archive of equal lengths": forge.write_archive(["10110"] * 3, block_images=2),
    "archive with all": forge.write_archive(forge.RECORDS, geometries=SIZES, chunks=[forge.NOTE]),
}
every_file = pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())


@every_file
def test_every_truncation_is_refused(data):
    for end in range(len(data)):
        with pytest.raises(PslError):
            forge.read_everything(data[:end])


@every_file
def test_every_flipped_bit_is_refused(data):
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PslError):
            forge.read_everything(bytes(damaged))


@every_file
def test_every_flipped_bit_of_a_partial_file_is_refused_or_unverified(data):
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            result = read_single(bytes(damaged), partial=True)
        except PslError:
            continue
        assert not result.verified


@every_file
def test_every_byte_repeated_or_appended_is_refused(data):
    for i in range(len(data)):
        with pytest.raises(PslError):
            forge.read_everything(data[: i + 1] + data[i:])


def test_single_and_archive_are_not_confused():
    with pytest.raises(PslError, match="is an archive"):
        read_single(FILES["archive"])
    with pytest.raises(PslError, match="is a single picture"):
        forge.open_archive(FILES["single"])


def test_file_that_shrinks_while_read_is_refused():
    file = io.BytesIO(FILES["archive"])
    reader = ArchiveReader(file)
    file.truncate(60)
    with pytest.raises(PslError, match="ended at byte 60"):
        reader.record(0)


@given(flags=st.integers(0, 15), body=st.binary(max_size=80))
def test_any_signed_single_is_read_or_refused(flags, body):
    with suppress(PslError):
        forge.read_everything(forge.single(flags, body))


near = st.sampled_from([0, 1, 2, 3, 4, 63, 64, 65, 2**16 - 1, 2**31, 2**32 - 1])


@given(
    flags=st.sampled_from([1, 3, 9]),
    count=near | st.sampled_from([2**32, 2**40, 2**64 - 1]),
    size=st.tuples(near, near),
    block_images=st.integers(0, 5) | st.just(65535),
    length_width=st.integers(0, 34),
    base_bits=near,
    unit_bits=near,
    blocks=st.binary(max_size=40),
    codes=st.binary(max_size=10),
)
def test_any_signed_archive_is_read_or_refused(flags, size, blocks, codes, **fields):
    if flags != 3:
        size = (0, 0)
    index = forge.index(codes) if fields["length_width"] else b""
    data = forge.archive(
        flags=flags, size=size, blocks=forge.block(0, blocks), index=index, **fields
    )
    with suppress(PslError):
        forge.read_everything(data)
