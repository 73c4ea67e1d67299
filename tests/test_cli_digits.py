"""The command end to end with the installed digits model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFilter

from pseudocodec.cli import main


def digit(x: int) -> Image.Image:
    """A blurred stroke, which any model of handwriting knows."""
    image = Image.new("L", (28, 28))
    ImageDraw.Draw(image).line([(x, 5), (x - 3, 22)], fill=255, width=3)
    return image.filter(ImageFilter.GaussianBlur(0.7))


def call(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(autouse=True)
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for i in range(3):
        digit(12 + i).save(f"in/{i}.png")


def test_one_digit_there_and_back() -> None:
    summary = json.loads(call("encode", "in/0.png", "--model", "digits", "-e", "0", "--json"))
    assert summary["bytes"] == Path("in/0.psl").stat().st_size < 200
    call("decode", "in/0.psl", "-o", "back.png")
    with Image.open("back.png") as back:
        error = np.asarray(back, float) / 255 - np.asarray(digit(12), float) / 255
    assert summary["psnr"] == pytest.approx(-10 * np.log10(np.mean(error**2)))
    assert json.loads(call("info", "in/0.psl", "--json"))["kind"] == "image"
    assert call("verify", "in/0.psl") == "in/0.psl: ok\n"


def test_an_archive_there_and_back() -> None:
    summary = json.loads(
        call("encode", "in", "--model", "digits", "-o", "all.psl", "-e", "0", "--json")
    )
    assert summary["images"] == 3
    call("decode", "all.psl")
    assert sorted(path.name for path in Path("all").iterdir()) == [
        "00000.png",
        "00001.png",
        "00002.png",
    ]
    call("decode", "all.psl", "-i", "2", "-o", "two.png")
    assert Path("two.png").read_bytes() == Path("all/00002.png").read_bytes()


def test_damage_is_found() -> None:
    call("encode", "in/0.png", "--model", "digits", "-e", "0")
    data = bytearray(Path("in/0.psl").read_bytes())
    data[-6] ^= 1
    Path("in/0.psl").write_bytes(data)
    result = CliRunner().invoke(main, ["verify", "in/0.psl", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["ok"] is False


def test_digits_is_among_the_models() -> None:
    assert "digits" in [row["name"] for row in json.loads(call("models", "--json"))]
