"""Rewrites the tables of docs/thesis.md from benchmarks/results/thesis: python .../page.py."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "thesis.md"
RESULTS = ROOT / "benchmarks" / "results" / "thesis"

_ONE_SEED = {
    "set": ("set", ""),
    "method": ("method", ""),
    "MSE, latents": ("latent_mse", ".4f"),
    "thesis ": ("thesis_latent_mse", ".4f"),
    "seeds found": ("seeds_found", ".1%"),
    "MSE": ("mse", ".4f"),
}
_THEIRS = {
    "thesis  ": ("thesis_mse", ".4f"),
    "SSIM": ("ssim", ".3f"),
    "thesis   ": ("thesis_ssim", ".3f"),
}
_FID = {"FID, thesis": ("thesis_fid", ".1f")}
_01 = {"MSE in [0, 1]": ("mse_01", ".4f")}

COLUMNS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "variants": _ONE_SEED | _THEIRS | {"distance": ("distance", ".2f")} | _FID,
    "exploration": _ONE_SEED | _01 | _THEIRS | _FID,
    "composition": {
        "set": ("set", ""),
        "generator": ("generator", ""),
        "sequences": ("sequences", "d"),
        "MSE": ("mse", ".4f"),
        **_01,
        **_THEIRS,
        **_FID,
    },
    "autoencoders": {
        "method": ("method", ""),
        "floats": ("values", "d"),
        "MSE": ("mse", ".4f"),
        **_01,
        **_THEIRS,
        **_FID,
    },
    "classification": {
        "method": ("method", ""),
        "cross-entropy": ("cross_entropy", ".3f"),
        "thesis ": ("thesis_cross_entropy", ".3f"),
        "read right": ("accuracy", ".1%"),
    },
    "beat_digits": {
        "method": ("method", ""),
        "bits": ("bits", ".2f"),
        "MSE": ("mse", ".4f"),
        "SSIM": ("ssim", ".3f"),
    },
    "beat_faces": {
        "method": ("method", ""),
        "sequences": ("sequences", "d"),
        "bytes": ("bytes", ".1f"),
        "MSE": ("mse", ".4f"),
        "SSIM": ("ssim", ".3f"),
    },
}


def table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, tuple[str, str]]) -> str:
    """A table in Markdown; empty where there is nothing."""

    def cell(value: object, spec: str) -> str:
        return "" if value is None else format(value, "" if isinstance(value, str) else spec)

    lines = [f"| {' | '.join(name.strip() for name in columns)} |", "|---" * len(columns) + "|"]
    for row in rows:
        cells = (cell(row.get(key), spec) for key, spec in columns.values())
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """The page with every table as its results have it; without results, as it is."""

    def of(match: re.Match[str]) -> str:
        rows = json.loads((RESULTS / f"{match[2]}.json").read_text())["rows"]
        return f"{match[1]}\n{table(rows, COLUMNS[match[2]])}\n\n{match[3]}"

    marked = re.compile(r"(<!-- table of thesis/(\w+)\.json -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(of, page)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
