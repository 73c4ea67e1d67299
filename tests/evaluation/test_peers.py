import io

import numpy as np
import pytest
from PIL import Image

from pseudocodec.evaluation import peers
from pseudocodec.evaluation.sheets import to_sheets


def smooth(shape, count=100):
    """Pictures that any codec represents well: ramps of different slopes."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    stack = np.stack([(x * (i % 7) + y * (i % 5) + i) % 256 for i in range(count)])
    return (stack[..., None] + np.arange(3) if len(shape) == 3 else stack).astype(np.uint8)


def here(name):
    """The peer, or a skipped test where Pillow lacks it."""
    if not peers.PEERS[name].available:
        pytest.skip(f"Pillow has no {name} here")
    return peers.PEERS[name]


@pytest.mark.parametrize("layout", ["single", "sheet"])
@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
@pytest.mark.parametrize("name", ["JPEG", "WebP", "AVIF", "JPEG XL"])
def test_quality_buys_psnr_with_bytes(name, shape, layout):
    low, high = peers.curve(smooth(shape), here(name), layout, (5, 95))
    assert (low["codec"], low["layout"], low["setting"]) == (name, layout, 5)
    assert low["bytes"] < high["bytes"]
    assert low["psnr"] < high["psnr"]
    assert high["psnr"] > 30


@pytest.mark.parametrize("name", ["JPEG", "WebP", "AVIF", "JPEG XL"])
def test_the_lowest_setting_makes_the_smallest_files(name):
    peer, picture = here(name), smooth((64, 64))[3]
    sizes = [len(peer.encode(picture, setting)) for setting in (peer.lowest, 30, 75)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 3)])
def test_png_is_lossless_and_has_no_psnr(shape):
    (row,) = peers.curve(smooth(shape), peers.PEERS["PNG"], "single", (None,))
    assert row["psnr"] is None


def test_bytes_are_those_of_the_files_per_picture():
    images = smooth((16, 16))
    (row,) = peers.curve(images, peers.PEERS["JPEG"], "single", (10,))
    files = [peers.PEERS["JPEG"].encode(image, 10) for image in images]
    assert row["bytes"] == sum(map(len, files)) / 100


def test_a_sheet_partly_filled_is_divided_by_the_pictures_it_is_for():
    images = smooth((16, 16), 7)
    size, decoded = peers.round_trip(images, peers.PEERS["PNG"], "sheet", None)
    (sheet,) = to_sheets(images)
    assert sheet.shape == (48, 48)
    assert size == len(peers.PEERS["PNG"].encode(sheet, None))
    assert np.array_equal(decoded, images)
    (row,) = peers.curve(images, peers.PEERS["PNG"], "sheet", (None,))
    assert row["bytes"] == size / 7


def test_the_smallest_variant_is_kept():
    image = to_sheets(smooth((16, 16)))[0]
    peer = peers.PEERS["JPEG"]
    alone = [peers.Peer("", "JPEG", peer.options, variants=(v,)) for v in peer.variants]
    assert len(peer.encode(image, 50)) == min(len(one.encode(image, 50)) for one in alone)


def test_a_format_that_pillow_cannot_write_is_not_available():
    assert peers.PEERS["PNG"].available
    assert not peers.Peer("", "no such format").available


def test_progress_counts_the_files_of_each_setting():
    told = []
    peers.curve(
        smooth((16, 16), 2), peers.PEERS["PNG"], "single", [None], lambda *told_: told.append(told_)
    )
    assert told == [("PNG single lossless", 0, 2), ("PNG single lossless", 1, 2)]


def test_grey_files_come_back_grey():
    file = io.BytesIO()
    grey = smooth((16, 16))[1]
    Image.fromarray(grey).convert("RGB").save(file, "PNG")
    assert np.array_equal(peers.decode(file.getvalue(), grey), grey)
