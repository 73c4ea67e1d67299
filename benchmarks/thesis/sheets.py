"""Sample sheets: originals above what comes back of them, a row a method.

Sheets of digits stand among the results. Those of faces show pictures whose licence is not stated,
and stay in `benchmarks/runs/`, which is not part of the repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap

from harness import RESULTS, log
from pseudocodec.evaluation.sheet import draw_sheet
from pseudocodec.metrics import Images
from runs import RUNS

SHOWN = 16
WIDTH = 20  # letters of a label's line


def write(name: str, kind: str, rows: Mapping[str, Images], *, quick: bool) -> None:
    """A sheet NAME-sheet.png of the first pictures of each row; none of a quick run."""
    if quick:
        return
    folder = RESULTS / "thesis" if kind == "digits" else RUNS
    path = Path(folder, f"{name}-sheet.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet = [("\n".join(wrap(label, WIDTH)), pictures[:SHOWN]) for label, pictures in rows.items()]
    path.write_bytes(draw_sheet(sheet))
    log.print(f"{name}: the sheet is {path.name}")
