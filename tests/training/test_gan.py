"""Adversarial training, inverse generators and autoencoders: steps, reports, checkpoints."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gan_models
import pytest
import torch
from PIL import Image
from tiny_training import CPU, bars
from torch import distributed

from pseudocodec.errors import PslError
from pseudocodec.nets.gan import GanConfig
from pseudocodec.prng import THESIS
from pseudocodec.training import curves
from pseudocodec.training import gan as module
from pseudocodec.training.covering import CoveringRecipe, CoveringRun
from pseudocodec.training.curves import draw_curves
from pseudocodec.training.gan import GanProgress, GanRecipe, GanRun, calibrate, pictures_of
from pseudocodec.training.gan_losses import LOSSES
from pseudocodec.training.inverse import (
    AutoencoderRecipe,
    AutoencoderRun,
    InverseRecipe,
    InverseRun,
)
from pseudocodec.training.run import Run
from pseudocodec.training.sequences import SOURCES
from pseudocodec.training.team import Team

CONFIG = GanConfig(16, 16, 1, latents=6, base=2, encoder_base=4)
LCG = THESIS["lcg-5101"]
SMALL: dict[str, Any] = {"batch": 8, "lcg": LCG, "warmup": 2}
IMAGES = torch.from_numpy(bars())[:, None]


def adversarial(config: GanConfig = CONFIG, team: Team = CPU, **recipe: Any) -> GanRun:
    return GanRun(IMAGES, config, GanRecipe(**SMALL | recipe), team)


def inverse(config: GanConfig = CONFIG, team: Team = CPU, **recipe: Any) -> InverseRun:
    generator = gan_models.generator(config)
    return InverseRun(generator, config, InverseRecipe(**SMALL | recipe), team)


def autoencoder(config: GanConfig = CONFIG, team: Team = CPU, **recipe: Any) -> AutoencoderRun:
    recipe = {"batch": 8, "warmup": 2} | recipe
    return AutoencoderRun(IMAGES, config, AutoencoderRecipe(**recipe), team)


Make = Callable[..., Run[Any]]
RUNS = [adversarial, inverse, autoencoder]


@pytest.fixture(autouse=True)
def few_batches_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALIBRATION", 2)
    monkeypatch.setattr("pseudocodec.training.inverse.CALIBRATION", 2)


def steps(run: Run[Any], count: int) -> Run[Any]:
    for _ in range(count):
        run.train_step()
    return run


def assert_same(one: Run[Any], other: Run[Any]) -> None:
    for name in ("nets", "average", "discriminator"):
        if hasattr(one, name):
            states = (getattr(run, name).state_dict() for run in (one, other))
            torch.testing.assert_close(*states, rtol=0, atol=0)


@pytest.mark.parametrize("make", RUNS)
def test_a_resumed_run_takes_the_very_steps(make: Make, tmp_path: Path) -> None:
    through = steps(make(steps=6), 6)
    steps(make(steps=6), 3).save(tmp_path / "c")
    resumed = make(steps=6)
    resumed.load(tmp_path / "c")
    assert resumed.step == 3
    steps(resumed, 3)
    assert_same(through, resumed)


@pytest.mark.parametrize("make", RUNS)
def test_steps_are_counted_and_the_end_is_reported(make: Make) -> None:
    seen: list[Any] = []
    run = make(steps=4)
    run.run(None, seen.append)
    assert run.step == 4
    assert [(p.step, p.fraction) for p in seen] == [(4, 1.0)]
    assert "nan" not in seen[0].describe()


@pytest.mark.parametrize("make", RUNS)
def test_a_checkpoint_of_other_nets_is_refused(make: Make, tmp_path: Path) -> None:
    make().save(tmp_path / "c")
    with pytest.raises(PslError, match="other settings"):
        make(replace(CONFIG, latents=7)).load(tmp_path / "c")
    with pytest.raises(PslError, match="other settings"):
        make(batch=9).load(tmp_path / "c")
    make(steps=5, budget=7.0).load(tmp_path / "c")  # another length is no other run


@pytest.mark.parametrize("make", RUNS)
def test_diverged_training_stops_and_keeps_the_checkpoint_before(
    make: Make, tmp_path: Path
) -> None:
    path = tmp_path / "c"
    path.write_bytes(b"the last good one")
    run = make()
    with torch.no_grad():
        for weight in run.nets.parameters():
            weight.fill_(float("nan"))
    with pytest.raises(PslError, match="diverged at step 0: the loss is not finite; resume"):
        run.run(path, lambda progress: None)
    assert path.read_bytes() == b"the last good one"


@pytest.mark.parametrize("loss", LOSSES)
def test_both_players_learn(loss: str) -> None:
    run = adversarial(loss=loss, critic_steps=2, steps=50)
    nets = [run.nets, run.discriminator]
    before = [[w.clone() for w in net.parameters()] for net in nets]
    steps(run, 2)  # the rate of the first is nothing
    for net, weights in zip(nets, before, strict=True):
        assert any(not torch.equal(*pair) for pair in zip(weights, net.parameters(), strict=True))
    assert run.epochs == 2 * 8 * 2 / len(IMAGES)
    assert all(map(torch.isfinite, map(torch.tensor, run.progress().losses)))


def test_the_discriminator_learns_to_tell_pictures_apart() -> None:
    run = adversarial(rate=3e-3, generator_rate=1e-9, batch=32, warmup=1, steps=200)
    steps(run, 60)
    real, fake = run.progress().scores
    assert real > fake + 0.2


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_teaches(source: str) -> None:
    config = replace(CONFIG, bounded=source != "gaussian")
    assert steps(adversarial(config, source=source), 2).step == 2
    assert steps(inverse(config, source=source), 2).step == 2


def test_curves_have_a_point_for_so_many_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "CURVE_STEPS", 2)
    run = steps(adversarial(), 5)
    assert [point[0] for point in run.curves] == [2, 4]
    assert {len(point) for point in run.curves} == {5}
    assert run.progress().losses == tuple(run.curves[-1][1:3])
    assert all(0 < chance < 1 for point in run.curves for chance in point[3:])
    run.save(tmp_path / "c")
    again = adversarial()
    again.load(tmp_path / "c")
    assert again.curves == run.curves


def test_a_report_before_the_first_point() -> None:
    line = GanProgress(1, 2.0, 0.5, (0.5, 0.25), (0.75, 0.125)).describe()
    assert line == "losses: D 0.500, G 0.250   scores: original 0.75, generated 0.12"
    assert adversarial().progress().losses == (0, 0)


def test_the_averaged_generator_is_for_evaluation() -> None:
    run = steps(adversarial(), 2)
    net = run.averaged()
    assert not net.training
    latents = run.sequences.draw(4, 0)
    torch.testing.assert_close(net(latents[:1]), net(latents)[:1])


def test_calibration_measures_the_mean_of_all_batches() -> None:
    norm = torch.nn.BatchNorm2d(1)
    norm.running_mean.fill_(99)
    calibrate(norm, [torch.full((2, 1, 2, 2), value) for value in (1.0, 2.0, 6.0)])
    assert norm.running_mean.item() == pytest.approx(3)
    assert (norm.training, norm.momentum) == (False, 0.1)


def test_pictures_lie_between_minus_one_and_one() -> None:
    levels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert pictures_of(levels).flatten().tolist() == [-1, 1]


def test_an_inverse_generator_finds_latents_and_leaves_the_generator() -> None:
    run = inverse(batch=32, rate=5e-3, steps=300)
    before = {k: v.clone() for k, v in run.nets.generator.state_dict().items()}
    start = run.progress()
    steps(run, 60)
    end = run.progress()
    assert start.latent_mse is not None and end.latent_mse is not None
    assert end.latent_mse < 0.9 * start.latent_mse
    torch.testing.assert_close(run.averaged().generator.state_dict(), before, rtol=0, atol=0)
    assert end.describe().startswith("MSE of latents 0.")


def test_an_autoencoder_learns_to_restore_pictures() -> None:
    run = autoencoder(batch=32, rate=5e-3, steps=300)
    start = run.progress().image_mse
    steps(run, 40)
    end = run.progress()
    assert end.image_mse < 0.8 * start
    assert end.latent_mse is None
    assert end.describe() == f"of pictures {end.image_mse:.4f}"


@pytest.fixture
def crowd() -> Iterator[Team]:
    """A team that counts two, of which only this one is there: means are halves."""
    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield Team(CPU.device, 0, 2)
    distributed.destroy_process_group()


def covering(config: GanConfig = CONFIG, team: Team = CPU, **recipe: Any) -> CoveringRun:
    nets = gan_models.transform(0, config)
    return CoveringRun(IMAGES, IMAGES, nets, CoveringRecipe(batch=8, warp=0, **recipe), team)


@pytest.mark.parametrize("make", [inverse, autoencoder, covering])
def test_a_team_averages_gradients_of_nets_called_in_parts(
    make: Make, crowd: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pseudocodec.training.covering.PART", 64)
    gradients = []
    for team in (CPU, crowd):
        run = make(team=team, clip=1e9, steps=9)
        run.train_step()
        gradients.append([w.grad for w in run.nets.parameters() if w.grad is not None])
    alone, together = gradients
    assert len(alone) == len(together) > 4
    for one, mean in zip(alone, together, strict=True):
        torch.testing.assert_close(mean, one / 2)


def test_a_team_of_two_players(crowd: Team) -> None:
    assert steps(adversarial(team=crowd), 2).step == 2


class TestCurves:
    POINTS = ((25.0, 1.4, 0.7, 0.5, 0.5), (50.0, 1.2, 0.9, 0.6, 0.4))

    @pytest.mark.parametrize("loss", ["non-saturating", "wasserstein"])
    def test_a_picture_of_them(self, loss: str) -> None:
        pytest.importorskip("matplotlib")
        data = draw_curves(self.POINTS, loss)
        assert data is not None
        with Image.open(io.BytesIO(data)) as image:
            assert (image.format, image.size) == ("PNG", (960, 720))
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 2
        assert data == draw_curves(self.POINTS, loss)

    def test_without_points_there_is_none(self) -> None:
        assert draw_curves([], "standard") is None

    def test_without_matplotlib_there_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(curves, "find_spec", lambda name: None)
        assert draw_curves(self.POINTS, "standard") is None
