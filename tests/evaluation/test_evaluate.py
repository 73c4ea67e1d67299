"""`evaluate` from pictures to files, with the shipped digits model."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.evaluation import peers, report
from pseudocodec.metrics import psnr

OPTIONS = {"nbytes": (8, 24), "effort": 0}


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    """A report of twelve pictures, the peers on ten of them, and its folder."""
    folder = tmp_path_factory.mktemp("reports") / "new" / "report"
    recipe = ["Trained for a test.", "", "    pseudocodec train x"]
    found = pseudocodec.evaluate(
        "digits", digits, folder, **OPTIONS, peer_limit=10, recipe=recipe, limit=12
    )
    return found, folder


def test_the_files_are_those_named(measured):
    found, folder = measured
    assert sorted(path.name for path in folder.iterdir()) == sorted(found["files"])
    assert {"card.md", "report.json", "sheet.png"} <= set(found["files"])
    assert Path(found["folder"]) == folder


def test_json_is_what_was_returned(measured):
    found, folder = measured
    stored = json.loads((folder / "report.json").read_text())
    assert stored == {key: value for key, value in found.items() if key != "folder"}
    assert str(folder) not in json.dumps(stored)


def test_rows_are_of_an_archive_of_all_pictures(measured, digits, tmp_path):
    (row, _), path = measured[0]["rows"], tmp_path / "x.psl"
    pseudocodec.save(path, digits, model="digits", nbytes=8, effort=0)
    assert row["bytes"] == path.stat().st_size / 12
    with pseudocodec.open(path) as archive:
        assert row["psnr"] == psnr(np.stack(digits), archive[:])


def test_both_sides_of_a_comparison_see_the_same_pictures(measured, digits, tmp_path):
    versus, path = measured[0]["versus"], tmp_path / "x.psl"
    assert versus["pictures"] == 10
    first = versus["ours"]["sheet"][0]
    pseudocodec.save(path, digits[:10], model="digits", nbytes=first["setting"], effort=0)
    assert first["bytes"] == path.stat().st_size / 10
    jpeg = peers.PEERS["JPEG"]
    for layout in ("sheet", "single"):
        row = next(row for row in versus["peers"][layout] if row["codec"] == "JPEG")
        size, _ = peers.round_trip(np.stack(digits[:10]), jpeg, layout, row["setting"])
        assert row["bytes"] == size / 10
        assert [line["bytes"] for line in versus["equal_bytes"][layout]] == [
            line["bytes"] for line in versus["ours"][layout]
        ]
    assert [row["setting"] for row in versus["ours"]["single"]] == [28, 44]


def test_the_card_says_what_was_measured(measured):
    found, folder = measured
    card = (folder / "card.md").read_text()
    assert found["model"]["id"] in card
    assert "pictures in memory, 12 pictures" in card
    assert "    pseudocodec train x" in card
    assert f"| {found['rows'][0]['bytes']:.1f} | {found['rows'][0]['psnr']:.2f} |" in card
    assert "contact sheets of the same 10 pictures" in card
    assert "may invent content" in card
    for name in found["files"]:
        assert (f"]({name})" in card) == name.endswith(".png")


def test_a_report_is_not_replaced_unless_asked(measured, digits):
    _, folder = measured
    with pytest.raises(PslError, match="holds a report already"):
        pseudocodec.evaluate("digits", digits, folder)


def test_what_an_earlier_report_left_over_goes(digits, tmp_path, monkeypatch):
    (tmp_path / "curve.png").write_bytes(b"old")
    (tmp_path / "mine.txt").write_text("kept")
    monkeypatch.setattr(report, "plot", lambda rows, title: None)
    monkeypatch.setattr(report, "can_ssim", lambda: False)
    found = pseudocodec.evaluate("digits", digits, tmp_path, **OPTIONS, peers=False, overwrite=True)
    assert found["versus"] is None
    assert [name for name in ("curve.png", "mine.txt") if (tmp_path / name).exists()] == [
        "mine.txt"
    ]
    curve, ssim = found["notes"]
    assert "pseudocodec[report]" in curve
    assert "SSIM is not measured" in ssim
    card = (tmp_path / "card.md").read_text()
    assert curve in card
    assert "curve.png" not in card
    assert "Other codecs" not in card


def test_absent_peers_are_left_out_and_said(digits, tmp_path, monkeypatch):
    known = {"JPEG": peers.PEERS["JPEG"], "None": peers.Peer("None", "no such format")}
    monkeypatch.setattr("pseudocodec.evaluation.versus.PEERS", known)
    found = pseudocodec.evaluate("digits", digits[:4], tmp_path / "r", nbytes=[24], effort=0)
    assert found["versus"]["absent"] == ["None"]
    assert "Pillow has no None here" in found["notes"][0]
    assert {row["codec"] for row in found["versus"]["peers"]["single"]} == {"JPEG"}


def test_the_folder_is_named_after_the_model(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = pseudocodec.evaluate("digits", digits[:2], **{**OPTIONS, "nbytes": [60]}, peers=False)
    assert found["folder"] == "digits-report"
    assert (tmp_path / "digits-report" / "card.md").is_file()


def test_the_folder_lies_beside_the_file_of_a_model(digits, tmp_path):
    path = tmp_path / "mine.safetensors"
    (entry,) = [row for row in pseudocodec.models() if row["name"] == "digits" and row["current"]]
    path.write_bytes(Path(entry["path"]).read_bytes())
    found = pseudocodec.evaluate(path, digits[:2], nbytes=[60], effort=0, peers=False)
    assert Path(found["folder"]) == tmp_path / "mine-report"
    assert found["model"]["file"] == "mine.safetensors"


def test_sizes_by_default_cover_the_range_of_the_model(digits, tmp_path):
    found = pseudocodec.evaluate("digits", digits, tmp_path / "r", effort=0, peers=False)
    low, high = found["model"]["payload_bytes"]
    payloads = [row["bytes"] - row["overhead"] for row in found["rows"]]
    assert len(payloads) == 7
    assert low <= payloads[0] < low + 2
    assert payloads[-1] == pytest.approx(high, abs=0.1)


def test_colour_and_size_are_changed_first_and_said(tmp_path):
    picture = Image.new("RGB", (40, 40), "white")
    for name in ("a.png", "b.png"):
        picture.save(tmp_path / name)
    found = pseudocodec.evaluate(
        "digits", tmp_path, tmp_path / "r", nbytes=[60], effort=0, peers=False
    )
    assert found["data"] == {"label": tmp_path.name, "pictures": 2}
    assert any("converted to grey" in note for note in found["notes"])
    assert any("resized to 28 x 28" in note for note in found["notes"])
    with pytest.raises(PslError, match="pass resize=True"):
        pseudocodec.evaluate("digits", tmp_path, tmp_path / "s", resize=False)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"nbytes": []}, "nbytes has 0 sizes"),
        ({"nbytes": range(1, 102)}, "nbytes has 101 sizes"),
        ({"nbytes": [16, 0]}, "nbytes has 0: expected"),
        ({"nbytes": [2.5]}, r"nbytes has 2.5: expected"),
        ({"peer_limit": 0}, "peer_limit=0: expected"),
        ({"limit": 0}, "limit=0: expected"),
        ({"nbytes": [1]}, "needs more for its header"),
    ],
)
def test_bad_requests_leave_nothing_behind(options, sentence, digits, tmp_path):
    with pytest.raises(PslError, match=sentence):
        pseudocodec.evaluate("digits", digits, tmp_path / "r", **options)
    assert not (tmp_path / "r").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(digits, tmp_path):
    (tmp_path / "r").write_text("mine")
    with pytest.raises(PslError, match="is not a folder"):
        pseudocodec.evaluate("digits", digits, tmp_path / "r", overwrite=True)
    with pytest.raises(PslError, match="cannot create folder"):
        pseudocodec.evaluate(
            "digits", digits[:2], tmp_path / "r" / "s", nbytes=[60], effort=0, peers=False
        )
