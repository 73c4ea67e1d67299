"""The decoder learns from latents as files have them, and nothing else does."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import photo_models
import pytest

import pseudocodec
from pseudocodec.container import read_single
from pseudocodec.metrics import psnr
from pseudocodec.model.file import read_tensors
from pseudocodec.training.settle_photo import FEWEST, settle_photo

LEARNING = ("synthesis.", "embedding.", "shrinkage.")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model before and after."""
    folder = tmp_path_factory.mktemp("models")
    before, after = folder / "before.safetensors", folder / "after.safetensors"
    photo_models.write(before)
    shutil.copy(before, after)
    said: list[str] = []
    settle_photo(after, photo_models.squares(24), seconds=8.0, on_note=said.append)
    assert said[-1].endswith("squares coded; the decoder learns from them")
    return before, after


def test_only_the_decoder_learns(models: tuple[Path, Path]) -> None:
    before, after = map(read_tensors, models)
    assert before.keys() == after.keys()
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert all(name.startswith(LEARNING) for name in changed)
    assert {name.partition(".")[0] for name in changed} == {name[:-1] for name in LEARNING}


def test_the_same_payloads_decode_better(models: tuple[Path, Path]) -> None:
    gained = []
    for seed in range(6):
        picture = photo_models.smooth(80, 112, seed=seed)
        files = [
            pseudocodec.encode(picture, model=path, quality=quality, effort=1)
            for quality in (20, 60, 100)
            for path in models
        ]
        for first, second in zip(files[::2], files[1::2], strict=True):
            assert read_single(first).payload == read_single(second).payload
            worse, better = (psnr(picture, pseudocodec.decode(file)) for file in (first, second))
            gained.append(better - worse)
    assert np.mean(gained) > 0.05


def test_however_short_the_time_some_squares_are_coded(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    photo_models.write(path)
    said: list[str] = []
    settle_photo(path, photo_models.squares(FEWEST + 4), seconds=1e-3, on_note=said.append)
    assert said == [f"{FEWEST} squares coded; the decoder learns from them"]
