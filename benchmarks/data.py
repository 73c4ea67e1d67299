"""The image sets of the benchmarks: where they are and how to read them.

They lie in `../shared/data` beside the repository, or where the environment variable
PSEUDOCODEC_DATA says: `mnist/` holds the four idx files, gzipped, `faces64/` holds train.tar and
test.tar of 64 x 64 images. A script whose data is absent exits with one sentence.
"""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pseudocodec import inputs
from pseudocodec.metrics import Images

Split = Literal["train", "test"]
ROOT = Path(os.environ.get("PSEUDOCODEC_DATA") or Path(__file__).parents[2] / "shared" / "data")


def mnist(split: Split) -> Images:
    """The 60,000 training or 10,000 test digits, uint8 (n, 28, 28)."""
    prefix = "train" if split == "train" else "t10k"
    return read(f"mnist/{prefix}-images-idx3-ubyte.gz")


def mnist_labels(split: Split) -> NDArray[np.uint8]:
    """Which digit each of `mnist` is, uint8 (n,); an IDX file of one axis, of 8 bytes of header."""
    prefix = "train" if split == "train" else "t10k"
    with gzip.open(_there(f"mnist/{prefix}-labels-idx1-ubyte.gz")) as file:
        return np.frombuffer(file.read(), np.uint8, offset=8)


def faces64(split: Split) -> Images:
    """The 14,000 training or 1,000 test faces in the order of the archive, (n, 64, 64, 3)."""
    return read(f"faces64/{split}.tar")


def read(name: str) -> Images:
    """All images, of one size, in a file of the data folder; exits with a sentence if absent."""
    return np.stack([np.asarray(item.load()) for item in inputs.find([_there(name)])])


def _there(name: str) -> Path:
    path = ROOT / name
    if not path.is_file():
        sys.exit(f"{name} is not in {ROOT}: set PSEUDOCODEC_DATA to the folder that holds it.")
    return path
