"""`pseudocodec explore interpolate` and `explore arithmetic`, end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import kind_models
import numpy as np
import photo_models
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import pseudocodec
from pseudocodec.cli import main
from pseudocodec.exploration.sheet import STRIP_SIDE

SCALE = STRIP_SIDE // kind_models.WIDTH
SIZE = (SCALE * kind_models.HEIGHT, SCALE * kind_models.WIDTH)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a seed model and of another one, and a photo, in the current folder."""
    monkeypatch.chdir(tmp_path)
    model = kind_models.write(tmp_path / "s.safetensors", seeds=True)
    found = kind_models.payloads(model, 4, bits=16)
    Path("group").mkdir()
    for name, payload in zip(("a", "b", "c", "group/d"), found, strict=True):
        kind_models.single(tmp_path / f"{name}.psl", model, payload)
    kind_models.archive(tmp_path / "many.psl", model, kind_models.payloads(model, 5, bits=13))
    gaussian = kind_models.write(tmp_path / "g.safetensors", seeds=False, name="gaussian")
    [other] = kind_models.payloads(gaussian, 1, bits=40, dense=True)
    kind_models.single(tmp_path / "other.psl", gaussian, other, dense=True)


def explore(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explore", *map(str, arguments)])


def good(*arguments: object) -> Result:
    result = explore(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(sentence: str, *arguments: object, code: int = 1) -> None:
    result = explore(*arguments, "-o", "s.png")
    assert result.exit_code == code, result.output
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert not Path("s.png").exists()


def strip(path: str) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("L"))


def test_a_strip_and_a_table_of_seeds() -> None:
    header, *rows, last = good("interpolate", "a.psl", "b.psl", "-o", "s.png").stdout.splitlines()
    assert header.split() == ["t", "bits", "payload", "distance"]
    assert [row.split()[0] for row in rows[:3]] == ["0.000", "0.125", "0.250"]
    assert len(rows) == 9
    assert rows[-1].split()[0::3] == ["1.000", "0.000"]
    assert last == "s.png: the decoded pictures"
    first = pseudocodec.decode("a.psl").repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    np.testing.assert_array_equal(strip("s.png")[52 : 52 + SIZE[0], 8 : 8 + SIZE[1]], first)


def test_json_has_all_of_a_payload() -> None:
    given = ["a.psl", "b.psl", "--steps", 3, "-o", "s.png", "--psl", "steps.psl", "--json"]
    found = json.loads(good("interpolate", *given).stdout)
    assert (found["output"], found["psl"]) == ("s.png", "steps.psl")
    assert [row["t"] for row in found["rows"]] == [0, 0.5, 1]
    for row in found["rows"]:
        assert row["bits"] == 16
        assert row["seeds"] == [int(row["payload"], 16) >> 3]  # 13 bits of 16
        assert row["signs"] == [1]
    with pseudocodec.open("steps.psl") as archive:
        np.testing.assert_array_equal(archive[0], pseudocodec.decode("a.psl"))
        assert len(archive) == 3


def test_pictures_of_an_archive() -> None:
    given = ["many.psl", "many.psl", "--index-a", 4, "--index-b", 0, "--steps", 2, "-o", "s.png"]
    found = json.loads(good("interpolate", *given, "--json").stdout)
    with pseudocodec.open("many.psl") as archive:
        assert archive.info["payload_bits"] == [13, 13]
    assert [row["bits"] for row in found["rows"]] == [13, 13]


def test_more_steps_than_a_row_holds_and_uncoded_ones_below() -> None:
    good("interpolate", "a.psl", "b.psl", "--steps", 11, "-o", "coded.png")
    good("interpolate", "a.psl", "b.psl", "--steps", 11, "-o", "both.png", "--uncoded")
    coded, both = strip("coded.png"), strip("both.png")
    assert coded.shape[1] == both.shape[1]
    assert both.shape[0] - 8 == 2 * (coded.shape[0] - 8)
    step = 44 + SIZE[0] + 8
    ends = [both[52 + i * step :, 8:][: SIZE[0], : SIZE[1]] for i in (0, 1)]
    np.testing.assert_array_equal(ends[0], ends[1])


def test_arithmetic_of_files_archives_and_folders() -> None:
    result = good("arithmetic", "many.psl", "group", "c.psl", "-o", "s.png", "--psl", "p.psl")
    header, *rows, strip_line, psl_line = result.stdout.splitlines()
    assert header.split() == ["mean", "pictures", "bits", "payload", "distance"]
    assert [row[:10].strip() for row in rows] == ["A", "B", "C", "A - B + C"]
    assert [row[11:].split()[0] for row in rows] == ["5", "1", "1", "7"]
    assert strip_line == "s.png: the decoded pictures"
    assert psl_line == "p.psl: the same in 4 payloads"
    with pseudocodec.open("p.psl") as archive:
        np.testing.assert_array_equal(archive[2], pseudocodec.decode("c.psl"))


def test_arithmetic_as_json() -> None:
    given = ["a.psl", "a.psl", "c.psl", "-o", "s.png", "--json"]
    found = json.loads(good("arithmetic", *given).stdout)
    *_, c, result = found["rows"]
    assert found["psl"] is None
    assert result["mean"] == "A - B + C"
    assert result["seeds"] == c["seeds"]


def test_a_table_of_another_code() -> None:
    rows = good("interpolate", "other.psl", "other.psl", "-o", "s.png").stdout.splitlines()
    assert rows[1].split()[2] == Path("other.psl").read_bytes()[-5:].hex()


def test_nothing_is_replaced_unasked() -> None:
    Path("s.png").write_bytes(b"mine")
    Path("p.psl").write_bytes(b"mine")
    for more, name in ((["-o", "s.png"], "s.png"), (["-o", "t.png", "--psl", "p.psl"], "p.psl")):
        result = explore("interpolate", "a.psl", "b.psl", *more)
        assert result.exit_code == 1
        assert f"{name} exists already" in result.stderr
        assert Path(name).read_bytes() == b"mine"
    good("interpolate", "a.psl", "b.psl", "-o", "s.png", "--psl", "p.psl", "--force")
    assert pseudocodec.info("p.psl")["images"] == 9


def test_an_input_is_never_replaced() -> None:
    given = ["interpolate", "a.psl", "b.psl", "-f", "--psl", "b.psl"]
    refused("b.psl is the input", *given)
    refused("c.psl is the input", "arithmetic", "a.psl", "b.psl", "c.psl", "-f", "--psl", "c.psl")


def test_the_strip_is_a_png() -> None:
    result = explore("interpolate", "a.psl", "b.psl", "-o", "s.jpg")
    assert result.exit_code == 2
    assert "name it with -o FILE.png" in result.stderr


@pytest.mark.parametrize("steps", [1, 101, "many"])
def test_steps_out_of_range(steps: object) -> None:
    refused("--steps", "interpolate", "a.psl", "b.psl", "--steps", steps, code=2)


def test_an_archive_where_a_single_picture_is_wanted() -> None:
    refused("many.psl: the file is an archive of 5 pictures", "interpolate", "many.psl", "a.psl")
    refused("(--index-b)", "interpolate", "a.psl", "many.psl")


def test_an_index_that_is_none() -> None:
    given = ["interpolate", "many.psl", "a.psl", "--index-a"]
    refused("many.psl: picture 5 is not in the archive, which holds 5", *given, 5)
    refused("a.psl: the file holds a single picture", *given, 0, "--index-b", 0)


def test_a_spherical_path_of_sequences() -> None:
    refused("take the linear path", "interpolate", "a.psl", "b.psl", "--path", "spherical")


def test_different_models() -> None:
    refused("other.psl of model 'gaussian'", "interpolate", "a.psl", "other.psl")
    refused("other.psl of model 'gaussian'", "arithmetic", "a.psl", "group", "other.psl")


def test_a_photo_and_a_model_that_is_not_here(tmp_path: Path) -> None:
    photo_models.write(tmp_path / "p.safetensors")
    model = pseudocodec.load_model(tmp_path / "p.safetensors")
    photo = pseudocodec.encode(photo_models.smooth(16, 16), model=model, effort=0)
    Path("photo.psl").write_bytes(photo)
    refused(
        "photo.psl: model 'tiny photo' is for pictures of any size",
        "interpolate",
        *["photo.psl"] * 2,
    )
    from pseudocodec.container import write_single

    Path("foreign.psl").write_bytes(write_single(b"\2" * 8, b"\0\0"))
    sentence = "foreign.psl: the file needs model 0202020202020202, which is not installed"
    refused(sentence, "arithmetic", "a.psl", "b.psl", "foreign.psl")


def test_an_empty_folder_and_what_is_no_file() -> None:
    Path("empty").mkdir()
    refused("empty holds no .psl file", "arithmetic", "a.psl", "empty", "b.psl")
    refused("absent.psl", "arithmetic", "a.psl", "absent.psl", "b.psl")
    refused("cannot open 'empty'", "interpolate", "a.psl", "empty")


def test_a_truncated_file() -> None:
    whole = Path("b.psl").read_bytes()
    for size in (0, 10, 21):
        Path("b.psl").write_bytes(whole[:size])
        refused("b.psl", "interpolate", "a.psl", "b.psl")
        refused("b.psl", "arithmetic", "a.psl", "b.psl", "c.psl")


@pytest.mark.parametrize("command", ["interpolate", "arithmetic"])
def test_help_has_examples_and_needs_no_torch(command: str) -> None:
    program = "import atexit, sys; from pseudocodec.cli import main; "
    program += "atexit.register(lambda: print('#', *sys.modules)); "
    program += f"main(['explore', {command!r}, '--help'])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    shown, _, modules = done.stdout.rpartition("#")
    assert f"pseudocodec explore {command} " in shown
    assert not {"torch", "numpy", "PIL"} & set(modules.split())
