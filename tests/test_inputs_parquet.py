"""Finding pictures in Parquet files, the way Hugging Face data sets are stored."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pseudocodec import _parquet
from pseudocodec.errors import Corrupt, PslError, TooLarge
from pseudocodec.image import as_array
from pseudocodec.inputs import find

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")

IMAGES = np.random.default_rng(1).integers(0, 256, (7, 3, 5), dtype=np.uint8)
HUGGING_FACE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png_bytes(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


PNGS = [png_bytes(image) for image in IMAGES]
CELLS = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(PNGS)]


def table(path: Path, rows: int = 3, **columns: Any) -> Path:
    """A Parquet file of `columns`, `rows` rows a group."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return path


def data_set(path: Path) -> Path:
    return table(path, label=list(range(7)), image=pa.array(CELLS, HUGGING_FACE), text=["x"] * 7)


def loaded(path: Path) -> np.ndarray:
    return np.stack([as_array(item.load())[:, :, 0] for item in find([path])])


def refused(path: Path, kind: type[PslError], sentence: str) -> None:
    with pytest.raises(kind, match=sentence) as caught:
        for item in find([path]):
            item.load()
    assert path.name in str(caught.value)


class TestColumns:
    def test_struct_of_bytes_and_path(self, tmp_path: Path) -> None:
        path = data_set(tmp_path / "a.parquet")
        np.testing.assert_array_equal(loaded(path), IMAGES)
        items = list(find([path]))
        assert items[6].name == f"{path}[6]"
        assert {item.source for item in items} == {path}

    @pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
    def test_plain_binary(self, kind: Any, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", pixels=pa.array(PNGS, kind))
        np.testing.assert_array_equal(loaded(path), IMAGES)

    @pytest.mark.parametrize("name", ["image", "img", "picture"])
    def test_usual_names_come_before_others(self, name: str, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", audio=[b"x"] * 7, **{name: PNGS})
        np.testing.assert_array_equal(loaded(path), IMAGES)

    def test_first_column_of_pictures_otherwise(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", image=["a name"] * 7, front=PNGS, back=[b"x"] * 7)
        np.testing.assert_array_equal(loaded(path), IMAGES)

    def test_no_column_of_pictures(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", image=["a"], label=[1])
        refused(path, PslError, "no column of pictures.* image, label")

    def test_no_rows(self, tmp_path: Path) -> None:
        refused(table(tmp_path / "a.parquet", image=pa.array([], pa.binary())), PslError, "no pict")

    @pytest.mark.parametrize("cell", [None, {"bytes": None, "path": "a.png"}])
    def test_null_cell_is_named(self, cell: object, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", image=pa.array([CELLS[0], cell], HUGGING_FACE))
        refused(path, PslError, r"a\.parquet\[1\] holds no picture")

    def test_cell_that_is_no_picture_is_named(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", image=[PNGS[0], b"text"])
        refused(path, PslError, r"a\.parquet\[1\] is not a picture")


class TestFolders:
    def test_shards_in_order(self, tmp_path: Path) -> None:
        for i in range(7):
            table(tmp_path / "data" / f"train-{i:05}-of-00007.parquet", image=[PNGS[i]])
        (tmp_path / "README.md").write_text("# A data set")
        np.testing.assert_array_equal(loaded(tmp_path), IMAGES)

    def test_pictures_come_before_tables(self, tmp_path: Path) -> None:
        table(tmp_path / "a.parquet", image=PNGS)
        (tmp_path / "z").mkdir()
        (tmp_path / "z" / "a.png").write_bytes(PNGS[2])
        np.testing.assert_array_equal(loaded(tmp_path), IMAGES[2:3])

    @pytest.mark.parametrize("inside", ["", "data-00000-of-00001.arrow"])
    def test_arrow_files_say_how_to_convert(self, inside: str, tmp_path: Path) -> None:
        (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"x")
        with pytest.raises(PslError, match=r"Arrow file.*to_parquet"):
            list(find([tmp_path / inside]))


class TestMemory:
    def test_nothing_is_read_until_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = data_set(tmp_path / "a.parquet")
        read: list[int] = []
        original = _parquet._File._read
        monkeypatch.setattr(
            _parquet._File, "_read", lambda file, i: read.append(i) or original(file, i)
        )
        items = list(find([path]))
        assert read == []
        for item in items:
            item.load()
        assert read == [0, 1, 2]

    def test_two_row_groups_are_held_of_all_files(self, tmp_path: Path) -> None:
        def held() -> int:
            return sum(len(file._held) for file in {ref() for ref, _ in _parquet._recent} - {None})

        for name in ("a", "b", "c"):
            data_set(tmp_path / f"{name}.parquet")
        items = list(find([tmp_path]))
        for item in items:
            item.load()
            assert 1 <= held() <= 2
        del items, item
        assert held() == 0

    def test_threads_that_jump_about(self, tmp_path: Path) -> None:
        path = table(tmp_path / "a.parquet", 2, image=PNGS)
        items = list(find([path])) * 20
        with ThreadPoolExecutor(4) as pool:
            result = list(pool.map(lambda item: as_array(item.load())[:, :, 0], items))
        np.testing.assert_array_equal(result, np.tile(IMAGES, (20, 1, 1)))

    def test_a_repeated_picture_is_held_once(self, tmp_path: Path) -> None:
        large = png_bytes(np.random.default_rng(2).integers(0, 256, (200, 200), np.uint8))
        path = table(tmp_path / "a.parquet", 500, image=[large] * 500)
        before = pa.total_allocated_bytes()
        items = list(find([path]))
        items[499].load()
        assert pa.total_allocated_bytes() - before < 20 * len(large)


class TestMalformed:
    @pytest.mark.parametrize(
        "data", [b"", b"PAR1", b"hello", b"PAR1" * 10, b"PAR1\xff\xff\xff\x7fPAR1"]
    )
    def test_not_parquet(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "a.parquet").write_bytes(data)
        refused(tmp_path / "a.parquet", Corrupt, "not a Parquet file")

    def test_truncated(self, tmp_path: Path) -> None:
        path = data_set(tmp_path / "a.parquet")
        path.write_bytes(path.read_bytes()[:-10])
        refused(path, Corrupt, "damaged")

    def test_column_name_that_is_no_text(self, tmp_path: Path) -> None:
        path = data_set(tmp_path / "a.parquet")
        path.write_bytes(path.read_bytes().replace(b"label", b"lab\xffl"))
        refused(path, Corrupt, "damaged")

    def test_truncated_after_it_was_listed(self, tmp_path: Path) -> None:
        path = data_set(tmp_path / "a.parquet")
        items = list(find([path]))
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(Corrupt, match=r"a\.parquet is damaged"):
            items[0].load()

    def test_missing_rows(self, tmp_path: Path) -> None:
        path = data_set(tmp_path / "a.parquet")
        items = list(find([path]))
        table(path, image=pa.array(CELLS[:2], HUGGING_FACE))
        with pytest.raises(Corrupt, match="row group 0 holds 2 of the 3 rows"):
            items[0].load()

    def test_gone_after_it_was_listed(self, tmp_path: Path) -> None:
        path = data_set(tmp_path / "a.parquet")
        items = list(find([path]))
        path.unlink()
        with pytest.raises(PslError, match=r"cannot read .*a\.parquet"):
            items[0].load()

    @pytest.mark.parametrize(("limit", "value"), [("MAX_GROUP_BYTES", 100), ("MAX_GROUP_ROWS", 2)])
    def test_row_group_too_large(
        self, limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = data_set(tmp_path / "a.parquet")
        monkeypatch.setattr(_parquet, limit, value)
        with pytest.raises(TooLarge, match=r"a\.parquet has a row group of 3 rows"):
            next(find([path]))

    @settings(max_examples=100, deadline=None)
    @given(position=st.integers(0, 10_000), value=st.integers(0, 255))
    def test_any_damaged_byte_is_one_sentence_or_harmless(
        self, position: int, value: int, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = data_set(tmp_path_factory.mktemp("parquet") / "a.parquet")
        data = bytearray(path.read_bytes())
        data[position % len(data)] = value
        path.write_bytes(data)
        try:
            count = sum(1 for item in find([path]) if item.load())
        except PslError as error:
            assert path.name in str(error)
        else:
            assert count <= 7


def test_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = data_set(tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(path, PslError, r'needs pyarrow: run pip install "pseudocodec\[parquet\]"')
