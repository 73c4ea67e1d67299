"""Many pictures with the command: bad ones, half-written archives, damaged blocks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import pseudocodec
from pseudocodec._cli import processes
from pseudocodec._cli.report import SHOWN, Skipped
from pseudocodec._plan import BATCH
from pseudocodec.cli import main
from pseudocodec.container import ArchiveReader, ArchiveWriter
from pseudocodec.errors import PslError

Bytes = NDArray[np.uint8]
COUNT = BATCH + 6
BAD = BATCH + 2


@pytest.fixture(autouse=True)
def folder(digits: list[Bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More pictures than a batch, one of them in colour behind the first batch."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for i in range(COUNT):
        picture = Image.fromarray(np.roll(digits[i % 12], i // 12, axis=1))
        (picture.convert("RGB") if i == BAD else picture).save(f"in/{i:03d}.png")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def encode(*more: str) -> Result:
    return call("encode", "in", "-o", "all.psl", "--model", "digits", "-e", "0", *more)


def good(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


def mend() -> None:
    with Image.open(f"in/{BAD:03d}.png") as image:
        image.convert("L").save(f"in/{BAD:03d}.png")


def test_keep_going_leaves_out_the_bad_one() -> None:
    result = encode("--keep-going", "--json")
    assert result.exit_code == 1
    assert f"1 of {COUNT} pictures were not encoded:\n  in/{BAD:03d}.png: " in result.stderr
    summary = json.loads(result.stdout)
    assert summary["images"] == COUNT - 1
    assert [row["picture"] for row in summary["skipped"]] == [f"in/{BAD:03d}.png"]
    assert summary["psnr"] > 12  # each is compared with its own original
    assert summary["psnr_worst"] > 8
    assert not Path("all.psl.partial").exists()


def test_an_error_leaves_what_resume_goes_on_from() -> None:
    result = encode()
    assert result.exit_code == 1
    first, last = result.stderr.splitlines()
    assert first.startswith("pseudocodec: all.psl.partial holds what is done: give the same")
    assert "--resume to go on, --keep-going" in first
    assert last.startswith(f"pseudocodec: error: in/{BAD:03d}.png: the picture is RGB")
    again = encode()
    assert again.exit_code == 1
    assert "half-written" in again.stderr
    mend()
    good(encode("--resume"))
    resumed = Path("all.psl").read_bytes()
    assert sorted(path.name for path in Path().iterdir()) == ["all.psl", "in"]
    good(encode("--force"))
    assert Path("all.psl").read_bytes() == resumed


def test_force_begins_anew() -> None:
    assert encode().exit_code == 1
    mend()
    good(encode("--force"))
    assert not Path("all.psl.partial").exists()


class TestDecode:
    @pytest.fixture(autouse=True)
    def archive(self, digits: list[Bytes]) -> None:
        """Six digits in blocks of two, and a copy of which the second block is damaged."""
        pseudocodec.save("whole.psl", digits[:6], model="digits", effort=0)
        with Path("whole.psl").open("rb") as file, Path("blocks.psl").open("w+b") as out:
            reader = ArchiveReader(file)
            writer = ArchiveWriter(out, reader.model_id, dense=reader.dense, block_images=2)
            with writer:
                for i in range(6):
                    writer.add(*reader.record(i)[:2])
            start = ArchiveReader(out)._table.starts[1]
        data = bytearray(Path("blocks.psl").read_bytes())
        data[start] ^= 1
        Path("bad.psl").write_bytes(data)

    def names(self, folder: str) -> list[int]:
        return sorted(int(path.stem) for path in Path(folder).iterdir())

    def test_keep_going_decodes_the_other_blocks(self) -> None:
        result = call("decode", "bad.psl", "--keep-going", "--json")
        assert result.exit_code == 1
        assert self.names("bad") == [0, 1, 4, 5]
        assert "2 of 6 pictures were not decoded:\n  picture 2: the checksum" in result.stderr
        facts: dict[str, Any] = json.loads(result.stdout)
        assert (facts["images"], facts["verified"], facts["kept"]) == (4, False, 0)
        assert [row["picture"] for row in facts["skipped"]] == ["picture 2", "picture 3"]
        assert facts["skipped"][0]["kind"] == "Corrupt"

    def test_damage_ends_it_without(self) -> None:
        result = call("decode", "bad.psl")
        assert result.exit_code == 1
        assert "the checksum of block 1" in result.stderr

    def test_keep_going_on_a_whole_archive(self) -> None:
        result = good(call("decode", "blocks.psl", "--keep-going"))
        assert result.stdout == "blocks: 6 pictures\n"
        assert result.stderr == ""

    def test_resume_decodes_those_that_are_missing(self) -> None:
        good(call("decode", "blocks.psl"))
        Path("blocks/00001.png").unlink()
        Path("blocks/00002.png").write_text("kept as it is")
        result = good(call("decode", "blocks.psl", "--resume"))
        assert result.stdout == "blocks: 1 picture, 5 there already\n"
        assert Path("blocks/00002.png").read_text() == "kept as it is"
        assert self.names("blocks") == [0, 1, 2, 3, 4, 5]

    def test_two_workers_write_the_same_files(self) -> None:
        good(call("decode", "blocks.psl", "-o", "one"))
        good(call("decode", "blocks.psl", "-o", "two", "--workers", "2"))
        for path in Path("one").iterdir():
            assert Path("two", path.name).read_bytes() == path.read_bytes()


def test_the_report_names_the_first_and_counts_the_rest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    skipped = Skipped()
    for i in range(SHOWN + 5):
        skipped.add(f"{i}.png", PslError(f"{i}.png: too dark\x1b[31m"))
    skipped.report(100, "encoded")
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "pseudocodec: 25 of 100 pictures were not encoded:"
    assert len(lines) == SHOWN + 1
    assert lines[0] == "  0.png: too dark\ufffd[31m"
    assert lines[-1] == "  and 5 more (--json names all)"
    assert len(skipped.rows) == SHOWN + 5


def test_nothing_is_said_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Skipped().report(3, "encoded")
    assert capsys.readouterr().err == ""


class TestProcesses:
    def choose(self, asked: int | None, pictures: int, model: str | None = "digits") -> int:
        return processes.choose(asked, pictures, model, "cpu", photos=3, small=100)

    @pytest.fixture(autouse=True)
    def eight_cpus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(processes, "usable_cpus", lambda: 8)

    def test_what_is_asked_for(self) -> None:
        assert self.choose(5, 1) == 5

    @pytest.mark.parametrize(
        ("pictures", "model", "workers"),
        [
            *((1, "photo", 1), (5, "photo", 1), (6, "photo", 2), (99, "photo", 8)),
            *((99, "digits", 1), (199, "digits", 1), (200, "digits", 2), (9999, "digits", 8)),
            (9999, None, 1),
        ],
    )
    def test_as_many_as_they_are_worth(
        self, pictures: int, model: str | None, workers: int
    ) -> None:
        assert self.choose(None, pictures, model) == workers

    def test_a_gpu_needs_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Gpu:
            type = "cuda"

        monkeypatch.setattr(processes, "torch_device", lambda _: Gpu)
        assert self.choose(None, 9999) == 1


@pytest.mark.parametrize("value", ["0", "-1", "many", "1025"])
def test_a_number_of_workers_out_of_range(value: str) -> None:
    assert encode("--workers", value).exit_code == 2
