"""Encoding speed of each latent code at each effort: 48 values of N(0,1) in 16 bytes.

All cores, warm; `db` is the error relative to the energy of the values. The schedules assume an
efficiency of .87, as a model's fitted one does. Decoding is measured too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness import Row, best_of, run
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.trellis import Trellis
from pseudocodec.prng import THESIS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DIMS, BITS = 48, 128
EFFORTS = range(10)
VECTORS, QUICK_VECTORS = 512, 64
LCG = THESIS["lcg-524287"]


def codes() -> dict[str, LatentCode]:
    """The codes by name, at their defaults."""
    schedule = Schedule(np.full(DIMS, UNIT), ideal_levels(np.ones(DIMS), BITS, 0.87))
    return {
        "composition": Composition(LCG, schedule),
        "trellis": Trellis(LCG, schedule),
        "scalar": Scalar(schedule),
    }


def measure(quick: bool) -> list[Row]:
    count = QUICK_VECTORS if quick else VECTORS
    latents = np.random.default_rng(0).standard_normal((count, DIMS)).astype(np.float32)
    return [
        row(name, code, effort, latents)
        for name, code in codes().items()
        for effort in (EFFORTS if not quick else (0, 3))
    ]


def row(name: str, code: LatentCode, effort: int, latents: np.ndarray) -> Row:
    """Encode and decode all vectors; the best of three, after one call that compiles."""
    symbols = code.encode(latents, BITS, effort)
    decoded = code.decode(symbols, BITS)
    encode = best_of(lambda: code.encode(latents, BITS, effort), 3 if effort < 7 else 1)
    decode = best_of(lambda: code.decode(symbols, BITS), 3)
    error = float(np.square(decoded - latents).sum() / np.square(latents).sum())
    return {
        "code": name,
        "effort": effort,
        "db": 10 * math.log10(error),
        "encode_per_s": len(latents) / encode,
        "decode_per_s": len(latents) / decode,
    }


def draw(axes: Axes, rows: list[Row]) -> None:
    """Error against encoding speed, a line a code."""
    for name in dict.fromkeys(r["code"] for r in rows):
        line = [r for r in rows if r["code"] == name]
        x, y = [r["encode_per_s"] for r in line], [r["db"] for r in line]
        axes.plot(x, y, "o-", label=name)
    axes.set_xscale("log")
    axes.set_xlabel("vectors encoded a second, effort 9 to 0")
    axes.set_ylabel("error, dB (lower is better)")
    axes.set_title("48 normal values in 16 bytes", loc="left")
    axes.legend()


if __name__ == "__main__":
    columns = {"code": "", "effort": "d", "db": ".2f", "encode_per_s": ",.0f"}
    run(__file__, __doc__, measure, columns | {"decode_per_s": ",.0f"}, draw, libraries=("numba",))
