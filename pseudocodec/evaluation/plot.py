"""PSNR against bytes, drawn with matplotlib where it is installed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pseudocodec.evaluation.ours import NAME
from pseudocodec.evaluation.rows import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    NAME: "#d62728",
    "JPEG": "#8c564b",
    "WebP": "#1f77b4",
    "AVIF": "#2ca02c",
    "JPEG XL": "#9467bd",
}
OTHER_COLOUR = "0.45"
_DASHED = ("single", "progressive")
_SIZE = (8.0, 5.0)  # inches
_DPI = 150


def plot(rows: Sequence[Row], title: str) -> bytes | None:
    """A PNG of the curves of `rows`; None where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, rows)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title, loc="left")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


def draw(axes: Axes, rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """A line for each codec and layout, labelled for a legend; returns the points of each.

    Sheets and archives are solid, files of one picture and progressive archives dashed with hollow
    markers, a codec without a colour in `COLOURS` dotted. Lossless rows have no place here.
    """
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["psnr"] is not None:
            lines.setdefault((row["codec"], row["layout"]), []).append(row)
    for (codec, layout), points in lines.items():
        colour, dashed = COLOURS.get(codec, OTHER_COLOUR), layout in _DASHED
        known = codec in COLOURS
        axes.plot(
            [point["bytes"] for point in points],
            [point["psnr"] for point in points],
            label=f"{codec}, {layout}",
            color=colour,
            linestyle="--" if dashed else "-" if known else ":",
            linewidth=2.5 if codec == NAME else 1.5,
            marker="o" if known else None,
            markersize=4,
            markerfacecolor="white" if dashed else colour,
        )
    _frame(axes, [point["bytes"] for points in lines.values() for point in points])
    return lines


def _frame(axes: Axes, sizes: Sequence[float]) -> None:
    """Logarithmic bytes with plain numbers, and room at the right for labels."""
    low, high = min(sizes, default=1.0) / 1.2, max(sizes, default=1.0) * 1.8
    ticks = [m * 10**k for k in range(8) for m in (1, 2, 5) if low <= m * 10**k <= high]
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(low, high)
    axes.set_xlabel("bytes a picture")
    axes.set_ylabel("PSNR, dB")
    axes.grid(color="0.92")
