"""The conversion benchmark: its arithmetic, and the page that quotes it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import conversion

ROW = {
    "kind": "digits",
    "workers": 2,
    "inputs": 400,
    "pictures_per_second": 250.0,
    "bytes_per_picture": 15.0,
    "names_bytes_per_picture": 12_345.0,
}


def test_what_100_million_cost() -> None:
    *_, line = conversion.table([{**ROW, "workers": 1}, ROW]).splitlines()
    assert line == "| digits | 250 | 4.6 days | 14 hours | 1.7 hours | 1.5 GB | 1.2 TB |"
    assert len(conversion.table([{**ROW, "workers": 1}, ROW]).splitlines()) == 3


def test_the_page_has_the_figures_of_the_results() -> None:
    rows = json.loads((conversion.RESULTS / "conversion.json").read_text())["rows"]
    page = conversion.PAGE.read_text()
    assert conversion.table(rows) in page
    assert conversion.page_with(page, conversion.table(rows)) == page
    assert conversion.page_with(page, "new") != page


def test_a_row_measures_a_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0, 16.0])
    monkeypatch.setattr(conversion.time, "perf_counter", lambda: next(clock))

    def convert(source: Path, folder: Path, *, workers: int, on_progress, **options: object):
        folder.mkdir()
        (folder / "shard-00000.json").write_text('{"inputs": ["1", "22", "333ab"], "more": 0}')
        on_progress("listing", 6, 6)
        for done in (2, 4, 6):
            on_progress("converting", done, 6)
        return {"inputs": 6, "pictures": 5, "bytes": 100}

    monkeypatch.setattr(conversion, "convert", convert)
    assert conversion.row("digits", tmp_path, 2, tmp_path / "out") == {
        "kind": "digits",
        "workers": 2,
        "inputs": 6,
        "pictures_per_second": 0.5,
        "bytes_per_picture": 20.0,
        "names_bytes_per_picture": 3.0,
    }


def test_the_pictures_of_a_quick_run(tmp_path: Path) -> None:
    digits = np.load(conversion.digits_in(tmp_path, 20))
    assert digits.shape == (20, 28, 28)
    photos = list(conversion.photos_in(tmp_path, 3).iterdir())
    assert len(photos) == 3
    with Image.open(photos[0]) as photo:
        assert photo.mode == "RGB"


def test_the_plot_takes_the_rows(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    from harness import write_plot

    write_plot(tmp_path / "a.png", conversion.draw, [ROW])
    assert (tmp_path / "a.png").stat().st_size
