import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("pillow_jxl")
import peers


def smooth(shape):
    """100 pictures that any codec represents well: ramps of different slopes."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    stack = np.stack([(x * (i % 7) + y * (i % 5) + i) % 256 for i in range(100)])
    return (stack[..., None] + np.arange(3) if len(shape) == 3 else stack).astype(np.uint8)


@given(hnp.arrays(np.uint8, st.sampled_from([(100, 2, 3), (200, 3, 2), (100, 1, 2, 3)])))
def test_sheets_round_trip(images):
    assert np.array_equal(peers.from_sheets(peers.to_sheets(images)), images)


def test_sheet_is_laid_out_row_by_row():
    images = np.arange(100, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    (sheet,) = peers.to_sheets(images)
    assert np.array_equal(sheet[::2, ::2], np.arange(100).reshape(10, 10))


def test_sheets_refuse_a_remainder():
    with pytest.raises(ValueError, match="101 images do not fill sheets of 100"):
        peers.to_sheets(np.zeros((101, 2, 2), np.uint8))


@pytest.mark.parametrize("layout", ["single", "sheet"])
@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
@pytest.mark.parametrize("name", ["JPEG", "WebP", "AVIF", "JPEG XL"])
def test_quality_buys_psnr_with_bytes(name, shape, layout):
    images = smooth(shape)
    low, high = peers.curve(images, peers.PEERS[name], layout, (5, 95))
    assert (low["codec"], low["layout"], low["setting"]) == (name, layout, 5)
    assert low["bytes"] < high["bytes"]
    assert low["psnr"] < high["psnr"]
    assert high["psnr"] > 30


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_png_is_lossless_and_has_no_psnr(shape):
    (row,) = peers.curve(smooth(shape), peers.PEERS["PNG"], "single", (None,))
    assert row["psnr"] is None


def test_bytes_are_those_of_the_files_per_image():
    images = smooth((16, 16))
    (row,) = peers.curve(images, peers.PEERS["WebP"], "single", (10,))
    files = [peers.PEERS["WebP"].encode(image, 10) for image in images]
    assert row["bytes"] == sum(map(len, files)) / 100


def test_the_smallest_variant_is_kept():
    image = peers.to_sheets(smooth((16, 16)))[0]
    peer = peers.PEERS["JPEG"]
    alone = [peers.Peer("", "JPEG", peer.options, variants=(v,)) for v in peer.variants]
    assert len(peer.encode(image, 50)) == min(len(one.encode(image, 50)) for one in alone)
