"""Faces: bytes a picture against PSNR, for pseudocodec, five classical codecs and the bound.

All 1,000 test pictures of faces64, anime faces of 64 x 64 pixels in RGB (`--quick`: the first 20),
measured as `kinds` describes; progressive archives are those of the first 60, single files of ours
of the first 30, of the other codecs of the first 100. The bound needs the spectrum of a 12,288 x
12,288 covariance, which takes minutes and some 4 GB once; it is kept in benchmarks/.cache and left
out of a quick run.
"""

from __future__ import annotations

import data
from harness import run
from kinds import COLUMNS, LIBRARIES, Kind

FACES = Kind(
    title="Anime faces, 64 x 64",
    model="faces",
    read=data.faces64,
    budgets=(8, 16, 32, 64, 128, 256),
    progressive_budgets=(32, 64, 128),
    progressive_sample=60,
    single_budgets=(52, 84, 148),
    single_sample=30,
    settings={
        "JPEG": (1, 5, 10, 20),
        "WebP": (0, 5, 10, 20, 30),
        "AVIF": (0, 10, 20, 30),
        "JPEG XL": (0, 10, 20, 30, 40),
        "PNG": (None,),
    },
    quick_sample=20,
    peer_single_sample=100,
    bound_bits=(64, 112, 240, 416, 600, 792, 952, 1224, 1640, 2048),
    places={("bound", "Gaussian R(D)"): (2, (6, -12), "left")},
)

if __name__ == "__main__":
    run(__file__, __doc__, FACES.measure, COLUMNS, FACES.draw, libraries=LIBRARIES)
