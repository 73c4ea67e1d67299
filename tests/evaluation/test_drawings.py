import io
import sys

import numpy as np
import pytest
from PIL import Image

from pseudocodec.evaluation import plot, sheet

ROW = {"codec": "pseudocodec", "layout": "archive", "bytes": 10.0, "psnr": 20.0}


def drawn(rows):
    with Image.open(io.BytesIO(sheet.draw_sheet(rows))) as image:
        image.load()
        return image


@pytest.mark.parametrize("shape", [(4, 4), (28, 28), (64, 64, 3), (300, 500, 3), (40, 3000)])
def test_a_sheet_is_never_too_wide(shape):
    images = np.zeros((20, *shape), np.uint8)
    image = drawn([("original\n1 byte", images), ("ours", images)])
    assert sheet.WIDTH // 2 < image.width <= sheet.WIDTH
    assert image.mode == ("RGB" if len(shape) == 3 else "L")


def test_small_pictures_are_enlarged_by_whole_squares():
    picture = np.array([[[0, 50], [100, 150]]], np.uint8)
    pixels = np.asarray(drawn([("", picture)]))
    squares = [pixels == value for value in (0, 50, 100, 150)]
    (side,) = {int(square.any(axis).sum()) for square in squares for axis in (0, 1)}
    assert side > 100
    assert all(square.sum() == side**2 for square in squares)


def test_a_row_holds_fewer_of_the_larger():
    assert sheet.shown(28) == sheet.MOST_SHOWN
    assert sheet.shown(500) == 2
    assert sheet.shown(5000) == 1


def test_labels_are_drawn_beside_the_pictures():
    white = np.full((1, 8, 8), 255, np.uint8)
    assert (np.asarray(drawn([("", white)])) == 255).all()
    assert (np.asarray(drawn([("label", white)])) < 128).any()


def test_a_plot_is_a_png():
    pytest.importorskip("matplotlib")
    peer = {"codec": "PNG", "layout": "sheet", "bytes": 99.0, "psnr": None}
    data = plot.plot([ROW, {**ROW, "bytes": 20.0, "psnr": 25.0}, peer], "title")
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (1200, 750)


def test_lines_are_told_apart_and_lossless_rows_left_out():
    figure = pytest.importorskip("matplotlib.figure")
    axes = figure.Figure().subplots()
    rows = [
        ROW,
        {**ROW, "layout": "single"},
        {**ROW, "codec": "bound"},
        {**ROW, "codec": "PNG", "psnr": None},
    ]
    lines = plot.draw(axes, rows)
    assert list(lines) == [
        ("pseudocodec", "archive"),
        ("pseudocodec", "single"),
        ("bound", "archive"),
    ]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", ":"]
    assert axes.get_xscale() == "log"


def test_without_matplotlib_there_is_no_plot(monkeypatch):
    monkeypatch.setattr(plot, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot.plot([ROW], "title") is None
