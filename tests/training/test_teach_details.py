"""Details that a photo model learns: files say more at high rates, and all else works as before."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import photo_models
import pytest
import torch

import pseudocodec
from pseudocodec.container import read_single
from pseudocodec.errors import PslError
from pseudocodec.exploration import explore_latent
from pseudocodec.metrics import psnr
from pseudocodec.model.file import read_facts, read_tensors, write_model
from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo.decoder import NO_FILTER
from pseudocodec.photo.encoder import Encoder
from pseudocodec.photo.pictures import filtered_by
from pseudocodec.training.photo import PhotoRecipe, PhotoTrainer
from pseudocodec.training.photo_start import start_from
from pseudocodec.training.teach_details import SHARE, teach_details
from pseudocodec.training.teach_photo import teach_photo
from pseudocodec.training.team import Team

COUNT = 20
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model without details, and with those it learnt."""
    folder = tmp_path_factory.mktemp("models")
    plain, taught = folder / "plain.safetensors", folder / "taught.safetensors"
    before = photo_models.write(plain)
    shutil.copy(plain, taught)
    said: list[str] = []
    after = teach_details(
        taught, photo_models.squares(32), count=COUNT, on_note=said.append, every=0.0
    )
    assert after != before
    assert said[0] == "1 of 32 squares coded, of which details are learnt"
    return plain, taught


def loaded(path: Path) -> PhotoModel:
    model = pseudocodec.load_model(path)
    assert isinstance(model, PhotoModel)
    return model


def test_the_transform_is_orthonormal_and_beside_that_of_the_latents(
    models: tuple[Path, Path],
) -> None:
    model = loaded(models[1])
    basis = model.details(CPU).basis.double()
    assert basis.shape == (768, COUNT)
    assert (basis.T @ basis - torch.eye(COUNT)).abs().max() < 0.01
    assert (basis.T @ model.transform(CPU).basis.double()).abs().max() < 0.01


@pytest.mark.parametrize("effort", [0, 3])
def test_costs_fall_at_high_levels(models: tuple[Path, Path], effort: int) -> None:
    """Bits and errors together, at the price of the level; where details do not pay, by a byte."""
    top = loaded(models[0]).code.top
    for level, most, byte in ((round(0.5 * top), 1.0, 8 / (80 * 112)), (top, 0.97, 0.0)):
        costs = [0.0, 0.0]
        for seed in range(4):
            picture = photo_models.smooth(80, 112, seed=seed)
            for which, path in enumerate(models):
                model = loaded(path)
                encoder = Encoder(model, picture, effort=effort, device="cpu")
                coded = encoder.encode(level)
                price = float(model.transform(CPU).config.price(torch.tensor([level / 256])))
                error = np.square(encoder.decode(coded).astype(float) - picture).mean()
                costs[which] += 8 * len(coded.payload) / (80 * 112) + price * error
        assert costs[1] <= most * costs[0] + 4 * byte


def test_low_levels_are_as_without(models: tuple[Path, Path]) -> None:
    first = round(SHARE * loaded(models[0]).code.top)
    picture = photo_models.smooth(70, 100)
    for level in (0, first - 1, first):
        plain, taught = (
            Encoder(loaded(path), picture, effort=1, device="cpu").encode(level).payload
            for path in models
        )
        assert (plain == taught) == (level < first)


def test_files_decode_to_what_the_encoder_saw(models: tuple[Path, Path]) -> None:
    for channels in (1, 3):
        picture = photo_models.smooth(70, 100, channels=channels)
        file = pseudocodec.encode(picture, model=models[1], quality=100)
        encoder = Encoder(loaded(models[1]), picture, effort=3, device="cpu")
        seen = encoder.decode(encoder.encode(encoder.model.code.top))
        decoded = pseudocodec.decode(file, device="cpu").reshape(seen.shape)
        assert np.abs(seen.astype(int) - decoded).max() <= 1
        if channels == 3:
            assert read_single(file).payload[3] > 0  # so long are the details


def test_colours_of_grey_pictures_are_no_rest(models: tuple[Path, Path]) -> None:
    encoder = Encoder(loaded(models[1]), photo_models.smooth(70, 100, channels=1), effort=0)
    level = encoder.model.code.top
    coded = encoder.encode(level)
    latents = [content.latents[: encoder.model.code.latents] for content in coded.contents]
    shown = encoder.shown(0, level, latents)
    rest = encoder.rest(0, filtered_by(encoder.model, shown, level, NO_FILTER))
    assert rest.any()
    assert (rest == rest[:, :1]).all()
    assert not rest[..., 70:, :].any()  # beyond the picture's edge


@pytest.mark.usefixtures("small_tiles")
def test_tiles_have_their_own(models: tuple[Path, Path]) -> None:
    picture = photo_models.smooth(130, 150)
    encoder = Encoder(loaded(models[1]), picture, effort=0, device="cpu")
    coded = encoder.encode(encoder.model.code.top)
    data = pseudocodec.encode(picture, model=models[1], quality=100, effort=0, device="cpu")
    whole = pseudocodec.decode(data, device="cpu").astype(int)
    assert np.abs(whole - encoder.decode(coded)).max() <= 1
    part = pseudocodec.decode(data, region=(60, 30, 133, 129), device="cpu")
    assert np.abs(whole[30:129, 60:133] - part).max() <= 1
    count = encoder.model.code.latents
    with_details = [content.latents[count:].any() for content in coded.contents]
    assert any(with_details)


def test_sizes_asked_for_are_kept(models: tuple[Path, Path]) -> None:
    picture = photo_models.smooth(80, 112)
    most = len(pseudocodec.encode(picture, model=models[1], quality=100, effort=1))
    for share in (0.6, 0.9):
        file = pseudocodec.encode(picture, model=models[1], nbytes=int(share * most), effort=1)
        assert 0.8 * share * most < len(file) <= share * most
    file = pseudocodec.encode(picture, model=models[1], psnr=30, effort=1)
    assert psnr(picture, pseudocodec.decode(file)) >= 30


def test_latents_are_explored_without_them(models: tuple[Path, Path]) -> None:
    picture = photo_models.smooth(80, 112)
    found = [
        explore_latent(picture, ["scale:2"], model=path, quality=100, device="cpu")
        for path in models
    ]
    for plain, taught in zip(*found, strict=True):
        assert np.array_equal(plain.pixels, taught.pixels)
        assert taught.nbytes == plain.nbytes + 1  # the length of no details


def test_training_goes_on_without_them(models: tuple[Path, Path]) -> None:
    start = start_from(models[1])
    config, shown = start.transform().config, photo_models.squares(4)
    recipe = PhotoRecipe(budget=60.0, crop=64, batch=2)
    run = PhotoTrainer(shown, list(shown), config, recipe, Team(CPU), start=start)
    run.train_step()
    assert not any("details" in name for name in run.nets.state_dict())


def test_what_is_taught_again_has_new_ones_or_none(
    models: tuple[Path, Path], tmp_path: Path
) -> None:
    again = tmp_path / "again.safetensors"
    shutil.copy(models[1], again)
    teach_details(again, photo_models.squares(8), count=4)
    code = loaded(again).code
    assert code.details
    assert code.details.count == 4
    teach_photo(again, photo_models.squares(6))
    assert loaded(again).code.details is None


@pytest.mark.parametrize("change", ["basis", "steps", "missing"])
def test_a_transform_that_does_not_fit_is_refused(
    models: tuple[Path, Path], tmp_path: Path, change: str
) -> None:
    path = tmp_path / "bad.safetensors"
    tensors = read_tensors(models[1])
    if change == "missing":
        del tensors["details.basis"]
    else:
        tensors[f"details.{change}"] = tensors[f"details.{change}"][1:]
    write_model(path, read_facts(models[1]), tensors, overwrite=False)
    with pytest.raises(PslError, match="details do not fit"):
        pseudocodec.encode(photo_models.smooth(40, 40), model=path, quality=90)
