"""Filters that a photo model learns: fitted to each tile, in files and out of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import photo_models
import pytest
import torch

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.metrics import psnr
from pseudocodec.model.file import read_facts, read_tensors, write_model
from pseudocodec.model.photo import PhotoModel
from pseudocodec.nets.filters import COLOURS, TAPS
from pseudocodec.photo.encoder import PLAIN, Encoder
from pseudocodec.training.teach_details import teach_details
from pseudocodec.training.teach_filters import Shown, learn_filters, teach_filters
from pseudocodec.training.teach_photo import teach_photo
from pseudocodec.training.tune_photo import _unfiltered

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model without filters, and with those it learnt, and details that go with them."""
    folder = tmp_path_factory.mktemp("models")
    plain, taught = folder / "plain.safetensors", folder / "taught.safetensors"
    photo_models.write(plain)
    shutil.copy(plain, taught)
    said: list[str] = []
    teach_filters(taught, photo_models.squares(24), on_note=said.append, every=0.0)
    assert said[0] == "1 of 24 squares coded, of which filters are learnt"
    teach_details(taught, photo_models.squares(24), count=12)
    return plain, taught


def loaded(path: Path) -> PhotoModel:
    model = pseudocodec.load_model(path)
    assert isinstance(model, PhotoModel)
    return model


def encoder(path: Path, picture: np.ndarray, effort: int = 3) -> Encoder:
    return Encoder(loaded(path), picture, effort=effort, device="cpu")


def test_they_are_worth_their_bits(models: tuple[Path, Path]) -> None:
    level = round(0.4 * loaded(models[0]).code.top)
    costs = [0.0, 0.0]
    for seed in range(4):
        picture = photo_models.smooth(160, 192, seed=seed)
        for which, path in enumerate(models):
            made = encoder(path, picture)
            coded = made.encode(level)
            price = float(made.transform.config.price(torch.tensor([level / 256])))
            error = np.square(made.decode(coded).astype(float) - picture).mean()
            costs[which] += 8 * len(coded.payload) / picture[..., 0].size + price * error
            if which:
                assert coded.contents[0].filter.any()
    assert costs[1] < 0.98 * costs[0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [10, 100])
def test_files_decode_to_what_the_encoder_saw(
    models: tuple[Path, Path], channels: int, quality: int
) -> None:
    picture = photo_models.smooth(75, 100, channels=channels)
    file = pseudocodec.encode(picture, model=models[1], quality=quality, device="cpu")
    made = encoder(models[1], picture)
    coded = made.encode(round(quality / 100 * made.model.code.top))
    seen = made.decode(coded)
    assert coded.contents[0].filter.any() or quality < 100
    decoded = pseudocodec.decode(file, device="cpu").reshape(seen.shape)
    assert np.abs(seen.astype(int) - decoded).max() <= 1


def test_encoders_without_refinement_fit_none(models: tuple[Path, Path]) -> None:
    made = encoder(models[1], photo_models.smooth(75, 100), effort=PLAIN)
    [content] = made.encode(300).contents
    assert content.filter.shape == (made.model.code.filters.count,)
    assert not content.filter.any()


@pytest.mark.usefixtures("small_tiles")
def test_tiles_have_their_own_and_show_no_seams(models: tuple[Path, Path]) -> None:
    """Regions decode with the filter of each tile they touch, wherever they begin."""
    picture = photo_models.smooth(130, 150)
    made = encoder(models[1], picture)
    coded = made.encode(made.model.code.top)
    filters = {content.filter.tobytes() for content in coded.contents}
    assert len(filters) > 1
    data = pseudocodec.encode(picture, model=models[1], quality=100, device="cpu")
    whole = pseudocodec.decode(data, device="cpu").astype(int)
    assert np.abs(whole - made.decode(coded)).max() <= 1
    for left, top, right, bottom in ((60, 30, 133, 129), (1, 70, 150, 80), (40, 0, 47, 130)):
        part = pseudocodec.decode(data, region=(left, top, right, bottom), device="cpu")
        assert np.abs(whole[top:bottom, left:right] - part).max() <= 1


def test_sizes_and_psnr_asked_for_are_kept(models: tuple[Path, Path]) -> None:
    picture = photo_models.smooth(80, 112)
    data = pseudocodec.encode(picture, model=models[1], nbytes=600, device="cpu")
    assert len(data) <= 600
    data = pseudocodec.encode(picture, model=models[1], psnr=33, device="cpu")
    assert psnr(picture, pseudocodec.decode(data, device="cpu")) >= 33


def test_what_is_taught_again_is_replaced(models: tuple[Path, Path], tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    shutil.copy(models[1], again)
    teach_filters(again, photo_models.squares(6))
    assert loaded(again).code.filters
    assert loaded(again).code.details is None
    teach_photo(again, photo_models.squares(4))
    assert loaded(again).code.filters is None
    assert not any("filter" in name for name in read_tensors(again))


@pytest.mark.parametrize("change", ["basis", "steps", "no basis"])
def test_filters_that_do_not_fit_are_refused(
    models: tuple[Path, Path], tmp_path: Path, change: str
) -> None:
    tensors, path = read_tensors(models[1]), tmp_path / "unfit.safetensors"
    if change == "no basis":
        del tensors["filters.basis"]
    else:
        tensors[f"filters.{change}"] = tensors[f"filters.{change}"][1:]
    write_model(path, read_facts(models[1]), tensors, overwrite=True)
    with pytest.raises(PslError, match="filters do not fit"):
        loaded(path).filters(CPU)


def test_of_tuned_decoders_they_are_without_effect(
    models: tuple[Path, Path], tmp_path: Path
) -> None:
    """Files of the model before decode, unfiltered, and new ones have none."""
    path, picture = tmp_path / "tuned.safetensors", photo_models.smooth(75, 100)
    tensors = _unfiltered(read_tensors(models[1]))
    write_model(path, read_facts(models[1]), tensors, overwrite=True)
    before, after = encoder(models[1], picture), encoder(path, picture)
    [content] = before.encode(400).contents
    assert content.filter.any()
    coded = after.encode(400)
    assert not coded.contents[0].filter.any()
    filtered = before.encode(400)
    plain = filtered._replace(contents=[content._replace(filter=np.zeros_like(content.filter))])
    assert np.array_equal(after.decode(filtered), after.decode(plain))
    assert not np.array_equal(before.decode(filtered), before.decode(plain))


def test_the_basis_is_that_of_the_filters_seen() -> None:
    """Weights along two directions only, of whatever size: they are found."""
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(2, COLOURS * TAPS)) / 100
    seen = []
    for _ in range(100):
        taps = rng.normal(size=(400, TAPS)) / 10
        weights = (rng.normal(size=2) @ directions).reshape(COLOURS, TAPS)
        rest = taps @ weights.T + 1e-3 * rng.normal(size=(400, COLOURS))
        products = torch.from_numpy(taps.T @ taps), torch.from_numpy(taps.T @ rest)
        level = int(rng.integers(0, 1024))
        seen.append(Shown(level, 1e4, 400, float(np.square(rest).sum()), *products))
    learnt = learn_filters(seen, 5)
    basis = learnt["filters.basis"].astype(float)
    inside = np.linalg.lstsq(basis[:2].T, directions.T, rcond=None)[0]
    left = directions - (basis[:2].T @ inside).T
    assert np.square(left).sum() < 0.02 * np.square(directions).sum()
    index = learnt["code.filter_index"]
    assert index.shape == (5, len(basis))
    assert (index[:, :2].min() - index[:, 2:].max()) > 5 << 8
