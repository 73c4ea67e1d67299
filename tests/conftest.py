"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[1]
Draw = Callable[[int], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def digit() -> NDArray[np.uint8]:
    """The handwritten digit that the repository ships, (28, 28)."""
    with Image.open(ROOT / "docs" / "digit.png") as image:
        return np.asarray(image)


@pytest.fixture(scope="session")
def digits(digit: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Twelve different pictures of the kind the digits model knows: the digit, moved about."""
    shifts = [(y, x) for y in (-2, 0, 2) for x in (-3, -1, 1, 3)]
    return [np.roll(digit, shift, axis=(0, 1)) for shift in shifts]
