"""What docs/overfit.md says of fits is what benchmarks/results has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "overfit.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"
ROWS = json.loads((RESULTS / "overfit.json").read_text(encoding="utf-8"))["rows"]
FITS = json.loads((RESULTS / "overfit_fits.json").read_text(encoding="utf-8"))


def rows_of(table: str) -> list[dict[str, float]]:
    return [row for row in ROWS if row["table"] == table]


def test_the_table_of_fits() -> None:
    for row in rows_of("fits"):
        if row["codec"] != "overfit":
            continue
        cells = (row["effort"], row["quality"], row["bpp"], row["psnr"], row["encode_s"])
        assert "| {} | {} | {:.3f} | {:.2f} | {:.0f} |".format(*cells) in TEXT


def test_the_table_of_bits_at_equal_psnr() -> None:
    by_effort: dict[float, dict[str, float]] = {}
    for row in rows_of("BD-rate, %"):
        by_effort.setdefault(row["effort"], {})[str(row["codec"])] = row["value"]
    assert by_effort
    for effort, rates in by_effort.items():
        cells = " | ".join(f"{rates[name]:+.1f} %" for name in ("JPEG", "WebP", "HEIC", "AVIF"))
        assert f"| {effort} | {cells} |" in TEXT


def test_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for effort in {row["effort"] for row in rows_of("BD-rate, %")}:
        rows = [row for row in rows_of("BD-rate, %") if row["effort"] == effort]
        rates = {row["codec"]: row["value"] for row in rows}
        said = ", ".join(f"{name} {rates[name]:+.1f} %" for name in ("JPEG", "WebP", "AVIF"))
        assert said in readme.replace("\n", " ")
    costs = {row["codec"]: row["value"] for row in rows_of("cost")}
    said = f"{costs['step_ms']:.0f} ms, decoding {costs['decode_s']:.2f} seconds"
    assert said in readme.replace("\n", " ")


def test_costs() -> None:
    costs = {row["codec"]: row["value"] for row in rows_of("cost")}
    assert f"{costs['decode_s']:.2f} seconds" in TEXT
    assert f"{costs['step_ms']:.0f} ms" in TEXT
    assert f"{costs['kmac_per_pixel']:.1f} thousand" in TEXT


@pytest.mark.parametrize("effort", sorted({row["effort"] for row in FITS}))
def test_fits_are_of_one_model_and_schedule(effort: int) -> None:
    makers = {(row["model"], row["schedule"]) for row in FITS if row["effort"] == effort}
    assert len(makers) == 1
