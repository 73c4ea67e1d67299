"""A folder of pictures, and `convert` with a tiny model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import conversion_tasks as tasks
import pytest

from pseudocodec.conversion import convert
from pseudocodec.model import PhotoModel


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven pictures, 0.png to 9.png and, in a subfolder, 10.png."""
    folder = tmp_path_factory.mktemp("data") / "scans"
    (folder / "more").mkdir(parents=True)
    for i in range(11):
        (folder / ("more" if i == 10 else ".") / f"{i}.png").write_bytes(tasks.png(i))
    return folder


@pytest.fixture
def quickly(photo_model: PhotoModel) -> Callable[..., dict[str, Any]]:
    """`convert` with a tiny model, four pictures a shard."""
    return partial(convert, model=photo_model, effort=0, shard_size=4)
