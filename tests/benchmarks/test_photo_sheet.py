"""The sheet of photographs at equal bytes: what fits, what does not, and what is drawn."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import harness
import photo_sheet
import photos
import pseudocodec
from pseudocodec.evaluation.ours import NAME

ROOT = Path(__file__).parents[2]
SIZE = 160, 200  # of the stand-ins, which hold their crops
PIXELS = SIZE[0] * SIZE[1]


@pytest.fixture
def small(monkeypatch):
    """Small pictures, cropped at their corners."""
    i, j, c = np.ogrid[: SIZE[0], : SIZE[1], :3]
    picture = ((i * j // 60 + i * 2 // 3 + 40 * c) % 256).astype(np.uint8)
    corners = {"a": (0, 0), "b": (10, 10)}
    monkeypatch.setattr(photo_sheet, "CROPS", corners)
    monkeypatch.setattr(photos, "kodak", lambda: dict.fromkeys(corners, picture))
    return picture


def test_the_highest_setting_that_fits_and_no_file_twice(small):
    [jpeg] = photos.peers(["JPEG"])
    asked = []

    def encode(image, setting):
        asked.append(setting)
        return jpeg.encode(image, setting)

    code = photo_sheet.fitted(dataclasses.replace(jpeg, encode=encode), small)
    for rate in (1.0, 2.0, 1.0):
        setting, file = code(rate)
        assert 1 < setting < photo_sheet.BEST
        assert file == jpeg.encode(small, setting)
        assert 8 * len(file) <= rate * PIXELS < 8 * len(jpeg.encode(small, setting + 1))
    assert len(asked) == len(set(asked))


def test_a_codec_that_cannot_go_so_low_shows_its_lowest(small):
    [jpeg] = photos.peers(["JPEG"])
    assert photo_sheet.fitted(jpeg, small)(0.01) == (1, jpeg.encode(small, 1))
    column = photo_sheet.Column(NAME, photo_sheet.ours(small), pseudocodec.decode)
    row, _ = photo_sheet.one(column, small, 0.001)
    assert row["fits"] == "no"
    assert row["bytes"] == len(pseudocodec.encode(small, quality=0))


def test_a_quick_run_and_its_sheet(small):
    rows = photo_sheet.measure(quick=True)
    assert [(row["picture"], row["codec"]) for row in rows] == [
        ("a", "JPEG"),
        ("a", "WebP"),
        ("a", NAME),
    ]
    drawn = np.asarray(photo_sheet.sheet(rows))
    step = photo_sheet.SIDE + photo_sheet.GAP
    assert drawn.shape[1] == 4 * step
    left, top = photo_sheet.GAP // 2, photo_sheet.LINE
    shown = drawn[top : top + photo_sheet.SIDE, left : left + photo_sheet.SIDE]
    assert np.array_equal(shown, small[: photo_sheet.SIDE, : photo_sheet.SIDE])


@pytest.mark.parametrize("ending", ["png", "webp"])
def test_the_sheet_saved_has_its_own_pixels(ending, small, tmp_path):
    pytest.importorskip("matplotlib")
    rows = photo_sheet.measure(quick=True)
    path = tmp_path / f"sheet.{ending}"
    harness.write_plot(path, photo_sheet.draw, rows)
    with Image.open(path) as image:
        saved = np.asarray(image.convert("RGB"))
    assert np.array_equal(saved, np.asarray(photo_sheet.sheet(rows)))


@pytest.fixture(scope="module")
def measured():
    """The rows committed."""
    path = ROOT / "benchmarks" / "results" / "photo_sheet.json"
    return json.loads(path.read_text())["rows"]


def test_what_was_measured_keeps_to_its_bytes(measured):
    asked = {(row["picture"], row["asked"], row["codec"]) for row in measured}
    assert len(asked) == len(measured) == 3 * 3 * 5
    for row in measured:
        assert (row["fits"] == "yes") == (row["bpp"] <= row["asked"])


def test_the_pages_say_what_was_measured(measured):
    rows = [row for row in measured if row["fits"] == "yes"]
    fit = {(row["codec"], row["picture"], row["asked"]): row["psnr"] for row in rows}
    ahead = {
        codec: {
            (picture, rate): fit[NAME, picture, rate] - other
            for (name, picture, rate), other in fit.items()
            if name == codec and (NAME, picture, rate) in fit
        }
        for codec in photo_sheet.NAMES
    }
    assert min(ahead["JPEG"].values()) > 0 and min(ahead["JPEG XL"].values()) > 0
    assert min(ahead["WebP"].values()) > 0
    behind = [-gain for gain in ahead["AVIF"].values()]
    for page in ("README.md", "docs/effort.md"):
        text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
        assert f"{min(behind):.1f} to {max(behind):.1f} dB" in text
