import importlib
import json
import sys
import types

import pytest

import harness

ROWS = [
    {"codec": "WebP", "bytes": 95.04, "psnr": 22.7},
    {"codec": "PNG", "bytes": 267, "psnr": None},
]
COLUMNS = {"codec": "", "bytes": ".1f", "psnr": ".2f", "seconds": ".3f"}


def run(argv, measure=lambda quick: ROWS, draw=None):
    harness.run("/somewhere/x.py", "A claim.", measure, COLUMNS, draw, ("rich",), argv)


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_table_formats_values_and_shows_missing_ones_as_dashes(results, capsys):
    run(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["codec", "bytes", "psnr", "seconds"],
        ["WebP", "95.0", "22.70", "-"],
        ["PNG", "267.0", "-", "-"],
    ]


def test_quick_reaches_the_measurement_and_writes_nothing(results):
    seen = []
    run(["--quick"], lambda quick: seen.append(quick) or ROWS)
    assert seen == [True]
    assert not results.exists()


def test_a_full_run_writes_json_named_after_the_script(results):
    run([])
    record = json.loads((results / "x.json").read_text())
    assert record["command"] == "python benchmarks/x.py"
    assert record["rows"] == ROWS
    assert record["machine"]["cores"] >= 1
    assert set(record["machine"]["libraries"]) == {"numpy", "rich"}


def test_a_library_that_is_absent_has_no_version(tmp_path):
    harness.write_json(tmp_path / "x.json", "x", ROWS, ["no-such-library"])
    record = json.loads((tmp_path / "x.json").read_text())
    assert record["machine"]["libraries"]["no-such-library"] is None


def test_json_holds_no_path_it_was_written_to(results, tmp_path):
    path = tmp_path / "new" / "rows.json"
    run(["--quick", "--json", str(path)])
    assert json.loads(path.read_text())["command"] == "python benchmarks/x.py --quick"
    assert str(tmp_path) not in path.read_text()


def test_infinity_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        harness.write_json(tmp_path / "x.json", "x", [{"psnr": float("inf")}], [])


def test_plot_is_drawn_from_the_rows(results):
    pytest.importorskip("matplotlib")
    run([], draw=lambda axes, rows: axes.plot([row["bytes"] for row in rows]))
    assert (results / "x.png").read_bytes().startswith(b"\x89PNG")


def test_tables_need_no_plotting_library(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    importlib.reload(harness)
    monkeypatch.setattr(harness, "RESULTS", results)
    run([])
    assert (results / "x.json").exists()


def test_best_of_returns_the_fastest_call(monkeypatch):
    clock = iter([0.0, 3.0, 3.0, 4.0, 4.0, 6.0])
    monkeypatch.setattr(harness, "time", types.SimpleNamespace(perf_counter=lambda: next(clock)))
    assert harness.best_of(lambda: None, 3) == 1.0
