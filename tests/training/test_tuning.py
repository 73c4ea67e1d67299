"""Tuning a decoder on tiny nets: codes stay, both players learn, runs resume, stop and refuse."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import photo_models
import pytest
import torch
from PIL import Image

import pseudocodec
from pseudocodec.container import read_single
from pseudocodec.errors import PslError
from pseudocodec.evaluation import photos
from pseudocodec.evaluation.decoders import compare_decoders
from pseudocodec.model.file import model_id, read_facts, read_tensors
from pseudocodec.model.photo import PhotoModel
from pseudocodec.rate import Target
from pseudocodec.training import photo_start
from pseudocodec.training.export_photo import DECODER, export_tuned
from pseudocodec.training.perceptual import INVENTS
from pseudocodec.training.photo import PhotoRecipe, PhotoTrainer
from pseudocodec.training.photo_start import start_from
from pseudocodec.training.team import Team
from pseudocodec.training.tuning import TuneProgress, Tuner, TuneRecipe

CPU = Team(torch.device("cpu"))


def squares(count: int, side: int = 96) -> torch.Tensor:
    """Waves under noise, which a code smooths away: uint8 (count, 3, side, side)."""
    rng = np.random.default_rng(0)
    waves = np.stack([photo_models.smooth(side, side, seed=s) for s in range(count)])
    noisy = (waves + rng.normal(0, 12, waves.shape)).clip(0, 255).astype(np.uint8)
    return torch.from_numpy(noisy).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "before.safetensors"
    photo_models.write(path)
    return path


def tuner(init: Path, **recipe: Any) -> Tuner:
    settings = {"budget": 1e9, "crop": 32, "batch": 4, "warmup": 1, "rate": 1e-3} | recipe
    return Tuner(squares(16), squares(2), start_from(init), TuneRecipe(**settings), CPU)


def state_of(run: Tuner) -> list[torch.Tensor]:
    players = (run.nets, run.adversary.discriminator)
    return [value.clone() for player in players for value in player.state_dict().values()]


def test_only_the_decoder_learns(before: Path) -> None:
    run = tuner(before)
    start = {key: value.clone() for key, value in run.nets.transform.state_dict().items()}
    for _ in range(3):
        run.train_step()
    same = {k: torch.equal(v, start[k]) for k, v in run.nets.transform.state_dict().items()}
    assert all(kept for key, kept in same.items() if not key.startswith(DECODER))
    assert not any(kept for key, kept in same.items() if key.startswith("synthesis."))
    plain = run.plain.transform.state_dict()
    assert all(torch.equal(value, start[key]) for key, value in plain.items())


def test_the_discriminator_learns(before: Path) -> None:
    """Told apart are originals and what has lost their noise."""
    run = tuner(before)
    images = squares(4, 32).float() / 255
    blurred = torch.nn.functional.avg_pool2d(images, 5, 1, 2, count_include_pad=False)
    losses = []
    for _ in range(30):
        decoded = blurred.clone().requires_grad_()
        error = (decoded - images).square().mean()
        run.adversary.loss(error, images, decoded, torch.full((4,), 0.5), blurred)
        losses.append(run.adversary.hinge)
    assert losses[-1] < 0.9 * losses[0]


def test_a_resumed_run_takes_the_very_steps(before: Path, tmp_path: Path) -> None:
    through = tuner(before)
    through.train_step()
    through.save(tmp_path / "c")
    through.train_step()
    resumed = tuner(before)
    resumed.load(tmp_path / "c")
    resumed.train_step()
    for one, other in zip(state_of(through), state_of(resumed), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(PslError, match="other settings"):
        tuner(before, batch=3).load(tmp_path / "c")


def test_a_run_that_diverges_stops_and_keeps_the_checkpoint_before(
    before: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c"
    run = tuner(before)
    run.train_step()
    run.save(path)
    kept = path.read_bytes()
    with torch.no_grad():
        run.adversary.discriminator.head.bias.fill_(math.nan)
    with pytest.raises(PslError, match="diverged at step 1"):
        run.run(path, lambda _: None)
    assert path.read_bytes() == kept


def test_decoded_pictures_change_and_nothing_else_of_the_model(
    before: Path, tmp_path: Path
) -> None:
    run, start, after = tuner(before, rate=1e-2), start_from(before), tmp_path / "after.safetensors"
    for _ in range(4):
        run.train_step()
    export_tuned(start.model.facts, start.tensors, run.averaged(), after)
    one, other = read_tensors(before), read_tensors(after)
    assert one.keys() == other.keys()
    for key in one:
        assert key.startswith(DECODER) or np.array_equal(one[key], other[key])
    models = {"before": start.model, "after": PhotoModel(model_id(after), after, read_facts(after))}
    picture = photo_models.smooth(100, 150, seed=5)
    rows = compare_decoders(models, [picture], [Target(quality=40)])
    assert [row["model"] for row in rows] == ["before", "after"]
    assert rows[0]["bpp"] == rows[1]["bpp"]
    assert rows[0]["psnr"] != rows[1]["psnr"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for i, square in enumerate(squares(18, 512)):
        Image.fromarray(square.permute(1, 2, 0).numpy()).save(folder / f"{i}.bmp")
    return folder


def test_from_a_model_and_photographs_to_a_model_of_the_same_payloads(
    before: Path, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "QUALITIES", (20, 80))
    monkeypatch.setattr(photos, "SETTINGS", {"JPEG": (10, 60)})
    output, seen = tmp_path / "sharp.safetensors", list[TuneProgress]()
    result = pseudocodec.train(
        photographs,
        output,
        codec="photo",
        objective="perceptual",
        init=before,
        budget=0.5,
        device="cpu",
        on_progress=seen.append,
    )
    assert result["steps"] == seen[-1].step > 0
    assert "sharp" in seen[-1].describe()
    assert len((tmp_path / "sharp.csv").read_text().splitlines()) == len(seen)

    picture = photo_models.smooth(100, 150, seed=5)
    old, new = (
        read_single(pseudocodec.encode(picture, model=model, quality=40))
        for model in (before, output)
    )
    assert new.model_id.hex() == result["id"] != old.model_id.hex()
    assert new.payload == old.payload
    assert read_facts(output).name == "sharp"
    card = (tmp_path / "sharp-report" / "card.md").read_text()
    assert INVENTS in card
    assert "| before |" in card and "| after |" in card


def test_a_checkpoint_of_training_is_a_start(tmp_path: Path) -> None:
    recipe = PhotoRecipe(budget=1.0, crop=64, batch=2)
    crops = squares(8)
    run = PhotoTrainer(crops, list(crops[:1]), photo_models.CONFIG, recipe, CPU)
    run.train_step()
    run.save(tmp_path / "run.safetensors.checkpoint")
    start = start_from(tmp_path / "run.safetensors.checkpoint")
    assert start.model.facts.name == "run"
    expected = run.averaged().transform.synthesis.stem.weight.half().float()
    assert torch.equal(start.transform().synthesis.stem.weight, expected)


def test_without_init_the_installed_photo_model_is_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(name: str) -> PhotoModel:
        asked.append(name)
        raise PslError("enough")

    monkeypatch.setattr(photo_start, "load_model", load)
    with pytest.raises(PslError, match="enough"):
        start_from(None)
    assert asked == ["photo"]


def test_models_of_other_families_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PslError, match=r"init=digits: a model of family '.*'; only photo models"):
        pseudocodec.train(
            "nowhere",
            tmp_path / "m.safetensors",
            codec="photo",
            objective="perceptual",
            init="digits",
        )


@pytest.mark.parametrize("content", [{}, {"settings": {"config": {"depth": 3}}, "average": {}}])
def test_checkpoints_of_other_nets_are_refused(content: dict[str, Any], tmp_path: Path) -> None:
    torch.save({"format": 1, **content}, tmp_path / "c")
    with pytest.raises(PslError, match="not a checkpoint of a photo model"):
        start_from(tmp_path / "c")
