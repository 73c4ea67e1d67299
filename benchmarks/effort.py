"""What each level of effort costs and gains, at equal bytes: digits and faces.

The first 300 test digits and the first 40 test faces (`--quick`: 50 and 6, four levels), each
level at a small, a middle and a large size, in the dense code of archives. PSNR is that of the mean
squared error over all pictures. Encoding and decoding are timed on all cores, from pixels to
payloads and back, after a first call that compiles.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import track

import data
from harness import Row, log, run
from pseudocodec.metrics import Images, psnr
from pseudocodec.model.load import load_vector_model
from pseudocodec.pipeline import Coder, decode_payloads, encode_bits

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = {
    "model": "",
    "bytes": "d",
    "effort": "d",
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
    budgets: tuple[int, ...]


def measure(quick: bool) -> list[Row]:
    """Rows for every kind, size and effort; `gain` is over effort 0."""
    kinds = (  # PSNR over so few pictures is no figure for the set, its differences are
        Kind("digits", data.mnist("test")[: 50 if quick else 300, :, :, None], (6, 16, 32)),
        Kind("faces", data.faces64("test")[: 6 if quick else 40], (32, 64, 128)),
    )
    efforts = (0, 3, 5, 7) if quick else range(10)
    jobs = [(kind, size, e) for kind in kinds for size in kind.budgets for e in efforts]
    rows: list[Row] = []
    base = 0.0
    for kind, size, effort in track(jobs, "effort", console=log):
        row = _row(kind, size, effort)
        base = row["psnr"] if effort == 0 else base
        rows.append(row | {"gain": row["psnr"] - base})
    return rows


def _row(kind: Kind, size: int, effort: int) -> Row:
    coder = Coder(load_vector_model(kind.model), dense=True, effort=effort)
    images = list(kind.images)
    decode_payloads(coder, encode_bits(coder, images[:2], 8 * size))
    started = time.perf_counter()
    payloads = encode_bits(coder, images, 8 * size)
    started, encoding = time.perf_counter(), time.perf_counter() - started
    decoded = decode_payloads(coder, payloads)
    decoding = time.perf_counter() - started
    return {
        "model": kind.model,
        "bytes": size,
        "effort": effort,
        "psnr": psnr(np.stack(images), decoded),
        "encode_per_s": len(images) / encoding,
        "decode_per_s": len(images) / decoding,
    }


def draw(axes: Axes, rows: list[Row]) -> None:
    """Gain against the time a picture takes, a line for each kind and size."""
    for model, size in dict.fromkeys((row["model"], row["bytes"]) for row in rows):
        line = [row for row in rows if (row["model"], row["bytes"]) == (model, size)]
        times = [1_000 / row["encode_per_s"] for row in line]
        axes.semilogx(times, [row["gain"] for row in line], "o-", label=f"{model}, {size} bytes")
    axes.set_xlabel("encoding time a picture, ms")
    axes.set_ylabel("gain over effort 0, dB")
    axes.legend(frameon=False)


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "numba"))
