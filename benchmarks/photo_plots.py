"""Rate-distortion curves of photographs, a panel for each measure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import Row
from photo_curves import decibels
from pseudocodec.evaluation.ours import NAME
from pseudocodec.evaluation.plot import COLOURS, OTHER_COLOUR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BPP = 1.6  # at the right end of a panel
TITLES = {"psnr": "PSNR, dB", "ssim": "SSIM", "ms_ssim": "MS-SSIM, dB", "vif": "VIF"}
SCALES: Mapping[str, Callable[[float], float]] = {"ms_ssim": decibels}
_SLOWER = "#8b0000"  # ours at a higher effort
_COLOURS = {
    **COLOURS,
    "JPEG 2000": "#ff7f0e",
    "HEIC": "#bcbd22",
    "BPG 4:4:4": "#17becf",
    "AV1": "#2ca02c",
    "VTM": "black",
    "mbt2018-mean": "#e377c2",
}


def draw(axes: Axes, rows: Sequence[Row], measure: str) -> None:
    """A line for each codec and source: published ones dashed, ours thick."""
    scale = SCALES.get(measure, float)
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row[measure] is not None and row["bpp"] <= MOST_BPP:
            lines.setdefault((row["codec"], row["source"]), []).append(row)
    for (codec, source), points in lines.items():
        measured = source == "measured"
        axes.plot(
            [point["bpp"] for point in points],
            [scale(point[measure]) for point in points],
            label=codec if measured else f"{codec}, {source}",
            color=_COLOURS.get(codec, _SLOWER if codec.startswith(NAME) else OTHER_COLOUR),
            linestyle="-" if measured else "--",
            linewidth=2.5 if codec.startswith(NAME) else 1.2,
            marker="o" if measured else None,
            markersize=3,
        )
    axes.set_xlim(0, MOST_BPP)
    axes.set_xlabel("bits a pixel")
    axes.set_ylabel(TITLES[measure])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.92")


def save(path: Path, panels: Sequence[tuple[str, Sequence[Row]]], measures: Sequence[str]) -> None:
    """Write a picture: a row of panels for each title and its rows, one panel for each measure."""
    from matplotlib.figure import Figure

    size = (5.0 * len(measures) + 2.2, 4.2 * len(panels))  # inches, 2.2 of the legend
    figure = Figure(figsize=size, layout="constrained")
    grid = np.atleast_2d(figure.subplots(len(panels), len(measures)).reshape(len(panels), -1))
    for line, (title, rows) in zip(grid, panels, strict=True):
        for axes, measure in zip(line, measures, strict=True):
            draw(axes, rows, measure)
        line[0].set_title(title, loc="left")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})
