"""Training of photo models: squares in, a model file out that codes pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.evaluation import photos
from pseudocodec.hyperprior.integer import LOWEST_SCALE, SCALE_STEP
from pseudocodec.metrics import psnr
from pseudocodec.model import PhotoModel
from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.photo.encoder import WEIGHT
from pseudocodec.training import train_photo
from pseudocodec.training.crops import Crops, load_crops, load_split
from pseudocodec.training.export_photo import export_photo
from pseudocodec.training.photo import PhotoNets, PhotoProgress, PhotoRecipe, PhotoTrainer
from pseudocodec.training.photo_start import start_from
from pseudocodec.training.team import Team

TINY = HyperpriorConfig(
    latents=24, hyper=4, hidden=8, deep=8, coarse=8, fine=8, coarse_blocks=1, rows=5, condition=4
)
CPU = Team(torch.device("cpu"))
RECIPE = PhotoRecipe(budget=1.0, crop=64, batch=2, warmup=5)


def squares(count: int, side: int = 96) -> torch.Tensor:
    """Smooth random pictures, uint8 (count, 3, side, side)."""
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 9, 9, generator=rng)
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
    return (smooth.clamp(0, 1) * 255).to(torch.uint8)


def trainer(recipe: PhotoRecipe = RECIPE) -> PhotoTrainer:
    return PhotoTrainer(squares(16), list(squares(2)), TINY, recipe, CPU)


def test_steps_lower_the_cost() -> None:
    run = trainer(PhotoRecipe(budget=1e9, crop=64, batch=4, warmup=5, rate=1e-2, rows_rate=3e-2))
    level = torch.linspace(0, TINY.top, 8)
    images = squares(8).float() / 255

    def cost() -> float:
        with torch.no_grad():
            rate, error = run.nets.eval()(images, level)
        run.nets.train()
        return float((rate + TINY.price(level) * error).log().mean())

    before = cost()
    for _ in range(120):
        run.train_step()
    assert cost() < before - 0.02


def test_every_net_learns() -> None:
    """No part is cut off from the gradient, or left behind zeros that block it."""
    run = trainer(PhotoRecipe(budget=1e9, crop=64, batch=2, warmup=1))
    for _ in range(4):
        run.train_step()
    start = {name: p.detach().clone() for name, p in run.nets.named_parameters()}
    for _ in range(4):
        run.train_step()
    same = [name for name, p in run.nets.named_parameters() if torch.equal(p, start[name])]
    assert same == []


def test_a_resumed_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    first = trainer()
    first.train_step()
    first.save(tmp_path / "c")
    first.train_step()
    second = trainer()
    second.load(tmp_path / "c")
    second.train_step()
    pairs = zip(first.nets.parameters(), second.nets.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    with pytest.raises(PslError, match="other settings"):
        trainer(PhotoRecipe(budget=1.0, crop=64, batch=3)).load(tmp_path / "c")


def test_crops_are_of_the_size_asked_for() -> None:
    crops = Crops(squares(4), crop=32, batch=3, most_shrink=2.0, unshrunk=0.5)
    for _ in range(8):
        images = crops.draw()
        assert images.shape == (3, 3, 32, 32)
        assert 0 <= float(images.min()) <= float(images.max()) <= 1


def folder(path: Path, *sizes: tuple[int, int]) -> Path:
    path.mkdir()
    rng = np.random.default_rng(0)
    for i, (width, height) in enumerate(sizes):
        coarse = rng.integers(0, 256, (5, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((width, height)).save(path / f"{i:03d}.png")
    return path


def test_squares_of_large_pictures_and_none_of_small_ones(tmp_path: Path) -> None:
    data = folder(tmp_path / "d", (200, 130), (64, 64), (40, 90), (640, 640))
    found, notes = load_crops(data, side=64)
    assert found.shape == (6 + 1 + 64, 3, 64, 64)  # at most 64 of one picture
    assert any("1 pictures are smaller" in note for note in notes)
    with pytest.raises(PslError, match="at least 64 are needed"):
        load_crops(data, side=256)


def test_unreadable_pictures_are_named_or_skipped(tmp_path: Path) -> None:
    data = folder(tmp_path / "d", (640, 640))
    (data / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(PslError, match=r"bad\.png.*skip_bad"):
        load_crops(data, side=64)
    assert any("could not be read" in note for note in load_crops(data, side=64, skip_bad=True)[1])


def test_from_photographs_to_a_model_that_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_photo, "HyperpriorConfig", lambda: TINY)
    monkeypatch.setattr(photos, "QUALITIES", (20, 80))
    monkeypatch.setattr(photos, "SETTINGS", {"JPEG": (10, 60)})
    data = folder(tmp_path / "d", *[(512, 512)] * 20)
    output = tmp_path / "photo.safetensors"
    seen: list[PhotoProgress] = []
    result = pseudocodec.train(data, output, budget=1.0, codec="photo", on_progress=seen.append)
    assert result["bytes"] == output.stat().st_size
    assert result["steps"] == seen[-1].step > 0
    assert {row["codec"] for row in result["report"]["rows"]} == {"pseudocodec", "JPEG"}
    assert (tmp_path / "photo-report" / "card.md").is_file()
    assert len((tmp_path / "photo.csv").read_text().splitlines()) == len(seen)
    assert not (tmp_path / "photo.safetensors.checkpoint").exists()
    picture = np.asarray(Image.open(data / "000.png"))[:100, :150]
    file = pseudocodec.encode(picture, model=output, quality=90)
    assert psnr(picture, pseudocodec.decode(file)) > 20
    with pytest.raises(PslError, match="exists"):
        pseudocodec.train(data, output, budget=1.0, codec="photo")

    again = tmp_path / "again.safetensors"
    monkeypatch.setattr(train_photo, "HyperpriorConfig", lambda: None)  # the model's are taken
    pseudocodec.train(data, again, budget=0.1, codec="photo", init=output, report=False)
    file = pseudocodec.encode(picture, model=again, quality=90)
    assert psnr(picture, pseudocodec.decode(file)) > 20


def test_training_goes_on_from_the_weights_of_a_model(tmp_path: Path) -> None:
    first = trainer(PhotoRecipe(budget=1e9, crop=64, batch=4, warmup=5))
    for _ in range(3):
        first.train_step()
    export_photo(first.nets.transform, "first", tmp_path / "first.safetensors")
    start = start_from(tmp_path / "first.safetensors")
    recipe = replace(RECIPE, seed=1)  # without a start, other weights
    second = PhotoTrainer(squares(16), [], TINY, recipe, CPU, start=start)
    exact = 2**-7  # float16 weights, and integers of the hyper-synthesis
    for name, tensor in second.nets.transform.state_dict().items():
        wanted = first.nets.transform.state_dict()[name]
        torch.testing.assert_close(tensor, wanted, rtol=exact, atol=exact)
    assert second.peak == [recipe.onward * rate for rate in first.peak]
    second.train_step()
    first.train_step()
    assert second.nets.for_rate and not first.nets.for_rate
    second.save(tmp_path / "c")
    with pytest.raises(PslError, match="other settings"):
        trainer(recipe).load(tmp_path / "c")


def test_training_gives_shrinkage_to_a_model_of_none(tmp_path: Path) -> None:
    path = tmp_path / "first.safetensors"
    export_photo(trainer().nets.transform, "first", path)
    run = PhotoTrainer(squares(16), [], TINY.with_shrinkage(), RECIPE, CPU, start=start_from(path))
    latents, level = torch.randn(1, TINY.latents, 4, 4), torch.ones(1)
    with torch.no_grad():  # at first it does nothing
        found = run.nets.transform.synthesise(latents, level)
        expected = start_from(path).transform().synthesise(latents, level)
    torch.testing.assert_close(found, expected)
    for _ in range(2):
        run.train_step()
    assert bool(run.nets.get_parameter("transform.shrinkage.stages.0.last").any())


@pytest.mark.parametrize("choice", [{"size": "large"}, {"lmbda": 0.1}])
def test_choices_a_photo_model_does_not_have_are_refused(
    tmp_path: Path, choice: dict[str, Any]
) -> None:
    with pytest.raises(PslError, match=r"codec='photo' with objective='mse' does not take it"):
        pseudocodec.train(tmp_path, tmp_path / "x.safetensors", codec="photo", **choice)


def test_a_share_of_the_squares_is_held_out(tmp_path: Path) -> None:
    data = folder(tmp_path / "d", *[(512, 512)] * 20)
    notes: list[str] = []
    learn, held_out = load_split(data, 0.1, 0, skip_bad=False, on_note=notes.append)
    assert (len(learn), len(held_out)) == (72, 8)
    assert notes == ["72 squares to learn from, 8 held out"]
    with pytest.raises(PslError, match="share between 0 and"):
        load_split(data, "0.7", 0, skip_bad=False, on_note=notes.append)


def test_one_square_is_enough_to_hold_out(tmp_path: Path) -> None:
    data = folder(tmp_path / "d", *[(512, 512)] * 16)
    learn, held_out = load_split(
        data, folder(tmp_path / "h", (300, 260)), 0, skip_bad=False, on_note=lambda _: None
    )
    assert (len(learn), len(held_out)) == (64, 1)


def test_settings_of_checkpoints_stay_what_they_are() -> None:
    """Runs of earlier versions resume only where every setting agrees, by name and value."""
    assert trainer().settings == {
        "config": TINY.as_dict(),
        "crops": 16,
        "recipe": {
            "onward": 0.6,
            "crop": 64,
            "batch": 2,
            "most_shrink": 2.0,
            "unshrunk": 0.25,
            "rate": 1e-3,
            "rows_rate": 4e-3,
            "contexts_rate": 2e-4,
            "weight_decay": 0.0,
            "warmup": 5,
            "clip": 1.0,
            "decay": 0.998,
            "seed": 0,
        },
    }


def test_training_ends_with_the_rounding_of_files(photo_model: PhotoModel) -> None:
    """The same residuals, tables and prices give the symbols that the code chooses."""
    transform = photo_model.transform(torch.device("cpu"))
    nets = PhotoNets(transform.config)
    nets.transform = transform
    rng = torch.Generator().manual_seed(0)
    level = torch.tensor([1.5])
    shape = (1, transform.config.latents, 20, 20)
    index = torch.randint(0, 40, shape, generator=rng).float()
    residual = LOWEST_SCALE * torch.exp(index * SCALE_STEP) * torch.randn(shape, generator=rng)
    prices = WEIGHT * transform.config.price(level) * 255**2 / 3 / transform.gain(level)[0].square()
    ours = nets.eval()._symbols(residual, index, level)[0]
    theirs = photo_model.code._quantised(
        residual[0].double().numpy(),
        index[0].numpy().astype(np.uint8),
        prices[:, 0, 0].detach().numpy(),
    )
    # Tables hold integer frequencies, so that some choices on the edge differ.
    assert (ours.numpy() == theirs).mean() > 0.995
    assert (ours != residual[0].round()).float().mean() > 0.01
    assert torch.equal(nets.train()._symbols(residual, index, level), residual.round())


def test_the_second_half_rounds_for_rate() -> None:
    run = trainer(PhotoRecipe(budget=1e9, crop=64, batch=2, warmup=5))
    run.train_step()
    assert not run.nets.for_rate
    run.seconds = 0.6e9
    run.train_step()
    assert run.nets.for_rate
    for name, parameter in run.nets.named_parameters():
        assert parameter.grad is not None, name
