"""The README's sheet: MNIST test digits, and what is left of them at 6, 16 and 32 bytes.

Every row is decoded from a real archive of the first 1,000 test images at the default effort; its
label is the file's size divided by 1,000. The pictures are the first 18.

    python benchmarks/sheet.py --plot docs/sheet.png
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import pseudocodec
from data import mnist
from harness import Row, run
from pseudocodec.metrics import psnr

BUDGETS = (6, 16, 32)
SHOWN = 18
COLUMNS = {"row": "", "bytes": ".2f", "psnr": ".2f"}

_rows: list[tuple[str, np.ndarray]] = []


def measure(quick: bool) -> list[Row]:
    """One row a budget; keeps the pictures for `draw`."""
    originals = mnist("test")[: 100 if quick else 1_000]
    _rows[:] = [("original\n784 bytes", originals[:SHOWN])]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for budget in BUDGETS:
            path = Path(folder) / "digits.psl"
            pseudocodec.save(path, list(originals), nbytes=budget, overwrite=True)
            size = path.stat().st_size / len(originals)
            with pseudocodec.open(path) as archive:
                decoded = archive[:]
            _rows.append((f"{budget} bytes", decoded[:SHOWN]))
            rows.append({"row": f"{budget} bytes", "bytes": size, "psnr": psnr(originals, decoded)})
    return rows


def draw(axes: Any, rows: list[Row]) -> None:
    """The pictures in a grid, one line a budget."""
    sheet = np.vstack([np.pad(np.hstack(list(p)), ((1, 1), (0, 0))) for _, p in _rows])
    axes.figure.set_size_inches(9, 2.1)
    axes.imshow(255 - sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_yticks([15 + 30 * i for i in range(len(_rows))], [label for label, _ in _rows])
    axes.set_xticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw)
