"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from pseudocodec.model import PhotoModel, VectorModel
    from pseudocodec.overfit.model import OverfitModel

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch or numba loads OpenMP: threads of several processes that spin while they wait
    # keep each other from working, for which some tests took ten times as long.
    os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a script: every process that a test starts would ignore Ctrl-C, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@pytest.fixture(scope="session")
def photo_model(tmp_path_factory: pytest.TempPathFactory) -> PhotoModel:
    """A photo model of a few thousand weights, for pictures such as `photo_models.smooth`."""
    import photo_models  # and torch, which not every test needs

    from pseudocodec.model import PhotoModel, load_model

    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    photo_models.write(path)
    loaded = load_model(path)
    assert isinstance(loaded, PhotoModel)
    return loaded


@pytest.fixture(scope="session")
def seed_model(tmp_path_factory: pytest.TempPathFactory) -> VectorModel:
    """A model of one seed a picture, for pictures such as `gan_models.pictures`."""
    import gan_models

    from pseudocodec.model import VectorModel, load_model

    path = tmp_path_factory.mktemp("models") / "seeds.safetensors"
    gan_models.write(path)
    loaded = load_model(path)
    assert isinstance(loaded, VectorModel)
    return loaded


@pytest.fixture(scope="session")
def overfit_model(tmp_path_factory: pytest.TempPathFactory) -> OverfitModel:
    """A model of nets that are fitted to each picture, from starts that know nothing."""
    import overfit_models

    from pseudocodec.model import load_model
    from pseudocodec.overfit.model import OverfitModel

    path = tmp_path_factory.mktemp("models") / "fitted.safetensors"
    overfit_models.write(path)
    loaded = load_model(path)
    assert isinstance(loaded, OverfitModel)
    return loaded


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of 4 x 4 latents, 64 x 64 pixels: fewer than the nets reach."""
    for module in ("tiles", "decoder"):
        monkeypatch.setattr(f"pseudocodec.photo.{module}.TILE", 4)
