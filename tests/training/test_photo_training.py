"""Training of photo models: squares in, a model file out that codes pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.evaluation import photos
from pseudocodec.metrics import psnr
from pseudocodec.nets.hyperprior import HyperpriorConfig
from pseudocodec.training import train_photo
from pseudocodec.training.crops import Crops, load_crops
from pseudocodec.training.photo import PhotoProgress, PhotoRecipe, PhotoTrainer
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
    monkeypatch.setattr(photos, "SETTINGS", {"JPEG": (30,)})
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


@pytest.mark.parametrize("choice", [{"objective": "perceptual"}, {"size": "large"}, {"lmbda": 0.1}])
def test_choices_a_photo_model_does_not_have_are_refused(
    tmp_path: Path, choice: dict[str, Any]
) -> None:
    with pytest.raises(PslError, match=r"leave both out|belong to CompressAI"):
        pseudocodec.train(tmp_path, tmp_path / "x.safetensors", codec="photo", **choice)
