"""Contexts that a photo model learns: files get smaller, and all else works as before."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import photo_models
import pytest
import torch

import pseudocodec
from pseudocodec.container import read_single
from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.metrics import psnr
from pseudocodec.model.photo import PhotoModel
from pseudocodec.nets.contexts import ExpectedTables
from pseudocodec.nets.information import information
from pseudocodec.training.photo import PhotoRecipe, PhotoTrainer
from pseudocodec.training.photo_start import start_from
from pseudocodec.training.teach_photo import teach_photo
from pseudocodec.training.team import Team


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model without contexts, and with those it learnt."""
    folder = tmp_path_factory.mktemp("models")
    plain, taught = folder / "plain.safetensors", folder / "taught.safetensors"
    before = photo_models.write(plain)
    shutil.copy(plain, taught)
    said: list[str] = []
    after = teach_photo(taught, photo_models.squares(24), on_note=said.append, every=0.0)
    assert after != before
    assert said[0] == "1 of 48 squares coded, of which contexts are learnt"
    return plain, taught


def code_of(path: Path) -> HyperpriorCode:
    """The integer half of a model."""
    model = pseudocodec.load_model(path)
    assert isinstance(model, PhotoModel)
    return model.code


@pytest.mark.parametrize("effort", [0, 3, 4])
def test_files_are_smaller_and_decode_as_well(models: tuple[Path, Path], effort: int) -> None:
    sizes, errors = np.zeros(2), np.zeros(2)
    for seed in range(4):
        picture = photo_models.smooth(80, 112, seed=seed)
        for which, model in enumerate(models):
            file = pseudocodec.encode(picture, model=model, quality=60, effort=effort)
            sizes[which] += len(file)
            errors[which] += psnr(picture, pseudocodec.decode(file))
    assert sizes[1] < 0.95 * sizes[0]
    assert errors[1] > errors[0] - 4 * 0.5


def test_training_goes_on_from_what_was_taught(models: tuple[Path, Path]) -> None:
    recipe = PhotoRecipe(budget=1.0, crop=64, batch=2)
    shown = photo_models.squares(4)
    costs = []
    for path, rate in ((models[1], 0.0), (models[0], 2e-4), (models[1], 2e-4)):
        start = start_from(path)
        config, team = start.transform().config, Team(torch.device("cpu"))
        run = PhotoTrainer(
            shown, list(shown), config, replace(recipe, contexts_rate=rate), team, start=start
        )
        costs.append(sum(bits for bits, _ in run.progress().points))
    without, untaught, taught = costs
    assert untaught == pytest.approx(without, rel=0.01)
    assert taught < 0.97 * without


def test_a_model_can_be_taught_again(models: tuple[Path, Path], tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    shutil.copy(models[1], again)
    teach_photo(again, photo_models.squares(6), seed=1)
    picture = photo_models.smooth(40, 40)
    file = pseudocodec.encode(picture, model=again, quality=90)
    assert psnr(picture, pseudocodec.decode(file)) > 20
    assert code_of(again).contexts


def test_several_tiles_do_not_depend_on_each_other(models: tuple[Path, Path]) -> None:
    picture = photo_models.smooth(48, 1_100)
    file = pseudocodec.encode(picture, model=models[1], quality=40)
    whole = pseudocodec.decode(file)
    part = pseudocodec.decode(file, region=(1_030, 0, 1_090, 40))
    np.testing.assert_array_equal(part, whole[:40, 1_030:1_090])


def test_gaussians_of_what_is_expected_cost_less(models: tuple[Path, Path]) -> None:
    """The stand-in that training and refinement use is nearer to files than the tables alone."""
    code = code_of(models[1])
    assert code.contexts is not None
    expected = ExpectedTables(code.contexts.net)
    alone = with_contexts = 0.0
    for seed in range(6):
        picture = photo_models.smooth(96, 96, seed=seed)
        file = pseudocodec.encode(picture, model=models[1], quality=80)
        payload = read_single(file).payload
        read = code.read(payload[3:], 6, 6, int.from_bytes(payload[1:3], "little"))
        residuals = torch.from_numpy(read.residuals).float()[None]
        index = torch.from_numpy(read.tables).float()[None]
        with torch.no_grad():
            means, better = expected(residuals, index)
        alone += float(information(residuals, index).sum())
        with_contexts += float(information(residuals - means, better).sum())
    assert with_contexts < 0.97 * alone
