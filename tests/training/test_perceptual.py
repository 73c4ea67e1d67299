"""The perceptual objective on tiny pictures: end to end, frozen codes, resumed, diverged."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pseudocodec
from pseudocodec.nets.discriminator import Discriminator
from pseudocodec.nets.grid import GridConfig
from pseudocodec.training import adversary as adversary_module
from pseudocodec.training.adversary import RAMP, Adversary
from pseudocodec.training.export import export_model
from pseudocodec.training.loop import Progress, Recipe, Trainer
from pseudocodec.training.objectives import MeanSquaredError
from pseudocodec.training.perceptual import START, Perceptual
from pseudocodec.training.plan import Plan
from pseudocodec.training.team import Team

CONFIG = GridConfig(16, 16, 1, 4, shared=8, local=0, latents=32, coarse=8, fine=8,
                    coarse_blocks=1, fine_blocks=1)  # fmt: skip
PLAN = Plan(CONFIG, flip=False, shrink=0.1, payload_bytes=(2, 16), batch=8)
ALONE = Team(torch.device("cpu"))


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Noisy bars at changing places, uint8 (160, 1, 16, 16)."""
    rng = np.random.default_rng(0)
    bars = [np.roll(np.tri(16, 16, -6) * 180, i, axis=i % 2) for i in range(160)]
    noisy = np.stack(bars) + rng.integers(0, 60, (160, 16, 16))
    return torch.from_numpy(noisy.astype(np.uint8))[:, None]


def trainer_of(pictures: torch.Tensor, objective: str = "perceptual") -> Trainer:
    return Trainer(pictures[:128], pictures[128:], PLAN, Recipe(100, objective=objective), ALONE)


def begun(pictures: torch.Tensor, steps: int = 3) -> Trainer:
    """A trainer some steps into the adversarial part."""
    trainer = trainer_of(pictures)
    trainer.train_step()
    trainer.seconds = START * 100
    for _ in range(steps):
        trainer.train_step()
    return trainer


def adversary_of(trainer: Trainer) -> Adversary:
    assert isinstance(trainer.objective, Perceptual)
    return trainer.objective.adversary


def codes_of(trainer: Trainer) -> list[torch.Tensor]:
    """All that decides what a file says."""
    nets = trainer.nets
    state = {**nets.transform.analysis.state_dict(), **nets.transform.whiten.state_dict()}
    return [tensor.clone() for tensor in (*state.values(), nets.channel.log_variances.detach())]


def test_from_pictures_to_a_model_that_decodes(pictures: torch.Tensor, tmp_path: Path) -> None:
    trainer = begun(pictures)
    trainer.seconds = 99.9  # of 100: the last steps of the run
    seen: list[Progress] = []
    trainer.run(None, seen.append)
    assert seen[-1].fraction == 1
    export_model(trainer, "bars", tmp_path / "bars.safetensors")
    picture = pictures[140, 0].numpy()
    stream = pseudocodec.encode(picture, model=tmp_path / "bars.safetensors", nbytes=36)
    decoded = pseudocodec.decode(stream)
    variance = np.mean((picture - picture.mean()) ** 2)
    assert np.mean((decoded.astype(float) - picture) ** 2) < variance / 2


def test_an_unknown_objective_is_refused(pictures: torch.Tensor, tmp_path: Path) -> None:
    np.save(tmp_path / "bars.npy", pictures[:, 0].numpy())
    with pytest.raises(pseudocodec.PslError, match=r"objective='ssim': expected one of mse, perc"):
        pseudocodec.train(tmp_path / "bars.npy", tmp_path / "m.safetensors", objective="ssim")


def test_the_first_part_is_that_of_the_error_alone(pictures: torch.Tensor) -> None:
    one, other = trainer_of(pictures), trainer_of(pictures, "mse")
    for trainer in (one, other):
        torch.manual_seed(1)
        trainer.nets.load_state_dict(other.nets.state_dict())
        trainer.train_step()
        trainer.train_step()
    for a, b in zip(one.nets.parameters(), other.nets.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not one.nets.codes_frozen


def test_the_adversarial_part_leaves_the_codes_alone(pictures: torch.Tensor) -> None:
    trainer = begun(pictures, steps=1)
    codes = codes_of(trainer)
    generator = [p.detach().clone() for p in trainer.nets.transform.synthesis.parameters()]
    for _ in range(3):
        trainer.train_step()
    assert all(torch.equal(a, b) for a, b in zip(codes, codes_of(trainer), strict=True))
    moved = zip(generator, trainer.nets.transform.synthesis.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in moved)


def test_the_adversarial_part_begins_with_the_averaged_nets(pictures: torch.Tensor) -> None:
    trainer = trainer_of(pictures)
    for _ in range(15):
        trainer.train_step()
    expected = [p.clone() for p in trainer.average.module.transform.analysis.parameters()]
    last = [p.clone() for p in trainer.nets.transform.analysis.parameters()]
    trainer.seconds = START * 100
    trainer.train_step()
    now = list(trainer.nets.transform.analysis.parameters())
    assert all(torch.equal(a, b) for a, b in zip(expected, now, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(last, now, strict=True))


def test_a_resumed_run_has_the_same_discriminator(pictures: torch.Tensor, tmp_path: Path) -> None:
    first, second = begun(pictures), trainer_of(pictures)
    first.save(tmp_path / "run.checkpoint")
    second.load(tmp_path / "run.checkpoint")
    assert second.nets.codes_frozen
    one, other = adversary_of(first), adversary_of(second)
    assert other.step == one.step == 3
    for trainer in (first, second):  # the same random numbers, so the next step must be the same
        torch.manual_seed(1)
        trainer.train_step()
    pairs = [(first.nets, second.nets), (one.discriminator, other.discriminator)]
    for a, b in pairs:
        torch.testing.assert_close(a.state_dict(), b.state_dict())


def test_a_longer_budget_does_not_thaw_the_codes(pictures: torch.Tensor, tmp_path: Path) -> None:
    begun(pictures).save(tmp_path / "run.checkpoint")
    longer = Recipe(1000, objective="perceptual")
    trainer = Trainer(pictures[:128], pictures[128:], PLAN, longer, ALONE)
    trainer.load(tmp_path / "run.checkpoint")
    codes = codes_of(trainer)
    trainer.train_step()
    assert all(torch.equal(a, b) for a, b in zip(codes, codes_of(trainer), strict=True))


def test_a_discriminator_that_diverged_stops_the_run(pictures: torch.Tensor) -> None:
    trainer = begun(pictures)
    with torch.no_grad():
        adversary_of(trainer).discriminator.head.bias.fill_(math.nan)
    with pytest.raises(pseudocodec.PslError, match="diverged at step 4"):
        trainer.train_step()


@pytest.mark.parametrize("pull", ["ADVERSARIAL", "FEATURES"])
def test_a_pull_is_a_share_of_the_gradient_of_the_error(
    pictures: torch.Tensor, monkeypatch: pytest.MonkeyPatch, pull: str
) -> None:
    """Picture by picture, and in length: what bounds the error that sharpness may cost."""
    torch.manual_seed(0)
    for name in {"ADVERSARIAL", "FEATURES"} - {pull}:
        monkeypatch.setattr(adversary_module, name, 0.0)
    adversary = Adversary(Discriminator.of_grid(CONFIG), ALONE)
    adversary.step = RAMP
    images = pictures[:4].float() / 255
    decoded = (images + torch.randn_like(images) / 10).requires_grad_()
    error = (decoded - images).square().mean()
    loss = adversary.loss(error, images, decoded, torch.full((4,), -3.0))
    alone, both = (torch.autograd.grad(t, decoded, retain_graph=True)[0] for t in (error, loss))
    share = (both - alone).flatten(1).norm(dim=1) / alone.flatten(1).norm(dim=1)
    torch.testing.assert_close(share, torch.full((4,), getattr(adversary_module, pull)))


def test_the_discriminator_learns_to_tell_noise_from_pictures(pictures: torch.Tensor) -> None:
    torch.manual_seed(0)
    adversary = Adversary(Discriminator.of_grid(CONFIG), ALONE)
    images = pictures[:16].float() / 255
    noise = torch.rand_like(images)
    level = torch.full((len(images),), -3.0)
    for _ in range(20):
        decoded = noise.clone().requires_grad_()
        adversary.loss(decoded.square().mean(), images, decoded, level)
    with torch.no_grad():
        for_images = adversary.discriminator(images, level)[0].mean()
        for_noise = adversary.discriminator(noise, level)[0].mean()
    assert for_images > for_noise + 0.5


def test_the_plain_objective_is_the_error() -> None:
    error, picture, level = torch.tensor(2.0), torch.zeros(1, 1, 16, 16), torch.zeros(1)
    objective = MeanSquaredError()
    assert objective.loss(error, picture, picture, level, 1.0) is error
    assert not objective.freezes_codes(1.0)
