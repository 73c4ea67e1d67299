"""The library's own models on the thesis' pictures: real archives, their bytes counted."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pseudocodec
from pseudocodec.metrics import Images


class Coded(NamedTuple):
    """What came back, and the bytes of the file divided by the number of pictures."""

    pictures: Images
    nbytes: float


def through_archive(pictures: Images, model: str, **options: Any) -> Coded:
    """Pictures, encoded into an archive and decoded; options are those of `save`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.psl"
        pseudocodec.save(path, pictures, model=model, **options)
        with pseudocodec.open(path) as archive:
            return Coded(archive[:], path.stat().st_size / len(pictures))
