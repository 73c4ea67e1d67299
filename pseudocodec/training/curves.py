"""How the two players of adversarial training fare: losses and scores by step, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.util import find_spec

_SIZE, _DPI = (8.0, 6.0), 120  # inches; dots an inch
_PANELS = (
    ("loss", ("discriminator", "generator"), (1, 2)),
    ("score", ("originals", "generated pictures"), (3, 4)),
)
_CHANCES = {"standard", "non-saturating"}  # losses whose scores are chances of being an original


def draw_curves(curves: Sequence[Sequence[float]], loss: str) -> bytes | None:
    """A PNG of `GanRun.curves`; None where matplotlib is not installed or there is no point."""
    if not curves or find_spec("matplotlib") is None:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    steps = [point[0] for point in curves]
    for axes, (what, names, columns) in zip(figure.subplots(2, sharex=True), _PANELS, strict=True):
        for name, column in zip(names, columns, strict=True):
            axes.plot(steps, [point[column] for point in curves], label=name, linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
        chance = what == "score" and loss in _CHANCES
        axes.set_ylabel("chance of being an original" if chance else what)
        axes.legend(frameon=False, fontsize=8)
    axes.set_xlabel("step")
    figure.suptitle(f"adversarial training, {loss} loss", x=0.02, ha="left")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()
