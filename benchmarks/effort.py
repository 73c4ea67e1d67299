"""What each level of effort costs and gains, at equal bytes: digits and faces.

Archives of the first 400 test digits and of the first 120 test faces (`--quick`: 50 and 20, three
levels), each level at a small, a middle and a large size, bytes counted on the file, header, index
and all. PSNR is that of the mean squared error over all pictures. Times include loading the
archive, not the first compilation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.progress import track

import data
from harness import Row, log, run
from pseudocodec.encoding import EFFORTS
from pseudocodec.evaluation.ours import Encoder
from pseudocodec.metrics import Images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK_EFFORTS = (0, 3, 5)
COLUMNS = {
    "model": "",
    "size": "d",
    "effort": "d",
    "bytes": ".2f",
    "psnr": ".2f",
    "gain": "+.2f",
    "encode_per_s": ".0f",
    "decode_per_s": ".0f",
}


@dataclass(frozen=True)
class Kind:
    """Pictures and the sizes they are coded in."""

    model: str
    images: Images
    sizes: tuple[int, ...]


def measure(quick: bool) -> list[Row]:
    """Rows for every kind, size and effort; `gain` is over effort 0."""
    kinds = (  # PSNR over so few pictures is no figure for the set, its differences are
        Kind("digits", data.mnist("test")[: 50 if quick else 400], (6, 16, 32)),
        Kind("faces", data.faces64("test")[: 20 if quick else 120], (32, 64, 128)),
    )
    efforts = QUICK_EFFORTS if quick else range(len(EFFORTS))
    jobs = [(kind, effort) for kind in kinds for effort in efforts]
    rows = [row for job in track(jobs, "effort", console=log) for row in _rows(*job)]
    rows.sort(key=lambda row: (row["model"], row["size"], row["effort"]))
    base = 0.0
    for row in rows:
        base = row["psnr"] if row["effort"] == 0 else base
        row["gain"] = row["psnr"] - base
    return rows


def _rows(kind: Kind, effort: int) -> list[Row]:
    kept = ("bytes", "psnr", "encode_per_s", "decode_per_s")
    return [
        {"model": kind.model, "size": row["setting"], "effort": effort}
        | {name: row[name] for name in kept}
        for row, _ in Encoder(kind.model, effort).archives(kind.images, kind.sizes)
    ]


def draw(axes: Axes, rows: list[Row]) -> None:
    """Gain against the time a picture takes, a line for each kind and size."""
    for model, size in dict.fromkeys((row["model"], row["size"]) for row in rows):
        line = [row for row in rows if (row["model"], row["size"]) == (model, size)]
        times = [1_000 / row["encode_per_s"] for row in line]
        axes.semilogx(times, [row["gain"] for row in line], "o-", label=f"{model}, {size} bytes")
    axes.set_xlabel("encoding time a picture, ms")
    axes.set_ylabel("gain over effort 0, dB")
    axes.legend(frameon=False)


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "numba"))
