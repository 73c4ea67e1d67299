import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import random_access
from pseudocodec.container import ArchiveReader

RANDOM = np.random.default_rng(0)
FILES = [RANDOM.bytes(500 + i * 99 % 700) for i in range(256)]


@pytest.fixture
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_access.data, "ROOT", tmp_path)


def test_a_row_counts_what_each_draw_reads():
    row = random_access.row("x", bytes(5000), lambda file, n: file.read(2000 * n), [1, 2], 7)
    assert (row["read_bytes"], row["requests"], row["pictures"]) == (3000, 1, 7)


@pytest.mark.parametrize("number", [0, 99, 255])
def test_readers_find_the_picture(number):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    tar, ends = random_access.tar_of(FILES)
    assert tar[: ends[number]].endswith(FILES[number])
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getmember(f"{number:05d}.webp").size == len(FILES[number])
    for make, read in (
        (random_access.zip_of, random_access.read_zip),
        (random_access.parquet_of, random_access.read_parquet),
    ):
        file = random_access.Counting(make(FILES))
        assert read(file, number) == FILES[number]
        assert 0 < file.fetched < len(file.getvalue())


@pytest.mark.usefixtures("no_data")
def test_shipped_pictures_stand_in_for_absent_data():
    images = random_access.digits(49)
    assert images.shape == (49, 28, 28)
    assert len(np.unique(images, axis=0)) == 49
    with Image.open(random_access.ROOT / "docs" / "photo.png") as photo:
        width, height = photo.size
    assert random_access.mosaic(4).shape == (2 * height, 2 * width, 3)


@pytest.mark.usefixtures("no_data")
def test_an_archive_repeats_its_records(monkeypatch):
    monkeypatch.setattr(random_access, "COUNT", 10)
    content = random_access.psl(random_access.digits(4), nbytes=30)
    reader = ArchiveReader(io.BytesIO(content))
    assert reader.count == 10
    assert reader.record(9) == reader.record(1) != reader.record(2)


def test_the_plot_takes_the_rows(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from harness import write_plot

    rows = [{"container": "psl", "read_bytes": 9.0, "requests": 1.0}]
    write_plot(tmp_path / "a.png", random_access.draw, rows)
    assert (tmp_path / "a.png").stat().st_size
