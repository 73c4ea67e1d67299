"""M49 and M50: where transparency is looked at, and where there is none."""

import numpy as np
import photo_models
import pytest

import pseudocodec
from pseudocodec.container import Chunk, Geometry, read_single, write_single
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.picture import KNOWN

SIZE = Geometry(100, 70)  # two tiles of 64 pixels a side by two
REGION = (0, 0, 8, 8)
DIGITS = bytes.fromhex("a25046cd5d5ef219")


def with_chunks(data: bytes, *chunks: Chunk) -> bytes:
    found = read_single(data)
    return write_single(found.model_id, found.payload, geometry=SIZE, chunks=chunks, dense=True)


@pytest.mark.usefixtures("small_tiles")
def test_m49_regions_verify_chunks(photo_model):
    picture = photo_models.smooth(SIZE.height, SIZE.width)
    plain = pseudocodec.encode(picture, model=photo_model, effort=0)
    data = with_chunks(plain, Chunk(b"Alph", b"\x00\x80"))
    whole = pseudocodec.decode(data)[: REGION[3], : REGION[2]]
    np.testing.assert_array_equal(pseudocodec.decode(data, region=REGION), whole)
    assert (whole[:, :, 3] == 0x80).all()
    for at in range(28, 28 + 4 + 8 + 2):  # the section's length, the chunk's tag, length and data
        for bit in range(8):
            damaged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with pytest.raises(PslError):
                pseudocodec.decode(damaged, region=REGION)
    # A profile does not change pixels: the tiles' own checksums suffice.
    profiled = with_chunks(plain, Chunk(b"iccp", b"whatever"))
    damaged = profiled.replace(b"whatever", b"Whatever")
    assert pseudocodec.decode(damaged, region=REGION).shape == (8, 8, 3)


def test_m50_alpha_needs_a_model_of_any_size():
    transparent = write_single(DIGITS, bytes(5), chunks=[Chunk(b"Alph", b"\x00\x80")])
    assert read_single(transparent, known=KNOWN).payload == bytes(5)
    with pytest.raises(Corrupt, match="transparency, which its model does not have"):
        pseudocodec.decode(transparent)
