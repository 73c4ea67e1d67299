"""Pictures at URLs: the same that `find` gives of local files."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pseudocodec import inputs
from pseudocodec.errors import Corrupt, PslError, TooLarge
from pseudocodec.image import as_array
from pseudocodec.inputs import find, holds_many

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

from remote_files import CountedFileSystem as Counted  # noqa: E402 - it needs fsspec

IMAGES = np.random.default_rng(1).integers(0, 256, (4, 3, 5), dtype=np.uint8)


def png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _empty_store() -> Iterator[None]:
    Counted.clear()
    yield
    Counted.clear()


def loaded(*sources: object) -> np.ndarray:
    return np.stack([as_array(item.load())[:, :, 0] for item in find(sources)])


def tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def npz() -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, IMAGES)
    return stream.getvalue()


def npy(array: np.ndarray = IMAGES) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def idx() -> bytes:
    return struct.pack(">4B3I", 0, 0, 8, 3, *IMAGES.shape) + IMAGES.tobytes()


def parquet() -> bytes:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    stream = io.BytesIO()
    pq.write_table(pa.table({"image": list(map(png, IMAGES))}), stream, row_group_size=3)
    return stream.getvalue()


class TestSingle:
    def test_a_picture_is_one_request_when_it_is_wanted(self) -> None:
        data = png(IMAGES[0])
        Counted.store["b/a.png"] = data
        (item,) = find(["counted://b/a.png"])
        assert (item.name, str(item.source)) == ("counted://b/a.png", "counted://b/a.png")
        assert not Counted.ranges
        np.testing.assert_array_equal(as_array(item.load())[:, :, 0], IMAGES[0])
        assert Counted.ranges == [(0, len(data))]

    def test_what_fsspec_open_gives(self) -> None:
        Counted.store["b/a.png"] = png(IMAGES[0])
        np.testing.assert_array_equal(loaded(fsspec.open("counted://b/a.png")), IMAGES[:1])

    def test_urls_and_paths_mix(self, tmp_path: Path) -> None:
        Counted.store["b/a.png"] = png(IMAGES[0])
        (tmp_path / "b.png").write_bytes(png(IMAGES[1]))
        np.testing.assert_array_equal(
            loaded("counted://b/a.png", tmp_path, (tmp_path / "b.png").as_uri()),
            IMAGES[[0, 1, 1]],
        )

    def test_too_large_a_file_is_not_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(inputs, "MAX_FILE_BYTES", 9)
        Counted.store["b/a.png"] = bytes(10)
        (item,) = find(["counted://b/a.png"])
        with pytest.raises(TooLarge, match="10 bytes, more than 9"):
            item.load()
        assert not Counted.ranges

    def test_what_is_no_picture_is_named(self) -> None:
        Counted.store["b/a.png"] = b"text"
        (item,) = find(["counted://b/a.png"])
        with pytest.raises(PslError, match=r"^counted://b/a\.png is not a picture"):
            item.load()


class TestFolders:
    def test_order_and_what_is_skipped_are_those_of_local_folders(self, tmp_path: Path) -> None:
        names = ["z.png", "b/a.png", "b/b/a.png", "b/b/b.png", "b-c/x.JPG", ".h/a.png", ".a.png"]
        names += ["b/.h/a.png", "b/notes.txt", "a/a/a.png", "a/a.png"]
        for name in names:
            Counted.store[f"bucket/set/{name}"] = b"x"
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"x")
        local = [Path(item.name).relative_to(tmp_path).as_posix() for item in find([tmp_path])]
        for url in ("counted://bucket/set", "counted://bucket/set/", tmp_path.as_uri()):
            prefix = url.rstrip("/") + "/"
            assert [item.name.removeprefix(prefix) for item in find([url])] == local
        assert len(local) == 7
        assert not Counted.ranges

    def test_a_hidden_folder_may_be_named(self) -> None:
        Counted.store["bucket/.set/a.png"] = png(IMAGES[0])
        assert len(list(find(["counted://bucket/.set"]))) == 1

    def test_a_folder_of_parquet_files(self) -> None:
        Counted.store["bucket/a.parquet"] = parquet()
        np.testing.assert_array_equal(loaded("counted://bucket"), IMAGES)

    def test_a_folder_without_pictures(self) -> None:
        Counted.store["bucket/a.txt"] = b"x"
        with pytest.raises(PslError, match="no picture found in counted://bucket"):
            list(find(["counted://bucket"]))

    @pytest.mark.parametrize("url", ["counted://gone", "counted://gone/a.png", "memory://gone"])
    def test_nothing_there(self, url: str) -> None:
        with pytest.raises(PslError, match=f"no such file or folder: {url}"):
            list(find([url]))


class TestCollections:
    @pytest.mark.parametrize(
        ("name", "make"),
        [("a.npz", npz), ("a.npy", npy), ("a.idx", idx), ("a.parquet", parquet)],
    )
    def test_arrays_and_tables(self, name: str, make: object) -> None:
        Counted.store[f"b/{name}"] = make()
        url = f"counted://b/{name}"
        assert holds_many(url)
        np.testing.assert_array_equal(loaded(url), IMAGES)
        assert [item.name for item in find([url])] == [f"{url}[{i}]" for i in range(4)]

    def test_tar(self) -> None:
        members = {f"{i}.png": png(image) for i, image in enumerate(IMAGES)}
        Counted.store["b/a.tar"] = tar({"README": b"x", **members})
        items = list(find(["counted://b/a.tar"]))
        assert [item.name for item in items] == [f"counted://b/a.tar/{i}.png" for i in range(4)]
        np.testing.assert_array_equal(loaded("counted://b/a.tar"), IMAGES)
        Counted.forget()
        items[2].load()
        assert Counted.fetched() == len(members["2.png"])

    def test_headers_of_a_tar_are_read_without_its_large_members(self) -> None:
        Counted.store["b/a.tar"] = tar({f"{i}.png": bytes(3 * 2**20) for i in range(3)})
        assert len(list(find(["counted://b/a.tar"]))) == 3
        assert Counted.fetched() < len(Counted.store["b/a.tar"]) / 3

    def test_one_row_group_of_a_large_table_is_fetched(self) -> None:
        pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
        rng = np.random.default_rng(2)
        pictures = [png(rng.integers(0, 256, (300, 300), np.uint8)) for _ in range(8)]
        stream = io.BytesIO()
        pq.write_table(pa.table({"image": pictures}), stream, row_group_size=2, compression="none")
        Counted.store["b/a.parquet"] = stream.getvalue()
        items = list(find(["counted://b/a.parquet"]))
        Counted.forget()
        assert items[5].load().size == (300, 300)
        assert Counted.fetched() < len(stream.getvalue()) / 2

    @pytest.mark.parametrize(
        ("name", "data", "kind", "sentence"),
        [
            ("a.npy", npy()[:-1], Corrupt, "59 of the 60 bytes"),
            ("a.npy", b"x", PslError, "not a .npy array"),
            ("a.npy", npy(IMAGES.astype(float)), PslError, "must be uint8"),
            ("a.npz", npz()[:-1], Corrupt, "damaged"),
            ("a.idx", idx()[:-1], Corrupt, "59 of the 60 bytes"),
            ("a.tar", b"x" * 2000, PslError, "not an uncompressed .tar"),
            ("a.parquet", b"x" * 99, PslError, "damaged, or not a Parquet file"),
            ("a.tar.gz", b"x", PslError, "unpack it to a .tar first"),
        ],
    )
    def test_damage(self, name: str, data: bytes, kind: type[PslError], sentence: str) -> None:
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        Counted.store[f"b/{name}"] = data
        with pytest.raises(kind, match=sentence) as caught:
            list(find([f"counted://b/{name}"]))
        assert f"counted://b/{name}" in str(caught.value)

    @pytest.mark.parametrize("name", ["a.tar", "a.npy", "a.npz", "a.idx", "a.parquet"])
    def test_a_request_that_fails(self, name: str) -> None:
        if name.endswith("parquet"):
            pytest.importorskip("pyarrow", reason="pyarrow is not installed")
        Counted.store[f"b/{name}"] = bytes(9999)
        Counted.failure = TimeoutError("the bucket is asleep")
        with pytest.raises(PslError, match="the bucket is asleep"):
            list(find([f"counted://b/{name}"]))

    def test_pictures_are_no_collections(self) -> None:
        Counted.store["b/a.png"] = b"x"
        assert holds_many("counted://b")
        assert not holds_many("counted://b/a.png")
