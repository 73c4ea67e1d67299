"""encode --each, over a stand-in for the codec: the file is the pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pseudocodec
from pseudocodec.cli import main
from pseudocodec.errors import PslError

PICTURES = np.random.default_rng(2).integers(1, 256, (3, 4, 6), dtype=np.uint8)


@pytest.fixture(autouse=True)
def codec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def encode(image: Any, **_: Any) -> bytes:
        pixels = np.asarray(image)
        if not pixels.any():
            raise PslError("the picture is black")
        return pixels.tobytes()

    def decode(data: bytes, **_: Any) -> Any:
        return np.frombuffer(data, np.uint8).reshape(4, 6) ^ 1

    monkeypatch.setattr(pseudocodec, "encode", encode)
    monkeypatch.setattr(pseudocodec, "decode", decode)
    monkeypatch.chdir(tmp_path)
    for name, picture in zip(("in/a.png", "in/b/a.png", "in/b/c.bmp"), PICTURES, strict=True):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(picture).save(name)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["encode", "--each", *map(str, arguments)])


def good(*arguments: object) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(sentence: str, *arguments: object, code: int = 1) -> None:
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert sentence in result.stderr


def written(folder: str = "out") -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*.*"))


def test_a_folder_is_mirrored() -> None:
    summary = good("in", "-o", "out")
    assert written() == ["a.psl", "b/a.psl", "b/c.psl"]
    assert Path("out/b/c.psl").read_bytes() == PICTURES[2].tobytes()
    assert (summary["images"], summary["bytes"], summary["kept"]) == (3, 72, 0)
    assert summary["psnr"] == pytest.approx(48.1308, abs=1e-3)
    assert summary["skipped"] == []


def test_files_of_any_folder_and_arrays() -> None:
    np.save("stack.npy", PICTURES[:2])
    good("in/a.png", "stack.npy", "-o", "out")
    assert written() == ["a.psl", "stack/00000.psl", "stack/00001.psl"]


def test_a_picture_alone() -> None:
    good("in/a.png", "-o", "out")
    assert written() == ["a.psl"]


def test_names_that_would_clash_are_refused_before_any_work() -> None:
    refused("in/a.png and in/b/a.png would both become out/a.psl", "in/a.png", "in/b", "-o", "out")
    assert not Path("out").exists()


def test_existing_files_are_kept_without_force() -> None:
    Path("out/b").mkdir(parents=True)
    Path("out/b/c.psl").write_text("mine")
    refused("add --force", "in", "-o", "out")
    assert written() == ["b/c.psl"]
    good("in", "-o", "out", "--force")
    assert Path("out/b/c.psl").read_bytes() == PICTURES[2].tobytes()


def test_resume_leaves_alone_what_is_there() -> None:
    Path("out/b").mkdir(parents=True)
    Path("out/b/a.psl").write_text("of an earlier run")
    summary = good("in", "-o", "out", "--resume")
    assert (summary["images"], summary["kept"]) == (2, 1)
    assert Path("out/b/a.psl").read_text() == "of an earlier run"
    assert good("in", "-o", "out", "--resume")["images"] == 0
    result = call("in", "-o", "out", "--resume")
    assert "there already  3" in result.stdout


def test_a_bad_picture_ends_the_run_and_is_named() -> None:
    Image.fromarray(0 * PICTURES[1]).save("in/b/a.png")
    refused("in/b/a.png: the picture is black", "in", "-o", "out")
    assert written() == ["a.psl"]


def test_keep_going_names_the_bad_ones() -> None:
    Image.fromarray(0 * PICTURES[1]).save("in/b/a.png")
    Path("in/b/c.bmp").write_text("no picture")
    result = call("in", "-o", "out", "--keep-going", "--json")
    assert result.exit_code == 1
    assert written() == ["a.psl"]
    assert "2 of 3 pictures were not encoded:\n  in/b/a.png: the picture is black" in result.stderr
    black, text = json.loads(result.stdout)["skipped"]
    wanted = {"picture": "in/b/a.png", "error": "the picture is black", "kind": "PslError"}
    assert black == wanted
    assert text["picture"] == "in/b/c.bmp"


def test_it_needs_a_folder() -> None:
    refused("name it with -o", "in", code=2)
    Path("out").touch()
    refused("out is not a folder", "in", "-o", "out")
