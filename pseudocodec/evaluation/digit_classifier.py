"""The file of the digit classifier that ships with the library, and what it says of pictures.

Trained by `benchmarks/thesis/train_classifier.py` on the 60,000 training digits of MNIST; weights
and running statistics in float16. Figures measured with one classifier do not compare with those of
another, so the bytes are verified before anything is measured with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.metrics import Images

if TYPE_CHECKING:
    from torch import Tensor

    from pseudocodec.nets.classifier import DigitClassifier

FILE = Path(__file__).with_name("digit_classifier.safetensors")
SHA256 = "69fc7d29789077d2afaf671c0da0e4a44f115ba4638b86a7d9bf1ed19c4c2faf"
BATCH = 500  # digits judged at a time


@lru_cache(maxsize=1)
def shipped() -> DigitClassifier:
    """The classifier in `FILE`. Raises PslError as `read`."""
    return read(FILE, SHA256)


def read(path: Path, sha256: str) -> DigitClassifier:
    """The classifier in a file of this SHA-256, in evaluation mode, on the CPU.

    Raises PslError when the file cannot be read or is another one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PslError(
            f"{path}: the digit classifier cannot be read ({error.strerror}); "
            "install pseudocodec again"
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise PslError(
            f"{path}: not the digit classifier, or damaged (SHA-256 {found}, expected {sha256}); "
            "install pseudocodec again"
        )
    from safetensors.torch import load

    from pseudocodec.nets.classifier import DigitClassifier

    net = DigitClassifier().eval().requires_grad_(False)
    net.load_state_dict({name: tensor.float() for name, tensor in load(data).items()})
    return net


def judged(images: Images, judge: Callable[[Tensor], Tensor]) -> NDArray[np.float32]:
    """What `judge`, the classifier or a part of it, says of digits uint8 (n, 28, 28): (n, d).

    Raises PslError for images of another shape or kind, or none.
    """
    import torch

    from pseudocodec.nets.classifier import SIDE, pixels

    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images):
        raise PslError(
            f"images: the digit classifier takes uint8 (n, {SIDE}, {SIDE}) with n >= 1, "
            f"got {images.dtype} {images.shape}"
        )
    with torch.no_grad():
        parts = [
            judge(pixels(torch.from_numpy(images[i : i + BATCH].copy()))).numpy()
            for i in range(0, len(images), BATCH)
        ]
    return np.concatenate(parts)
