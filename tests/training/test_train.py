"""A whole training run on tiny pictures: data in, model file out, resumed, refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pseudocodec
from pseudocodec.metrics import psnr
from pseudocodec.nets.flat import FlatConfig
from pseudocodec.training import loop
from pseudocodec.training.data import load_pictures, split
from pseudocodec.training.loop import Recipe, Trainer

SIDE = 8
BARS = np.array([np.roll(np.tri(SIDE, SIDE, -5), i % SIDE, axis=0) * 255 for i in range(200)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 pictures of 8 x 8 pixels: a triangle rolled about, in changing brightness."""
    out = tmp_path / "pictures"
    out.mkdir()
    for i, picture in enumerate(BARS):
        Image.fromarray((picture * (0.5 + i / 400)).astype(np.uint8)).save(out / f"{i:03}.png")
    return out


def test_from_a_folder_to_a_model_that_codes(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "bars.safetensors"
    seen: list[loop.Progress] = []
    result = pseudocodec.train(folder, output, budget=3, device="cpu", on_progress=seen.append)
    assert result["bytes"] == output.stat().st_size
    assert seen[-1].fraction == 1
    assert not list(tmp_path.glob("*.checkpoint"))
    picture = np.asarray(Image.open(folder / "050.png"))
    decoded = pseudocodec.decode(pseudocodec.encode(picture, model=output, nbytes=40))
    flat = np.full_like(picture, round(float(picture.mean())))
    assert psnr(picture, decoded) > psnr(picture, flat) + 3


def test_an_interrupted_run_resumes(folder: Path, tmp_path: Path) -> None:
    pictures = load_pictures(folder)
    config = FlatConfig(SIDE, SIDE, 1, latents=16)
    path = tmp_path / "run.checkpoint"

    first = Trainer(*split(pictures, 0), config, Recipe(budget=1), "cpu")
    first.run(path, lambda _: None)
    second = Trainer(*split(pictures, 0), config, Recipe(budget=first.seconds + 1), "cpu")
    second.load(path)
    assert second.step == first.step
    for a, b in zip(first.nets.parameters(), second.nets.parameters(), strict=True):
        torch.testing.assert_close(a, b)
    second.run(path, lambda _: None)
    assert second.step > first.step


def test_a_checkpoint_of_other_settings_is_refused(folder: Path, tmp_path: Path) -> None:
    pictures = load_pictures(folder)
    path = tmp_path / "run.checkpoint"
    Trainer(*split(pictures, 0), FlatConfig(SIDE, SIDE, 1, latents=16), Recipe(), "cpu").save(path)
    other = Trainer(*split(pictures, 0), FlatConfig(SIDE, SIDE, 1, latents=8), Recipe(), "cpu")
    with pytest.raises(pseudocodec.PslError, match="other settings"):
        other.load(path)


def test_a_damaged_checkpoint_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"damaged")
    config = FlatConfig(SIDE, SIDE, 1, latents=16)
    with pytest.raises(pseudocodec.PslError, match="cannot be read"):
        Trainer(*split(load_pictures(folder), 0), config, Recipe(), "cpu").load(path)


def test_a_left_checkpoint_is_not_overwritten(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors.checkpoint").write_bytes(b"hours of work")
    with pytest.raises(pseudocodec.PslError, match="resume"):
        pseudocodec.train(folder, tmp_path / "m.safetensors", budget=1)


def test_diverged_training_stops(folder: Path) -> None:
    config = FlatConfig(SIDE, SIDE, 1, latents=16)
    trainer = Trainer(*split(load_pictures(folder), 0), config, Recipe(), "cpu")
    with torch.no_grad():
        trainer.nets.analysis.stem.weight.fill_(float("nan"))
    with pytest.raises(pseudocodec.PslError, match="diverged at step 0"):
        trainer.run(None, lambda _: None)


def test_a_picture_of_another_size_is_named(folder: Path) -> None:
    Image.new("L", (12, 8)).save(folder / "zzz.png")
    with pytest.raises(pseudocodec.PslError, match=r"zzz\.png has 12 x 8"):
        load_pictures(folder)


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "one.png")
    with pytest.raises(pseudocodec.PslError, match="at least 64"):
        load_pictures(tmp_path)


def test_a_size_the_net_cannot_take_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "odd.npy", np.zeros((100, 30, 28), np.uint8))
    with pytest.raises(pseudocodec.PslError, match=r"height=30.*multiples of 4"):
        pseudocodec.train(tmp_path / "odd.npy", tmp_path / "m.safetensors", budget=1)
