"""Conversions from and to URLs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conversion_tasks import content, png, rows

from pseudocodec.conversion import skipped
from pseudocodec.errors import PslError

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


@pytest.fixture
def memory() -> Iterator[object]:
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    yield fs
    fs.store.clear()


def test_a_bucket_gets_the_same_bytes_as_a_folder(memory, scans, quickly, tmp_path) -> None:
    manifest = quickly(scans, "memory://bucket/out")
    assert quickly(scans, tmp_path / "out") == manifest
    found = {name.removeprefix("/bucket/out/"): memory.cat(name) for name in memory.find("/")}
    assert found == content(tmp_path / "out")


def test_a_bucket_is_gone_on_with(memory, scans, quickly) -> None:
    quickly(scans, "memory://bucket/out/")
    before = {name: memory.cat(name) for name in memory.find("/")}
    memory.rm("/bucket/out/shard-00001.json")
    memory.rm("/bucket/out/shard-00002.psl")
    kept = memory.info("/bucket/out/shard-00000.psl")["created"]
    quickly(scans, "memory://bucket/out/")
    assert {name: memory.cat(name) for name in memory.find("/")} == before
    assert memory.info("/bucket/out/shard-00000.psl")["created"] == kept


def test_overwriting_and_foreign_files(memory, scans, quickly) -> None:
    quickly(scans, "memory://bucket/out", shard_size=1)
    quickly(scans, "memory://bucket/out", overwrite=True)
    assert not memory.exists("/bucket/out/shard-00010.psl")
    memory.pipe("/bucket/out/mine.txt", b"mine")
    with pytest.raises(PslError, match=r"memory://bucket/out holds 'mine\.txt'"):
        quickly(scans, "memory://bucket/out")


def test_pictures_of_a_bucket(memory, quickly, tmp_path) -> None:
    for i in range(6):
        memory.pipe(f"/bucket/set/{i}.png", png(i) if i != 3 else b"text")
    manifest = quickly("memory://bucket/set", tmp_path / "out")
    assert (manifest["pictures"], manifest["skipped"]) == (5, 1)
    assert [row["name"].rpartition("/")[2] for row in rows(tmp_path / "out")] == [
        f"{i}.png" for i in range(6)
    ]
    ((name, _),) = skipped(str(tmp_path / "out"))
    assert name.endswith("bucket/set/3.png")


def test_a_target_inside_the_bucket(memory, quickly) -> None:
    memory.pipe("/bucket/set/1.png", png(1))
    with pytest.raises(PslError, match="is inside the source"):
        quickly("memory://bucket/set/", "memory://bucket/set/out")


def test_a_local_url(scans, quickly, tmp_path) -> None:
    quickly(scans, (tmp_path / "url").as_uri())
    quickly(scans, tmp_path / "path")
    assert content(tmp_path / "url") == content(tmp_path / "path")


def test_a_bucket_that_refuses(memory, scans, quickly, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError("no access")

    monkeypatch.setattr(type(memory), "put_file", refuse)
    with pytest.raises(PslError, match=r"^cannot write memory://bucket/out/plan/.*: no access$"):
        quickly(scans, "memory://bucket/out")


def test_a_folder_in_a_chain_of_file_systems_is_refused(memory, scans, quickly, tmp_path) -> None:
    with pytest.raises(PslError, match="chain of file systems"):
        quickly(f"simplecache::{scans.as_uri()}", tmp_path / "out")
