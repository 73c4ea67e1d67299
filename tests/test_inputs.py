"""Finding pictures in files, folders, archives and arrays."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pseudocodec import _arrays, _tar
from pseudocodec.errors import Corrupt, PslError, TooLarge
from pseudocodec.image import as_array
from pseudocodec.inputs import PICTURE_SUFFIXES, find, holds_many

IMAGES = np.random.default_rng(1).integers(0, 256, (4, 3, 5), dtype=np.uint8)


def idx_bytes(images: np.ndarray) -> bytes:
    return struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()


def png_bytes(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def loaded(*paths: Path) -> np.ndarray:
    return np.stack([as_array(item.load())[:, :, 0] for item in find(paths)])


def refused(path: Path, kind: type[PslError], sentence: str) -> None:
    with pytest.raises(kind, match=sentence) as caught:
        list(find([path]))
    assert path.name in str(caught.value)


class TestFilesAndFolders:
    def test_one_file(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(png_bytes(IMAGES[0]))
        (item,) = find([path])
        assert item.name == str(path)
        assert item.source == path
        np.testing.assert_array_equal(as_array(item.load())[:, :, 0], IMAGES[0])

    def test_folder_is_searched_in_order(self, tmp_path: Path) -> None:
        names = ["b.png", "c.PNG", "sub/a.png", "sub/deep/a.png"]
        for name, image in zip(names, IMAGES, strict=True):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(png_bytes(image))
        for name in ("notes.txt", ".hidden.png", "sub/a.psl"):
            (tmp_path / name).write_bytes(b"x")
        (tmp_path / ".git").mkdir()
        (tmp_path / ".git" / "a.png").write_bytes(b"x")
        (tmp_path / "folder.png").mkdir()
        assert [item.name for item in find([tmp_path])] == [str(tmp_path / n) for n in names]
        np.testing.assert_array_equal(loaded(tmp_path), IMAGES)

    def test_image_folder_of_hugging_face(self, tmp_path: Path) -> None:
        names = ["test/cat/a.png", "train/cat/a.png", "train/dog/a.png", "train/dog/b.png"]
        for name, image in zip(names, IMAGES, strict=True):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(png_bytes(image))
        (tmp_path / "train" / "metadata.csv").write_text("file_name,text\ncat/a.png,a cat\n")
        (tmp_path / "test" / "metadata.jsonl").write_text('{"file_name": "cat/a.png"}\n')
        (tmp_path / "README.md").write_text("# Cats and dogs")
        np.testing.assert_array_equal(loaded(tmp_path), IMAGES)

    def test_links_to_folders_are_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(png_bytes(IMAGES[0]))
        (tmp_path / "loop").symlink_to(tmp_path)
        assert len(list(find([tmp_path]))) == 1

    def test_nothing_is_decoded_until_loaded(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_text("not a picture")
        (item,) = find([tmp_path])
        with pytest.raises(PslError, match="not a picture"):
            item.load()

    def test_empty_folder(self, tmp_path: Path) -> None:
        refused(tmp_path, PslError, "no picture found")

    def test_missing_path(self, tmp_path: Path) -> None:
        refused(tmp_path / "gone.png", PslError, "no such file or folder")

    def test_named_pipe_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        refused(tmp_path / "pipe.png", PslError, "not a regular file")

    def test_several_paths_in_the_order_given(self, tmp_path: Path) -> None:
        for name, image in zip("ab", IMAGES, strict=False):
            (tmp_path / f"{name}.png").write_bytes(png_bytes(image))
        result = loaded(tmp_path / "b.png", tmp_path / "a.png")
        np.testing.assert_array_equal(result, IMAGES[[1, 0]])

    def test_control_characters_never_reach_a_name(self, tmp_path: Path) -> None:
        (tmp_path / "a\x1b[31m.png").write_bytes(png_bytes(IMAGES[0]))
        (item,) = find([tmp_path])
        assert item.name.isprintable()
        assert item.load()

    @pytest.mark.parametrize(
        "suffix", [".tar", ".npy", ".NPZ", ".Parquet", ".idx", ".gz", "-idx3-ubyte"]
    )
    def test_collections(self, suffix: str, tmp_path: Path) -> None:
        assert holds_many(tmp_path / f"a{suffix}")
        assert holds_many(tmp_path)

    @pytest.mark.parametrize("suffix", ["", *sorted(PICTURE_SUFFIXES)])
    def test_pictures_are_no_collections(self, suffix: str, tmp_path: Path) -> None:
        assert not holds_many(tmp_path / f"a{suffix}")


class TestTar:
    def test_members_in_archive_order(self, tmp_path: Path) -> None:
        names = ["z.png", "sub/a.png", "./c.png", "../../etc/evil.png"]
        members = dict(zip(names, map(png_bytes, IMAGES), strict=True))
        path = tar_of(tmp_path / "a.tar", {"sub/._a.png": b"x", "read.me": b"x", **members})
        np.testing.assert_array_equal(loaded(path), IMAGES)
        assert [item.name for item in find([path])] == [f"{path}/{name}" for name in names]
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar"]

    def test_links_and_folders_are_skipped(self, tmp_path: Path) -> None:
        path = tmp_path / "a.tar"
        with tarfile.open(path, "w") as archive:
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE):
                info = tarfile.TarInfo("a.png")
                info.type, info.linkname = kind, "/etc/passwd"
                archive.addfile(info)
        refused(path, PslError, "no picture found")

    def test_empty_archive(self, tmp_path: Path) -> None:
        refused(tar_of(tmp_path / "a.tar", {}), PslError, "no picture found")

    @pytest.mark.parametrize("data", [b"", b"hello", bytes(100), b"\x1f\x8b" * 600])
    def test_not_a_tar(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.tar").write_bytes(data)
        refused(tmp_path / "a.tar", PslError, "not an uncompressed .tar")

    @pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar.xz"])
    def test_compressed_tar(self, suffix: str, tmp_path: Path) -> None:
        (tmp_path / f"a{suffix}").write_bytes(b"x")
        refused(tmp_path / f"a{suffix}", PslError, "unpack it")

    def test_truncated_between_members(self, tmp_path: Path) -> None:
        path = tar_of(tmp_path / "a.tar", {"a.png": bytes(2000), "b.png": bytes(2000)})
        path.write_bytes(path.read_bytes()[: 512 + 1000])
        refused(path, Corrupt, "damaged")

    def test_truncated_inside_a_member(self, tmp_path: Path) -> None:
        path = tar_of(tmp_path / "a.tar", {"a.png": png_bytes(IMAGES[0])})
        (item,) = find([path])
        path.write_bytes(path.read_bytes()[: 512 + 20])
        with pytest.raises(Corrupt, match=r"a\.tar/a\.png is truncated: 20 of"):
            item.load()

    def test_member_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_tar, "MAX_MEMBER_BYTES", 10)
        (item,) = find([tar_of(tmp_path / "a.tar", {"a.png": png_bytes(IMAGES[0])})])
        with pytest.raises(TooLarge, match="more than 10"):
            item.load()

    def test_negative_size(self, tmp_path: Path) -> None:
        path = tar_of(tmp_path / "a.tar", {"a.png": bytes(600)})
        data = bytearray(path.read_bytes())
        data[124:136] = b"\xff" * 10 + (-1024 & 0xFFFF).to_bytes(2, "big")  # GNU's base 256
        total = sum(data[:512]) - sum(data[148:156]) + 8 * 32
        data[148:156] = b"%06o\0 " % total
        path.write_bytes(data)
        refused(path, Corrupt, "negative size")

    @settings(max_examples=50)
    @given(
        position=st.integers(0, 511).filter(lambda i: not 148 <= i < 156),  # the checksum itself
        value=st.integers(0, 255),
    )
    def test_any_damaged_header_is_one_sentence(
        self, position: int, value: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tar_of(tmp_path_factory.mktemp("tar") / "a.tar", {"a.png": png_bytes(IMAGES[0])})
        data = bytearray(path.read_bytes())
        changed = data[position] != value
        data[position] = value
        path.write_bytes(data)
        if changed:
            refused(path, PslError, "not an uncompressed .tar")
        else:
            assert len(list(find([path]))) == 1


class TestIdx:
    @pytest.mark.parametrize("name", ["a.idx", "train-images-idx3-ubyte", "t.idx3-ubyte"])
    def test_plain(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(idx_bytes(IMAGES))
        np.testing.assert_array_equal(loaded(tmp_path / name), IMAGES)
        assert [item.name for item in find([tmp_path / name])][3] == f"{tmp_path / name}[3]"

    def test_gzip(self, tmp_path: Path) -> None:
        path = tmp_path / "images-idx3-ubyte.gz"
        path.write_bytes(gzip.compress(idx_bytes(IMAGES)))
        np.testing.assert_array_equal(loaded(path), IMAGES)

    def test_real_mnist(self) -> None:
        path = Path(__file__).parents[2] / "shared/data/mnist/t10k-images-idx3-ubyte.gz"
        if not path.exists():
            pytest.skip("the MNIST test images are not here")
        items = list(find([path]))
        assert len(items) == 10_000
        assert as_array(items[0].load()).shape == (28, 28, 1)

    @pytest.mark.parametrize("data", [b"", b"\0\0", b"hello, world, this is it", b"\0\0\x0d\x03"])
    def test_not_idx(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.idx").write_bytes(data)
        refused(tmp_path / "a.idx", PslError, f"starts with 0x{data[:4].hex()}")

    def test_labels(self, tmp_path: Path) -> None:
        (tmp_path / "a.idx").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, 3) + b"\1\2\3")
        refused(tmp_path / "a.idx", PslError, "not of labels")

    def test_short_header(self, tmp_path: Path) -> None:
        (tmp_path / "a.idx").write_bytes(idx_bytes(IMAGES)[:11])
        refused(tmp_path / "a.idx", Corrupt, "11 of 16")

    @pytest.mark.parametrize("zipped", [False, True])
    @pytest.mark.parametrize(("cut", "sentence"), [(-1, "59 of the 60"), (None, "more than")])
    def test_wrong_length(
        self, cut: int | None, sentence: str, zipped: bool, tmp_path: Path
    ) -> None:
        data = idx_bytes(IMAGES)[:cut] if cut else idx_bytes(IMAGES) + b"x"
        (tmp_path / "a.idx").write_bytes(gzip.compress(data) if zipped else data)
        refused(tmp_path / "a.idx", Corrupt, sentence)

    def test_no_images(self, tmp_path: Path) -> None:
        (tmp_path / "a.idx").write_bytes(idx_bytes(IMAGES[:0]))
        refused(tmp_path / "a.idx", PslError, "no picture")

    def test_forged_size(self, tmp_path: Path) -> None:
        (tmp_path / "a.idx").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3))
        refused(tmp_path / "a.idx", TooLarge, "more than 1073741824")

    def test_forged_size_within_the_limit_allocates_nothing(self, tmp_path: Path) -> None:
        header = struct.pack(">4B3I", 0, 0, 8, 3, 2**10, 2**10, 2**10)
        for data in (header, gzip.compress(header)):
            (tmp_path / "a.idx").write_bytes(data)
            tracemalloc.start()
            refused(tmp_path / "a.idx", Corrupt, "0 of the 1073741824")
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 2**23  # a few read buffers of 2**20

    def test_gzip_bomb(self, tmp_path: Path) -> None:
        bomb = gzip.compress(idx_bytes(IMAGES) + bytes(2**26))
        (tmp_path / "a.gz").write_bytes(bomb)
        tracemalloc.start()
        refused(tmp_path / "a.gz", Corrupt, "more than the 60 bytes")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**22

    @pytest.mark.parametrize("cut", [5, 12, 30, -4])
    def test_truncated_gzip(self, cut: int, tmp_path: Path) -> None:
        (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(IMAGES))[:cut])
        refused(tmp_path / "a.gz", Corrupt, "damaged")

    def test_flipped_gzip(self, tmp_path: Path) -> None:
        data = bytearray(gzip.compress(idx_bytes(IMAGES)))
        data[-8] ^= 1  # its CRC
        (tmp_path / "a.gz").write_bytes(data)
        refused(tmp_path / "a.gz", Corrupt, "CRC")


class TestNumpy:
    @pytest.mark.parametrize("shape", [(4, 3, 5), (4, 3, 5, 1), (2, 3, 5, 3)])
    @pytest.mark.parametrize("order", ["C", "F"])
    def test_round_trip(self, shape: tuple[int, ...], order: str, tmp_path: Path) -> None:
        images = np.resize(IMAGES, shape).copy(order=order)  # type: ignore[call-overload]
        np.save(tmp_path / "a.npy", images)
        np.savez_compressed(tmp_path / "a.npz", images)
        for name in ("a.npy", "a.npz"):
            result = np.stack([np.asarray(item.load()) for item in find([tmp_path / name])])
            np.testing.assert_array_equal(result, images)

    @pytest.mark.parametrize("name", ["a.npy", "a.npz"])
    @pytest.mark.parametrize(
        "array",
        [np.zeros((2, 2, 2)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 2, 2), np.uint8)],
    )
    def test_wrong_arrays(self, array: np.ndarray, name: str, tmp_path: Path) -> None:
        (np.save if name == "a.npy" else np.savez)(tmp_path / name, array)
        refused(tmp_path / name, PslError, r"must be uint8 of shape \(n, h, w\)")

    @pytest.mark.parametrize(
        ("array", "remedy"),
        [
            (np.zeros((2, 5, 5), np.float32), r"0 to 255, round and convert with \.astype"),
            (np.zeros((2, 5, 5, 3), np.int64), r"0 to 255, round and convert with \.astype"),
            (np.zeros((2, 3, 5, 5), np.uint8), r"channels last with \.transpose\(0, 2, 3, 1\)"),
            (np.zeros((2, 1, 5, 5), np.float32), r"channels last with \.transpose\(0, 2, 3, 1\)"),
        ],
    )
    def test_nearly_right_arrays_say_what_to_do(
        self, array: np.ndarray, remedy: str, tmp_path: Path
    ) -> None:
        np.save(tmp_path / "a.npy", array)
        refused(tmp_path / "a.npy", PslError, remedy)

    @pytest.mark.parametrize("name", ["a.npy", "a.npz"])
    def test_no_images(self, name: str, tmp_path: Path) -> None:
        (np.save if name == "a.npy" else np.savez)(tmp_path / name, IMAGES[:0])
        refused(tmp_path / name, PslError, "npy|no picture")

    @pytest.mark.parametrize("name", ["a.npy", "a.npz"])
    def test_pickled_objects_are_never_loaded(self, name: str, tmp_path: Path) -> None:
        array = np.array([[[Path]]], object)
        (np.save if name == "a.npy" else np.savez)(tmp_path / name, array)
        refused(tmp_path / name, PslError, "object|pictures")

    @pytest.mark.parametrize("name", ["a.npy", "a.npz"])
    @pytest.mark.parametrize("data", [b"", b"hello", b"\x93NUMPY\1\0\2\0{}", b"PK\3\4hello"])
    def test_not_numpy(self, name: str, data: bytes, tmp_path: Path) -> None:
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, PslError, "not a .npy|damaged")

    def test_truncated_npy(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", IMAGES)
        (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-1])
        refused(tmp_path / "a.npy", PslError, "not a .npy array")

    def test_truncated_npz(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", IMAGES)
        data = (tmp_path / "a.npz").read_bytes()
        for length in range(0, len(data) - 1, 16):
            (tmp_path / "a.npz").write_bytes(data[:length])
            refused(tmp_path / "a.npz", Corrupt, "damaged")

    def test_two_arrays(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", IMAGES, IMAGES)
        refused(tmp_path / "a.npz", PslError, "2 arrays")

    def test_forged_npz_size(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        np.savez_compressed(tmp_path / "a.npz", IMAGES)
        monkeypatch.setattr(_arrays, "MAX_ARRAY_BYTES", 59)
        refused(tmp_path / "a.npz", TooLarge, "60 bytes of pixels, more than 59")

    def test_npz_longer_than_its_header_says(self, tmp_path: Path) -> None:
        stream = io.BytesIO()
        np.save(stream, IMAGES)
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", stream.getvalue() + b"x")
        refused(tmp_path / "a.npz", Corrupt, "more than the 60")

    def test_npz_header_of_the_future(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("x.npy", b"\x93NUMPY\3\0\2\0\0\0{}")
        refused(tmp_path / "a.npz", PslError, r"version \(3, 0\)")
