"""Digits: bytes a picture against PSNR, for pseudocodec, five classical codecs and the bound.

All 10,000 MNIST test images (`--quick`: the first 100), measured as `kinds` describes; progressive
archives hold the first 1,000 of them, and so many are stored as single files by the other codecs.
The bound is that of the training set's covariance; that of the test images themselves lies 0.1 to
0.2 dB higher. The full run takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

import data
from harness import run
from kinds import COLUMNS, LIBRARIES, Kind

DIGITS = Kind(
    title="MNIST test digits",
    model="digits",
    read=data.mnist,
    budgets=(2, 3, 6, 10, 16, 24, 32, 48, 64),
    progressive_budgets=(6, 16, 32),
    progressive_sample=1_000,
    single_budgets=(26, 36, 52),
    single_sample=200,
    settings={
        "JPEG": (1, 5, 10),
        "WebP": (0, 2, 5),
        "AVIF": (0, 5, 10),
        "JPEG XL": (0, 20, 25),
        "PNG": (None,),
    },
    quick_sample=100,
    peer_single_sample=1_000,
    bound_bits=(20, 30, 40, 60, 80, 106, 148, 191, 240, 293, 400, 500),
    places={
        ("pseudocodec", "archive"): (4, (-8, 6), "right"),
        ("pseudocodec", "progressive"): (0, (12, -26), "left"),
        ("pseudocodec", "single"): (0, (-8, -3), "right"),
        ("JPEG", "single"): (-1, (-5, 3), "right"),
        ("bound", "Gaussian R(D)"): (2, (6, -12), "left"),
    },
)

if __name__ == "__main__":
    run(__file__, __doc__, DIGITS.measure, COLUMNS, DIGITS.draw, libraries=LIBRARIES)
