"""`evaluate` of a model for pictures of any size: files of its own for each picture."""

import json

import numpy as np
import pytest
from photo_models import smooth

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.evaluation import photos
from pseudocodec.metrics import psnr


@pytest.fixture
def pictures():
    return [smooth(264, 300, seed=1), smooth(40, 56, seed=2)]


@pytest.fixture
def quick(monkeypatch):
    """Two qualities, and one setting or two of two peers."""
    monkeypatch.setattr(photos, "QUALITIES", (30, 70))
    monkeypatch.setattr(photos, "SETTINGS", {"JPEG": (5, 60, 90), "WebP": (10, 80)})


@pytest.fixture
def report(photo_model, pictures, quick, tmp_path):
    return pseudocodec.evaluate(
        photo_model, pictures, tmp_path / "r", effort=0, recipe=["Made for a test."]
    )


def test_rows_are_means_over_the_files_of_the_pictures(report, photo_model, pictures):
    row = next(row for row in report["rows"] if row["setting"] == 30)
    files = [pseudocodec.encode(p, model=photo_model, quality=30, effort=0) for p in pictures]
    assert row["bytes"] == np.mean([len(file) for file in files])
    bits = [8 * len(f) / (p.shape[0] * p.shape[1]) for f, p in zip(files, pictures, strict=True)]
    assert row["bpp"] == pytest.approx(np.mean(bits))
    decoded = [pseudocodec.decode(file) for file in files]
    assert row["psnr"] == pytest.approx(
        np.mean([psnr(a, b) for a, b in zip(pictures, decoded, strict=True)])
    )


def test_the_folder_holds_what_was_returned(report, tmp_path):
    stored = json.loads((tmp_path / "r" / "report.json").read_text())
    assert stored == {key: value for key, value in report.items() if key != "folder"}
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == sorted(report["files"])
    card = (tmp_path / "r" / "card.md").read_text()
    assert "Made for a test." in card and "2 pictures (pictures in memory)" in card
    assert report["model"]["id"] in card
    for row in report["rows"]:
        assert f"| {row['psnr']:.2f} |" in card
    assert "against JPEG" in card


def test_peers_see_the_first_pictures_only(photo_model, pictures, quick, tmp_path):
    found = pseudocodec.evaluate(photo_model, pictures, tmp_path / "r", effort=0, peer_limit=1)
    jpeg = next(row for row in found["rows"] if row["codec"] == "JPEG" and row["setting"] == 60)
    data = photos.PEERS["JPEG"].encode(pictures[0], 60)
    assert jpeg["bytes"] == len(data)
    assert "The other codecs were given the first 1 pictures." in found["notes"]


def test_without_peers_nothing_is_compared(photo_model, pictures, quick, tmp_path):
    found = pseudocodec.evaluate(photo_model, pictures, tmp_path / "r", effort=0, peers=False)
    assert found["versus"] is None
    assert {row["codec"] for row in found["rows"]} == {"pseudocodec"}


def test_small_pictures_have_no_sheet(photo_model, pictures, quick, tmp_path):
    found = pseudocodec.evaluate(photo_model, pictures[1:], tmp_path / "r", effort=0, peers=False)
    assert "sheet.png" not in found["files"]
    assert any("no picture has 256 pixels" in note for note in found["notes"])


def test_alpha_is_left_out_and_grey_stays_grey(photo_model, quick, tmp_path):
    grey = smooth(32, 48)[:, :, 0]
    clear = np.dstack([smooth(32, 48), np.full((32, 48), 9, np.uint8)])
    found = pseudocodec.evaluate(photo_model, [grey, clear], tmp_path / "r", effort=0)
    assert found["data"]["pictures"] == 2


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"nbytes": [100]}, "measured at fixed qualities"), ({"limit": 0}, "limit=0")],
)
def test_refused(photo_model, pictures, tmp_path, given, sentence):
    with pytest.raises(PslError, match=sentence):
        pseudocodec.evaluate(photo_model, pictures, tmp_path / "r", **given)
    assert not (tmp_path / "r").exists()


def test_no_pictures(photo_model, tmp_path):
    with pytest.raises(PslError, match="no pictures to evaluate on"):
        pseudocodec.evaluate(photo_model, [], tmp_path / "r")


def test_a_bad_picture_is_named(photo_model, tmp_path):
    with pytest.raises(PslError, match="picture 0: "):
        pseudocodec.evaluate(photo_model, [np.zeros((0, 3), np.uint8)], tmp_path / "r")


def test_an_earlier_report_is_kept(report, photo_model, pictures, tmp_path):
    with pytest.raises(PslError, match="holds a report already"):
        pseudocodec.evaluate(photo_model, pictures, tmp_path / "r")
