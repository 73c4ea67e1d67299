import numpy as np
import pytest

from pseudocodec.evaluation import curve
from pseudocodec.evaluation.peers import PEERS

IMAGES = np.random.default_rng(5).integers(0, 256, (3, 16, 16), np.uint8)


def test_sizes_go_in_equal_ratios_over_the_range():
    assert curve.default_sizes((2, 128), 10**6) == [3, 5, 9, 17, 33, 65, 129]


@pytest.mark.parametrize(("payload", "sizes"), [((0, 1), [2]), ((0, 0), [2]), ((5, 5), [6])])
def test_a_narrow_range_has_fewer_sizes(payload, sizes):
    assert curve.default_sizes(payload, 10**6) == sizes


@pytest.mark.parametrize(("count", "overhead"), [(1, 61), (61, 1), (60, 2), (256, 1), (10**9, 1)])
def test_overhead_of_an_archive(count, overhead):
    assert curve.archive_overhead(count) == overhead


def test_peers_stop_where_both_bytes_and_psnr_exceed_ours():
    ours = [{"bytes": 5.0, "psnr": 8.0}, {"bytes": 190.0, "psnr": 13.0}]
    rows = curve.peer_curve(IMAGES, PEERS["JPEG"], "single", ours)
    assert rows[0]["setting"] == 1  # JPEG's lowest
    above = [row["bytes"] > 190 and row["psnr"] > 13 for row in rows]
    assert above == [False] * (len(rows) - 1) + [True]


def test_peers_are_tried_to_the_end_where_ours_is_lossless():
    rows = curve.peer_curve(IMAGES, PEERS["JPEG"], "sheet", [{"bytes": 1.0, "psnr": None}])
    assert rows[-1]["setting"] == curve.SETTINGS[-1]


def test_a_lossless_peer_has_one_row():
    (row,) = curve.peer_curve(IMAGES, PEERS["PNG"], "sheet", [{"bytes": 1.0, "psnr": 1.0}])
    assert row["psnr"] is None
