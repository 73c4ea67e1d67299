"""The command on photographs, end to end: transparency, profiles, regions, damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import photo_models
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageCms

import pseudocodec
from pseudocodec.cli import main
from pseudocodec.metrics import psnr
from pseudocodec.model import catalogue

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PICTURE = photo_models.smooth(150, 130, seed=2)
ALPHA = np.tile(np.arange(130, dtype=np.uint8), (150, 1))


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
    Image.fromarray(np.dstack([PICTURE, ALPHA])).save("alpha.png", icc_profile=SRGB)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def good(*arguments: object) -> Result:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(sentence: str, *arguments: object, code: int = 1) -> None:
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def encode(*arguments: object) -> Result:
    return good("encode", *arguments, "--model", "tiny photo", "-e", 0, "-f")


def read(path: str) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def damage(path: str) -> None:
    data = bytearray(Path(path).read_bytes())
    data[-1] ^= 1
    Path(path).write_bytes(data)


class TestEncode:
    def test_the_default_model_is_photo(self) -> None:
        assert "photo" in good("encode", "--help").stdout.split("--model NAME")[1].split("-q")[0]

    def test_the_summary_is_of_the_file(self) -> None:
        summary = json.loads(encode("p.png", "--json").stdout)
        assert summary["bytes"] == Path("p.psl").stat().st_size
        assert summary["psnr"] == pytest.approx(psnr(PICTURE, pseudocodec.decode("p.psl")))
        assert summary["raw_bytes"] == PICTURE.nbytes

    def test_the_summary_of_a_transparent_picture_compares_colours(self) -> None:
        summary = json.loads(encode("alpha.png", "--json").stdout)
        decoded = pseudocodec.decode("alpha.psl")
        assert summary["psnr"] == pytest.approx(psnr(PICTURE, decoded[:, :, :3]))
        assert summary["raw_bytes"] == 4 * 150 * 130
        np.testing.assert_array_equal(decoded[:, :, 3], ALPHA)

    @pytest.mark.parametrize("option", ["-b", "--bpp"])
    def test_bits_a_pixel(self, option: str) -> None:
        encode("p.png", option, 0.25)
        assert 0.95 * 0.25 <= pseudocodec.info("p.psl")["bits_per_pixel"] <= 0.25

    def test_an_impossible_size(self) -> None:
        refused("ask for more", "encode", "p.png", "--model", "tiny photo", "-n", 50)

    def test_show(self) -> None:
        assert "before" in encode("alpha.png", "--show").stdout

    @pytest.mark.parametrize("suffix", ["gif", "webp", "tif", "png"])
    def test_of_an_animation_the_first_frame_is_used_and_said(self, suffix: str) -> None:
        frames = [Image.fromarray(photo_models.smooth(20, 30, seed=i)) for i in range(2)]
        options = {"save_all": True, "append_images": frames[1:]}
        frames[0].save(f"moving.{suffix}", **options)
        result = encode(f"moving.{suffix}")
        said = f"pseudocodec: moving.{suffix} holds several frames: only the first is encoded\n"
        assert result.stderr == said
        assert pseudocodec.decode("moving.psl").shape == (20, 30, 3)

    def test_frames_in_a_folder_are_said_once(self) -> None:
        Path("in").mkdir()
        frames = [Image.fromarray(photo_models.smooth(20, 30, seed=i)) for i in range(2)]
        frames[0].save("in/a.webp", save_all=True, append_images=frames[1:])
        frames[0].save("in/b.webp")
        result = encode("in", "-o", "all.psl")
        assert result.stderr.count("holds several frames") == 1
        assert "in/a.webp holds" in result.stderr

    def test_one_frame_is_not_worth_a_word(self) -> None:
        assert encode("p.png").stderr == ""

    def test_cmyk_is_refused_in_a_sentence(self) -> None:
        Image.new("CMYK", (4, 4)).save("c.tif")
        refused("c.tif: images of mode CMYK", "encode", "c.tif", "--model", "tiny photo")

    def test_an_archive_refuses_transparency_and_names_it(self) -> None:
        arguments = ["p.png", "alpha.png", "-o", "all.psl", "--model", "tiny photo"]
        refused("alpha.png: the image is transparent", "encode", *arguments)
        assert not Path("all.psl").exists()

    def test_an_archive_of_different_sizes(self) -> None:
        Image.fromarray(photo_models.smooth(20, 30, channels=1)[:, :, 0]).save("grey.png")
        summary = json.loads(encode("p.png", "grey.png", "-o", "all.psl", "--json").stdout)
        assert summary["images"] == 2
        good("decode", "all.psl")
        assert read("all/00000.png").shape == (150, 130, 3)
        assert read("all/00001.png").shape == (20, 30)


class TestDecode:
    @pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
    def test_transparency_and_profile_are_kept(self, suffix: str) -> None:
        encode("alpha.png")
        good("decode", "alpha.psl", "-o", f"out.{suffix}")
        with Image.open(f"out.{suffix}") as image:
            assert image.info["icc_profile"] == SRGB
            assert image.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(image)[:, :, 3], ALPHA)

    def test_grey_with_alpha(self) -> None:
        Image.fromarray(np.dstack([PICTURE[:, :, 0], ALPHA])).save("la.png")
        encode("la.png")
        good("decode", "la.psl", "-o", "out.png", "--show")
        np.testing.assert_array_equal(read("out.png")[:, :, 1], ALPHA)

    def test_a_format_without_alpha(self) -> None:
        encode("alpha.png")
        refused("cannot write x.jpg: cannot write mode RGBA", "decode", "alpha.psl", "-o", "x.jpg")
        assert not Path("x.jpg").exists()

    @pytest.mark.usefixtures("small_tiles")
    def test_a_region(self) -> None:
        encode("alpha.png")
        good("decode", "alpha.psl", "-o", "whole.png")
        good("decode", "alpha.psl", "--region", "60,10,100,140", "-o", "part.png")
        whole, part = read("whole.png"), read("part.png")
        assert np.abs(whole[10:140, 60:100].astype(int) - part).max() <= 1
        assert part.shape == (130, 40, 4)
        np.testing.assert_array_equal(part[:, :, 3], whole[10:140, 60:100, 3])

    @pytest.mark.parametrize("value", ["1,2,3", "1,2,3,x", "-1,0,1,1", "1 2 3 4", "1,2,3,4,5"])
    def test_a_region_that_is_none(self, value: str) -> None:
        refused("is not a region such as", "decode", "p.psl", "--region", value, code=2)

    def test_a_region_outside(self) -> None:
        encode("p.png")
        refused("within the 130 x 150 pixels", "decode", "p.psl", "--region", "0,0,131,1", "-f")

    def test_regions_are_not_for_archives(self) -> None:
        encode("p.png", "p.png", "-o", "all.psl")
        refused("archive", "decode", "all.psl", "--region", "0,0,1,1")

    @pytest.mark.usefixtures("small_tiles")
    def test_damage_is_an_error(self) -> None:
        encode("p.png")
        damage("p.psl")
        refused("the checksum", "decode", "p.psl", "-o", "out.png")
        assert not Path("out.png").exists()

    @pytest.mark.usefixtures("small_tiles")
    @pytest.mark.parametrize("name", ["p", "alpha"])
    def test_keep_going_writes_the_rest_and_names_the_bad_tile(self, name: str) -> None:
        encode(f"{name}.png")
        good("decode", f"{name}.psl", "-o", "whole.png")
        damage(f"{name}.psl")
        result = call("decode", f"{name}.psl", "-o", "out.png", "--keep-going", "--json")
        assert result.exit_code == 1
        said = "1 of 9 tiles are damaged and left flat: 8 (pixels 128,128 to 130,150)"
        assert result.stderr == f"pseudocodec: warning: {said}\n"
        assert json.loads(result.stdout) == {"output": "out.png", "images": 1, "verified": False}
        whole, rest = read("whole.png"), read("out.png")
        assert whole.shape == rest.shape
        np.testing.assert_array_equal(rest[:48, :48], whole[:48, :48])

    @pytest.mark.usefixtures("small_tiles")
    def test_a_damaged_profile_is_left_out(self) -> None:
        encode("alpha.png")
        data = Path("alpha.psl").read_bytes()
        at = data.index(b"iccp") + 60
        Path("alpha.psl").write_bytes(data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :])
        result = call("decode", "alpha.psl", "-o", "out.png", "--keep-going")
        assert result.exit_code == 1
        assert "outside the tiles" in result.stderr
        with Image.open("out.png") as image:
            assert "icc_profile" not in image.info

    def test_keep_going_on_a_whole_file(self) -> None:
        encode("p.png")
        result = good("decode", "p.psl", "--keep-going", "-o", "out.png", "--json")
        assert result.stderr == ""
        assert json.loads(result.stdout)["verified"] is True


class TestFacts:
    def test_info(self) -> None:
        encode("alpha.png", "-q", 50)
        facts = json.loads(good("info", "alpha.psl", "--json").stdout)
        assert (facts["model_name"], facts["width"], facts["height"]) == ("tiny photo", 130, 150)
        size = Path("alpha.psl").stat().st_size
        assert facts["bits_per_pixel"] == pytest.approx(8 * size / (130 * 150), abs=1e-4)
        assert (facts["tiles"], facts["chunks"]) == (1, ["iccp", "Alph"])
        assert (facts["alpha"], facts["icc"]) == (True, True)
        lines = [line.split() for line in good("info", "alpha.psl").stdout.splitlines()]
        assert ["alpha", "yes"] in lines
        assert ["icc", "yes"] in lines

    @pytest.mark.usefixtures("small_tiles")
    def test_info_counts_tiles(self) -> None:
        encode("p.png")
        facts = json.loads(good("info", "p.psl", "--json").stdout)
        assert facts["tiles"] == 9
        assert (facts["alpha"], facts["icc"], facts["chunks"]) == (False, False, [])

    def test_info_of_an_archive(self) -> None:
        encode("p.png", "p.png", "-o", "all.psl")
        facts = json.loads(good("info", "all.psl", "--json").stdout)
        assert (facts["model_name"], facts["images"], facts["width"]) == ("tiny photo", 2, None)

    def test_info_where_the_model_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        encode("p.png")
        monkeypatch.delenv(catalogue.ENVIRONMENT)
        monkeypatch.setattr(catalogue, "_registered", {})
        facts = json.loads(good("info", "p.psl", "--json").stdout)
        assert (facts["model_name"], facts["tiles"], facts["width"]) == (None, None, 130)

    def test_verify(self) -> None:
        encode("alpha.png")
        assert good("verify", "alpha.psl").stdout == "alpha.psl: ok\n"
        damage("alpha.psl")
        refused("checksum", "verify", "alpha.psl")

    def test_models(self) -> None:
        header, *rows = good("models").stdout.splitlines()
        assert "size" in header.split()
        (row,) = [row for row in rows if row.startswith("tiny photo")]
        assert row.endswith("any size")
        assert any(row.startswith("digits ") and row.endswith("28 x 28") for row in rows)
        found = json.loads(good("models", "--json").stdout)
        assert [entry["width"] for entry in found if entry["name"] == "tiny photo"] == [None]
