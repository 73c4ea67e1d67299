"""Starts of fits: fitted to crops, resumed, written as a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import photo_models
import pytest
from PIL import Image

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.model import load_model
from pseudocodec.overfit.model import OverfitModel
from pseudocodec.training import overfit

RECIPE = overfit.StartRecipe(prices=(50.0, 500.0, 10.0), crops=3, side=32)


def crops() -> np.ndarray:
    return np.stack([photo_models.smooth(32, 32, seed=s) for s in range(3)])


def test_a_run_resumes(tmp_path: Path) -> None:
    path, told = tmp_path / "checkpoint", []
    first = overfit.StartRun(crops(), RECIPE)
    first.run(1.0, path, told.append)
    assert len(first.rows) == 3 and first.step > 0
    again = overfit.StartRun(crops(), RECIPE)
    again.load(path)
    assert again.step == first.step and again.seconds == first.seconds
    np.testing.assert_array_equal(again.rows, first.rows)
    again.run(1.0, path, told.append)  # nothing is left to do
    assert again.step == first.step
    other = overfit.StartRun(crops(), overfit.StartRecipe(crops=3, side=32))
    with pytest.raises(PslError, match="another recipe"):
        other.load(path)
    path.write_bytes(b"no checkpoint")
    with pytest.raises(PslError, match="cannot be read"):
        again.load(path)


def test_train_writes_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i, crop in enumerate(crops()):
        Image.fromarray(crop).save(tmp_path / f"{i}.png")
    monkeypatch.setattr(overfit, "StartRecipe", lambda seed, init: replace(RECIPE, init=init))
    target = tmp_path / "starts.safetensors"
    result = pseudocodec.train(tmp_path, target, budget=1.0, codec="overfit")
    model = load_model(target)
    assert isinstance(model, OverfitModel) and model.id.hex() == result["id"]
    assert model.starts.prices.tolist() == [10.0, 50.0, 500.0]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".png"] * 3 + [".safetensors"]


def test_a_run_goes_on_from_other_starts(overfit_model: OverfitModel, tmp_path: Path) -> None:
    starts = overfit_model.starts
    begun = []
    for given in (None, starts):
        run = overfit.StartRun(crops(), RECIPE, given)
        run.run(0.0, tmp_path / "checkpoint", lambda _: None)  # no step: rows are as they began
        near = [starts.rows[starts.nearest(price)] / 4096 for price in RECIPE.prices]
        begun.append(np.abs(np.stack(run.rows) - np.stack(near)).mean())
    assert begun[1] < 1e-6 < begun[0]


def test_starts_of_another_family_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "starts.safetensors"
    with pytest.raises(PslError, match=r"init=photo: a model of family .*; give one of"):
        pseudocodec.train(tmp_path, target, codec="overfit", init="photo")
    assert not target.exists()


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    Image.fromarray(crops()[0]).save(tmp_path / "one.png")
    with pytest.raises(PslError, match="1 pictures of at least 32 x 32"):
        overfit.crops_of(tmp_path, RECIPE)
