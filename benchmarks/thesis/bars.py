"""MSE beside the thesis', as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_bars(axes: Axes, rows: list[Row], label: str) -> None:
    """Two bars a row: the thesis' mean squared error in [-1, 1], and ours."""
    places = np.arange(len(rows))
    thesis = [row["thesis_mse"] if row["thesis_mse"] is not None else np.nan for row in rows]
    axes.barh(places - 0.2, thesis, 0.4, label="thesis", color="0.7")
    axes.barh(places + 0.2, [row["mse"] for row in rows], 0.4, label="here", color="#d62728")
    axes.set_yticks(places, [str(row[label]) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("mean squared error in [-1, 1]; less is better")
    axes.legend(frameon=False)
