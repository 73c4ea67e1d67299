import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.evaluation import compare


def row(size, psnr, codec="WebP"):
    return {"codec": codec, "bytes": size, "psnr": psnr}


LINE = [row(10, 20.0), row(100, 30.0), row(1000, 35.0)]


def test_psnr_is_linear_in_the_logarithm_of_the_bytes():
    assert compare.psnr_at(LINE, math.sqrt(10 * 100)) == pytest.approx(25)
    assert compare.psnr_at(LINE, 100) == pytest.approx(30)
    assert compare.bytes_at(LINE, 32.5) == pytest.approx(math.sqrt(100 * 1000))


@pytest.mark.parametrize("size", [9.99, 1000.1])
def test_bytes_outside_the_rows_are_never_extrapolated(size):
    assert compare.psnr_at(LINE, size) is None


@pytest.mark.parametrize("psnr", [19.99, 35.01])
def test_psnr_outside_the_rows_is_never_extrapolated(psnr):
    assert compare.bytes_at(LINE, psnr) is None


def test_no_rows_are_no_range():
    assert compare.psnr_at([], 10) is None
    assert compare.bytes_at([row(10, None)], 10) is None


def test_the_front_leaves_out_what_nobody_would_choose():
    worse, lossless = row(50, 19.0), row(2000, None)
    assert compare.front([*LINE[::-1], worse, lossless, row(100, 25.0)]) == LINE


@given(st.lists(st.tuples(st.floats(1, 1e6), st.floats(1, 60)), min_size=2, unique=True))
def test_bytes_and_psnr_undo_each_other(points):
    rows = [row(*point) for point in points]
    for point in compare.front(rows):
        size = compare.bytes_at(rows, point["psnr"])
        assert size == pytest.approx(point["bytes"])


def test_tables_hold_each_peer_or_none():
    ours = [row(50, 29.0, "pseudocodec"), row(5, 19.0, "pseudocodec")]
    peers = [*LINE, row(200, 28.0, "JPEG"), row(300, 31.0, "JPEG"), row(400, None, "PNG")]
    sizes = compare.at_equal_bytes(ours, peers)
    assert [line["bytes"] for line in sizes] == [50, 5]
    assert sizes[0]["peers"] == {"WebP": compare.psnr_at(LINE, 50), "JPEG": None}
    assert sizes[1]["peers"] == {"WebP": None, "JPEG": None}
    first, second = compare.at_equal_psnr(ours, peers)
    expected = compare.bytes_at(LINE, 29.0)
    assert first["peers"]["WebP"] == {"bytes": expected, "ratio": expected / 50}
    assert first["peers"]["JPEG"]["bytes"] == pytest.approx(200 * 1.5 ** (1 / 3))
    assert second["peers"] == {"WebP": None, "JPEG": None}


def test_a_lossless_row_of_ours_has_no_equal_psnr():
    assert compare.at_equal_psnr([row(5, None)], LINE) == []


def test_the_smallest_row_of_each_peer():
    found = compare.smallest([*LINE, row(7, 9.0, "JPEG"), row(1, None, "PNG")])
    assert found == {"WebP": LINE[0], "JPEG": row(7, 9.0, "JPEG")}
