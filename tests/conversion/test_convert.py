"""Conversions on one machine: every input once, whatever happens."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conversion_tasks import Fragile, content, png, rows, tar, task_of
from PIL import Image

import pseudocodec
from pseudocodec.conversion import shard, skipped
from pseudocodec.conversion.driver import SHARD_PHOTOS, _settled
from pseudocodec.errors import Corrupt, PslError, UnknownModel
from pseudocodec.model.catalogue import by_id
from pseudocodec.parallel.workers import Outcome


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


class TestEveryInputOnce:
    def test_each_name_leads_to_its_picture(self, scans, quickly, out, photo_model) -> None:
        manifest = quickly(scans, out)
        names = [f"{scans}/{i}.png" for i in range(10)] + [f"{scans}/more/10.png"]
        found = rows(out)
        assert [row["name"] for row in found] == names
        assert [row["index"] for row in found] == [0, 1, 2, 3] * 2 + [0, 1, 2]
        assert [shard["pictures"] for shard in manifest["shards"]] == [4, 4, 3]
        expected = pseudocodec.encode(np.asarray(Image.open(names[6])), model=photo_model, effort=0)
        with pseudocodec.open(out / "shard-00001.psl") as archive:
            np.testing.assert_array_equal(archive[2], pseudocodec.decode(expected))

    def test_the_manifest_sums_up_the_shards(self, scans, quickly, out) -> None:
        manifest = quickly(scans, out)
        assert json.loads((out / "manifest.json").read_text()) == manifest
        sizes = []
        for row in manifest["shards"]:
            data = (out / f"{row['shard']}.psl").read_bytes()
            assert hashlib.sha256(data).hexdigest() == row["sha256"]
            sizes.append(len(data))
        assert [row["bytes"] for row in manifest["shards"]] == sizes
        totals = [manifest[key] for key in ("inputs", "pictures", "skipped", "bytes")]
        assert totals == [11, 11, 0, sum(sizes)]

    def test_processes_change_no_byte(self, scans, quickly, tmp_path) -> None:
        for name, size in (("shards", 4), ("pictures", 20)):  # what there are several of
            quickly(scans, tmp_path / f"{name}-1", shard_size=size)
            quickly(scans, tmp_path / f"{name}-2", shard_size=size, workers=2)
            assert content(tmp_path / f"{name}-1") == content(tmp_path / f"{name}-2")

    def test_equal_names_in_two_archives_are_told_apart(self, quickly, tmp_path, out) -> None:
        for name in ("a.tar", "b.tar"):
            (tmp_path / name).write_bytes(tar({"x.png": png(1), "d/y.png": png(2)}))
        quickly([tmp_path / "a.tar", tmp_path / "b.tar"], out, shard_size=3)
        names = [row["name"] for row in rows(out)]
        wanted = [f"{tmp_path}/{name}" for name in ("a.tar/x.png", "a.tar/d/y.png", "b.tar/x.png")]
        assert names == [*wanted, f"{tmp_path}/b.tar/d/y.png"]

    def test_a_shard_may_begin_within_a_file(self, quickly, tmp_path, out) -> None:
        pixels = np.stack([np.full((16, 16), 20 * i, np.uint8) for i in range(9)])
        np.save(tmp_path / "a.npy", pixels)
        quickly(tmp_path / "a.npy", out, quality=100)
        assert [row["name"] for row in rows(out)] == [f"{tmp_path}/a.npy[{i}]" for i in range(9)]
        with pseudocodec.open(out / "shard-00001.psl") as archive:  # the rest of one joins it
            means = [picture.mean() for picture in archive]
        np.testing.assert_allclose(means, [80, 100, 120, 140, 160], atol=9)

    def test_photographs_make_smaller_shards(self, scans, photo_model, out) -> None:
        manifest = pseudocodec.conversion.convert(scans, out, model=photo_model, effort=0)
        assert manifest["settings"]["shard_size"] == SHARD_PHOTOS

    def test_progress_counts_inputs(self, scans, quickly, out) -> None:
        told = []
        quickly(scans, out, on_progress=lambda *stage: told.append(stage))
        listed = [("listing", n, n) for n in (4, 8, 11)]
        assert told == [*listed, *(("converting", n, 11) for n in (4, 8, 11))]


class TestBadPictures:
    @pytest.fixture
    def spoilt(self, scans: Path, tmp_path: Path) -> Path:
        """4.png is text, 6.png transparent, and nothing in the third shard can be used."""
        folder = tmp_path / "spoilt"
        shutil.copytree(scans, folder)
        Image.new("RGBA", (8, 8)).save(folder / "6.png")
        for name in ("4.png", "8.png", "9.png", "more/10.png"):
            (folder / name).write_bytes(b"text")
        return folder

    def test_they_are_skipped_with_the_reason(self, spoilt, quickly, out) -> None:
        manifest = quickly(spoilt, out)
        found = [(row.get("index"), row.get("skipped", "")) for row in rows(out)][4:]
        assert [index for index, _ in found] == [None, 0, None, 1, None, None, None]
        assert "is not a picture" in found[0][1]
        assert "transparent" in found[2][1]
        assert (manifest["pictures"], manifest["skipped"]) == (6, 5)
        assert dict(skipped(str(out)))[f"{spoilt}/6.png"] == found[2][1]

    def test_a_shard_of_them_has_no_archive(self, spoilt, quickly, out) -> None:
        manifest = quickly(spoilt, out)
        assert manifest["shards"][2] == {
            "shard": "shard-00002", "inputs": 3, "skipped": 3, "pictures": 0, "bytes": 0,
        }  # fmt: skip
        assert not (out / "shard-00002.psl").exists()
        before = content(out)
        assert quickly(spoilt, out) == manifest
        assert content(out) == before

    def test_strict_stops_at_the_first_and_can_go_on(self, spoilt, quickly, out) -> None:
        with pytest.raises(PslError, match=r"spoilt/4\.png") as caught:
            quickly(spoilt, out, strict=True)
        assert "picture 4" not in str(caught.value)
        assert set(content(out)) >= {"shard-00000.psl", "shard-00000.json"}
        assert not (out / "manifest.json").exists()
        (spoilt / "4.png").write_bytes(png(4))
        with pytest.raises(PslError, match=r"spoilt/6\.png"):
            quickly(spoilt, out, strict=True)

    def test_strict_does_not_take_over_what_was_skipped(self, spoilt, quickly, out) -> None:
        quickly(spoilt, out)
        with pytest.raises(PslError, match=r"spoilt/4\.png"):
            quickly(spoilt, out, strict=True)

    def test_one_that_is_gone_since_it_was_listed(self, scans, quickly, tmp_path, out) -> None:
        folder = shutil.copytree(scans, tmp_path / "mine")
        quickly(folder, out)
        (folder / "1.png").unlink()
        (out / "shard-00000.json").unlink()
        manifest = quickly(folder, out)
        assert list(skipped(str(out))) == [
            (f"{folder}/1.png", f"no such file or folder: {folder}/1.png")
        ]
        assert manifest["inputs"] == 11

    def test_an_archive_that_became_shorter(self, quickly, tmp_path, out) -> None:
        path = tmp_path / "a.tar"
        path.write_bytes(tar({f"{i}.png": png(i) for i in range(3)}))
        quickly(path, out)
        path.write_bytes(tar({"0.png": png(0)}))
        (out / "shard-00000.json").unlink()
        assert quickly(path, out)["pictures"] == 1
        reason = f"{path} holds fewer pictures than it did"
        assert list(skipped(str(out))) == [(f"{path}[{i}]", reason) for i in (1, 2)]

    def test_one_that_kills_its_process_costs_no_other(self, scans, quickly, out) -> None:
        quickly(scans, out)
        (out / "shard-00001.json").unlink()
        lost = Outcome(1, error=PslError("its worker process died"))
        assert _settled(task_of(out, Fragile), lost).pictures == 3
        ((name, reason),) = ((row["name"], row["skipped"]) for row in rows(out) if "skipped" in row)
        assert name == f"{scans}/4.png"
        assert reason.startswith("a process that tries to convert it dies")

    def test_strict_stops_at_one_that_kills_its_process(self, scans, quickly, out) -> None:
        quickly(scans, out)
        (out / "shard-00001.json").unlink()
        refused = replace(task_of(out, shard.Convert), strict=True, excluded={0: "it kills"})(1)
        assert isinstance(refused, PslError)
        assert str(refused) == f"{scans}/4.png: it kills"


class TestGoingOn:
    def test_nothing_is_done_twice(self, scans, quickly, out, monkeypatch) -> None:
        manifest = quickly(scans, out)
        before = content(out)
        monkeypatch.setattr(shard, "save", None)
        assert quickly(scans, out) == manifest
        assert content(out) == before

    @pytest.mark.parametrize("damage", ["no mark", "half a mark", "no archive", "a flipped bit"])
    def test_what_is_missing_or_damaged_is_done_again(self, scans, quickly, out, damage) -> None:
        quickly(scans, out)
        before = content(out)
        mark, archive = out / "shard-00001.json", out / "shard-00001.psl"
        if damage == "no mark":
            mark.unlink()
        elif damage == "half a mark":
            mark.write_bytes(mark.read_bytes()[:100])
        elif damage == "no archive":
            archive.unlink()
        else:
            archive.write_bytes(bytes([archive.read_bytes()[0] ^ 1]) + archive.read_bytes()[1:])
        other = (out / "shard-00000.psl").stat().st_mtime_ns
        quickly(scans, out)
        assert content(out) == before
        assert (out / "shard-00000.psl").stat().st_mtime_ns == other

    def test_what_a_killed_writer_left_is_removed(self, scans, quickly, out) -> None:
        quickly(scans, out)
        before = content(out)
        (out / f".psl-{'0' * 16}.tmp").write_bytes(b"half")
        quickly(scans, out)
        assert content(out) == before

    def test_inputs_are_listed_once(self, scans, quickly, tmp_path, out) -> None:
        folder = shutil.copytree(scans, tmp_path / "mine")
        quickly(folder, out)
        (folder / "new.png").write_bytes(png(50))
        assert quickly(folder, out)["inputs"] == 11
        assert quickly(folder, out, overwrite=True)["inputs"] == 12

    def test_other_settings_are_refused(self, scans, quickly, out) -> None:
        quickly(scans, out)
        before = content(out)
        with pytest.raises(PslError, match=r"other settings \(effort 0, now 1\): give"):
            quickly(scans, out, effort=1)
        with pytest.raises(PslError, match=r"target quality=60, now bpp=0\.5"):
            quickly(scans, out, bpp=0.5)
        with pytest.raises(PslError, match=r"model [0-9a-f]{16}, now a25046cd5d5ef219"):
            quickly(scans, out, model="digits")
        assert content(out) == before

    def test_overwrite_begins_anew(self, scans, quickly, tmp_path, out) -> None:
        quickly(scans, out, shard_size=1)
        assert (out / "shard-00010.psl").exists()
        quickly(scans, out, quality=20, overwrite=True)
        quickly(scans, tmp_path / "fresh", quality=20)
        assert content(out) == content(tmp_path / "fresh")

    def test_a_plan_half_written_is_made_again(self, scans, quickly, tmp_path, out) -> None:
        quickly(scans, out)
        before = content(out)
        (out / "plan.json").unlink()
        (out / "plan" / "shard-00009.json").write_bytes(b"{")
        quickly(scans, out)
        assert content(out) == before

    @pytest.mark.parametrize("name", ["plan.json", "plan/shard-00001.json"])
    def test_a_damaged_plan_is_refused(self, scans, quickly, out, name) -> None:
        quickly(scans, out)
        (out / name).write_bytes(b"[]")
        (out / "shard-00001.json").unlink()
        with pytest.raises(Corrupt, match=f"{name} is missing or damaged"):
            quickly(scans, out)

    def test_relative_sources_are_those_of_their_folder(
        self, scans, quickly, out, monkeypatch
    ) -> None:
        monkeypatch.chdir(scans.parent)
        quickly("scans", out)
        assert rows(out)[0]["name"] == "scans/0.png"
        monkeypatch.chdir(scans)
        with pytest.raises(PslError, match=r"folder .*data.*, now"):
            quickly("scans", out)


class TestRefusals:
    def test_no_pictures(self, quickly, tmp_path, out) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(PslError, match="no picture found in"):
            quickly(tmp_path / "empty", out)
        with pytest.raises(PslError, match="nothing to convert"):
            quickly([], out)

    def test_a_target_that_is_a_file(self, scans, quickly, out) -> None:
        out.write_bytes(b"mine")
        with pytest.raises(PslError, match="is a file: name a folder"):
            quickly(scans, out)
        assert out.read_bytes() == b"mine"

    @pytest.mark.parametrize("below", ["", "more", "more/new"])
    def test_a_target_inside_the_source(self, scans, quickly, below) -> None:
        with pytest.raises(PslError, match="is inside the source"):
            quickly(scans, scans / below)

    def test_a_target_with_other_files(self, scans, quickly, out) -> None:
        out.mkdir()
        (out / "thesis.tex").write_bytes(b"mine")
        for overwrite in (False, True):
            with pytest.raises(PslError, match=r"'thesis\.tex', which is of no conversion"):
                quickly(scans, out, overwrite=overwrite)
        assert content(out) == {"thesis.tex": b"mine"}

    @pytest.mark.parametrize("inner", ["", "more", "3.png"])
    def test_a_source_given_twice(self, scans, quickly, out, inner) -> None:
        with pytest.raises(PslError, match="is given twice, or is in another source"):
            quickly([scans / inner, scans], out)

    def test_values_out_of_range(self, scans, quickly, out) -> None:
        with pytest.raises(PslError, match="shard_size=0: expected 1 to"):
            quickly(scans, out, shard_size=0)
        with pytest.raises(PslError, match="engine='spark': expected"):
            quickly(scans, out, engine="spark")
        with pytest.raises(PslError, match="workers=0: expected"):
            quickly(scans, out, workers=0)

    def test_a_model_that_is_another_on_this_machine(self, scans, quickly, out) -> None:
        quickly(scans, out)
        task = replace(task_of(out, shard.Convert), model="digits")
        with pytest.raises(UnknownModel, match="install the same model on every machine"):
            task.load_model()

    def test_no_conversion_to_tell_of(self, tmp_path) -> None:
        with pytest.raises(PslError, match="no complete conversion"):
            next(skipped(str(tmp_path)))

    def test_a_full_disk_ends_it_and_costs_nothing_done(self, quickly, tmp_path, out) -> None:
        resource = pytest.importorskip("resource", reason="limits are those of POSIX")
        folder = tmp_path / "noise"
        folder.mkdir()
        rng = np.random.default_rng(0)
        for i, size in enumerate((16, 16, 16, 16, 400)):
            pixels = rng.integers(0, 256, (size, size, 3), np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
        try:
            with pytest.raises(PslError, match=r"cannot write .*shard-00002\.psl'"):
                quickly(folder, out, shard_size=2, quality=100)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        left = {name for name in content(out) if not name.startswith("plan")}
        marks = {f"shard-0000{i}.{end}" for i in (0, 1) for end in ("json", "psl")}
        assert left == marks
        assert quickly(folder, out, shard_size=2, quality=100)["pictures"] == 5


def test_a_killed_conversion_is_gone_on_with(scans, quickly, tmp_path, photo_model) -> None:
    quickly(scans, tmp_path / "whole", shard_size=1)
    whole, out = content(tmp_path / "whole"), tmp_path / "out"
    program = (
        "from pseudocodec.conversion import convert\n"
        f"convert({str(scans)!r}, {str(out)!r}, model={str(by_id(photo_model.id).path)!r},"
        " effort=0, shard_size=1)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while not (out / "shard-00002.psl").exists():
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
    assert not (out / "manifest.json").exists()
    left = {name: data for name, data in content(out).items() if not name.startswith(".psl-")}
    assert left.items() <= whole.items()
    quickly(scans, out, shard_size=1)
    assert content(out) == whole
