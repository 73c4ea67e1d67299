"""`pseudocodec convert`, with a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import photo_models
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from pseudocodec.cli import main


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    photo_models.write(path)
    return path


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder of five pictures in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "scans"
    folder.mkdir()
    for i in range(5):
        Image.fromarray(photo_models.smooth(16, 24, seed=i)).save(folder / f"{i}.png")
    return "scans"


def convert(*arguments: object) -> Result:
    arguments = ("convert", *arguments, "--effort", 0, "--workers", 1, "--shard-size", 2)
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_the_summary_is_of_the_manifest(scans: str, model: Path) -> None:
    result = convert(scans, "out", "--model", model)
    assert (result.exit_code, result.stderr) == (0, "")
    title, *lines = result.stdout.splitlines()
    assert title == "out/manifest.json"
    size = json.loads(Path("out/manifest.json").read_text())["bytes"]
    assert [line.split() for line in lines] == [
        ["pictures", "5"],
        ["archives", "3"],
        ["size", f"{size:,}", "bytes,", f"{size / 5:,.1f}", "a", "picture"],
    ]


def test_json_has_the_totals(scans: str, model: Path) -> None:
    result = convert(scans, "out", "--model", model, "-q", 30, "--json")
    facts = json.loads(result.stdout)
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert facts.pop("manifest") == "out/manifest.json"
    assert facts.pop("shards") == len(manifest.pop("shards")) == 3
    assert manifest.pop("format") == 1
    assert facts == manifest
    assert facts["settings"]["target"] == {"quality": 30}


def test_skipped_pictures_are_named_and_the_status_is_1(scans: str, model: Path) -> None:
    Path("scans/2.png").write_bytes(b"text")
    for _ in range(2):  # the second time, nothing is left to do
        result = convert(scans, "out", "--model", model)
        assert result.exit_code == 1
        assert "1 of 5 pictures were not converted:\n  scans/2.png: " in result.stderr
        assert "out/manifest.json" in result.stdout


def test_many_skipped_pictures_are_counted(scans: str, model: Path) -> None:
    for i in range(25):
        Path(f"scans/bad-{i}.png").write_bytes(b"text")
    result = convert(scans, "out", "--model", model)
    assert "25 of 30 pictures" in result.stderr
    assert sum(line.startswith("  scans/bad-") for line in result.stderr.splitlines()) == 20
    assert "and 5 more, named beside the archives (.json)" in result.stderr


def test_strict_stops(scans: str, model: Path) -> None:
    Path("scans/2.png").write_bytes(b"text")
    result = convert(scans, "out", "--model", model, "--strict", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["kind"] == "PslError"
    assert "scans/2.png" in json.loads(result.stdout)["error"]
    assert not Path("out/manifest.json").exists()


def test_other_settings_need_force(scans: str, model: Path) -> None:
    assert convert(scans, "out", "--model", model).exit_code == 0
    refused = convert(scans, "out", "--model", model, "-b", 2)
    assert refused.exit_code == 1
    assert "other settings (target quality=60, now bpp=2.0)" in refused.stderr
    assert convert(scans, "out", "--model", model, "-b", 2, "--force").exit_code == 0


def test_two_targets_are_a_usage_error(scans: str) -> None:
    result = convert(scans, "out", "-q", 3, "-b", 2)
    assert result.exit_code == 2
    assert "--quality and --bpp exclude each other" in result.stderr


def test_a_source_and_a_target_are_needed(scans: str) -> None:
    assert convert(scans).exit_code == 2
