"""`pseudocodec explore`, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import photo_models
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from pseudocodec.cli import main
from pseudocodec.exploration import UNCHANGED, USUAL
from pseudocodec.model import catalogue

PICTURE = photo_models.smooth(170, 180, seed=5)


@pytest.fixture(autouse=True)
def installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A model that is called tiny photo, and a folder to work in."""
    folder = tmp_path_factory.mktemp("models")
    photo_models.write(folder / "tiny.safetensors")
    monkeypatch.setenv(catalogue.ENVIRONMENT, str(folder))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PICTURE).save("p.png")


def latent(*arguments: object, model: str = "tiny photo") -> Result:
    given = ["explore", "latent", *map(str, arguments), "--model", model]
    return CliRunner().invoke(main, given)


def good(*arguments: object) -> Result:
    result = latent(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(sentence: str, *arguments: object, code: int = 1, model: str = "tiny photo") -> None:
    result = latent(*arguments, model=model)
    assert result.exit_code == code, result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_all_by_default_and_a_sheet_beside_the_photo() -> None:
    header, *rows, last = good("p.png").stdout.splitlines()
    assert header.startswith("operation")
    assert [row.split()[0] for row in rows] == [UNCHANGED, *USUAL]
    assert last.startswith("p-latent.png: ")
    with Image.open("p-latent.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width > 3 * 180
        assert sheet.height > 4 * 170


def test_json_and_chosen_operations() -> None:
    chosen = ["--operation", "keep-channels:0-2", "--operation", "scale:100", "-q", 40]
    found = json.loads(good("p.png", *chosen, "-o", "s.png", "--json").stdout)
    assert found["output"] == "s.png"
    first, second, third = found["rows"]
    assert (first["operation"], third["operation"]) == (UNCHANGED, "scale:100")
    assert second["operation"] == "keep-channels:0-2"
    assert first["psnr"] > third["psnr"]
    assert first["bpp"] == first["bpp_old_prior"] < third["bpp"]
    assert first["bpp"] == pytest.approx(8 * first["nbytes"] / (170 * 180))
    assert Path("s.png").is_file()


def test_the_sheet_shows_what_decodes() -> None:
    good("p.png", "--operation", "scale:1", "-q", 100, "-o", "s.png")
    with Image.open("s.png") as sheet:
        pixels = np.asarray(sheet)
    left, right = pixels[52:222, 8:188], pixels[52:222, 8 + 228 : 8 + 228 + 180]
    assert np.abs(left.astype(int) - PICTURE).mean() < 20
    np.testing.assert_array_equal(left, right)


def test_nothing_is_replaced_unasked() -> None:
    Path("s.png").write_bytes(b"mine")
    refused("s.png exists already", "p.png", "-o", "s.png")
    assert Path("s.png").read_bytes() == b"mine"
    good("p.png", "-o", "s.png", "-f", "--operation", "scale:2")
    assert Path("s.png").read_bytes().startswith(b"\x89PNG")


def test_the_photo_is_never_replaced() -> None:
    refused("is the input", "p.png", "-o", "p.png", "-f")


def test_the_sheet_is_a_png() -> None:
    refused("name it with -o FILE.png", "p.png", "-o", "s.jpg", code=2)


def test_an_unknown_operation() -> None:
    refused("operation 'blur': expected a name such as", "p.png", "--operation", "blur")
    assert not Path("p-latent.png").exists()


def test_a_range_that_the_model_does_not_have() -> None:
    refused("within the 24 channels", "p.png", "--operation", "zero-channels:0-24")


def test_a_model_of_one_kind_of_pictures() -> None:
    refused("'digits' is not one for photographs", "p.png", model="digits")


def test_a_picture_that_is_none_is_named() -> None:
    Image.new("CMYK", (4, 4)).save("c.tif")
    refused("c.tif: images of mode CMYK", "c.tif")
    refused("no.png", "no.png")


def test_help_names_the_operations() -> None:
    shown = good("--help").stdout
    assert "swap-AXIS" in shown
    assert "scale:F" in shown
