"""`train` on a kind that no shipped model knows: glyphs of open fonts, 20 minutes on all cores.

The glyphs are those that make_glyphs.py draws of the fonts installed (`--quick`: of the fonts that
matplotlib brings, trained on for 10 seconds); one in twenty is held out, by chance, and measured:
in archives and as single files of ours, and with the usual codecs on contact sheets of a hundred
and as single files, of 200 glyphs (`--quick`: all of it with 20 glyphs at two sizes).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

import pseudocodec
from harness import Row, log, run
from kinds import COLUMNS, LIBRARIES
from make_glyphs import FONTS, collect
from pseudocodec.evaluation.plot import draw as draw_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BUDGET, QUICK_BUDGET = 1200.0, 10.0  # seconds
HELD_OUT = 20  # one glyph in so many
QUICK: dict[str, Any] = {"nbytes": (12, 36), "limit": 20}  # of the evaluation


def measure(quick: bool) -> list[Row]:
    """The rows of the model and of its peers."""
    glyphs = collect([Path(mpl.get_data_path()) / "fonts" / "ttf" if quick else FONTS])
    order = np.random.default_rng(0).permutation(len(glyphs))
    kept, held_out = np.split(glyphs[order], [-(len(glyphs) // HELD_OUT)])
    with tempfile.TemporaryDirectory() as folder:
        data, other, output = (Path(folder) / name for name in ("a.npz", "b.npz", "m.safetensors"))
        np.savez(data, kept)
        np.savez(other, held_out)
        pseudocodec.train(
            data,
            output,
            holdout=other,
            budget=QUICK_BUDGET if quick else BUDGET,
            size="small" if quick else "base",
            report=False,
            on_progress=lambda progress: log.print(progress.describe()),
            on_note=log.print,
        )
        found = pseudocodec.evaluate(output, held_out, **QUICK if quick else {})
    peers = found["versus"]
    assert peers is not None
    rows: list[Row] = [*found["rows"], *peers["ours"]["single"]]
    rows += peers["peers"]["sheet"] + peers["peers"]["single"]
    return rows


def draw(axes: Axes, rows: list[Row]) -> None:
    """The curves, with a legend."""
    for (codec, layout), points in draw_curves(axes, rows).items():
        last = points[-1]
        axes.annotate(f"{codec}, {layout}", (last["bytes"], last["psnr"]), fontsize=8)
    axes.set_title("Glyphs of open fonts, 32 x 32, held out", loc="left")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=LIBRARIES)
