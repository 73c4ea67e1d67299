"""docs/thesis.md has the figures of the results."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "thesis"))

import page


def test_the_page_has_the_figures_of_the_results() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    assert text.count("<!-- table of thesis/") == len(page.COLUMNS)
    assert page.filled(text) == text


def test_a_table_is_empty_where_there_is_nothing() -> None:
    columns = {"method": ("method", ""), "MSE": ("mse", ".2f"), "FID": ("fid", ".1f")}
    made = page.table([{"method": "one", "mse": 0.125, "fid": None}], columns)
    assert made.splitlines() == ["| method | MSE | FID |", "|---|---|---|", "| one | 0.12 |  |"]
