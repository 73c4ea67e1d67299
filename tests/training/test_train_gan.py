"""A whole run of `train --codec gan` on tiny pictures: three stages, resumed, interrupted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_training import bars

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.metrics import psnr
from pseudocodec.training import covering, gan, gan_plan, inverse
from pseudocodec.training.covering import CoveringProgress, CoveringRun
from pseudocodec.training.gan import GanProgress, GanRun
from pseudocodec.training.inverse import InverseProgress, InverseRun
from pseudocodec.training.outputs import STAGES

FAST: dict[str, Any] = {"codec": "gan", "size": "small", "report": False, "device": "cpu"}
CHECKPOINTS = [f"m.safetensors.{stage}.checkpoint" for stage in STAGES]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a stage takes its steps in tenths of a second."""
    monkeypatch.setattr(gan, "CALIBRATION", 2)
    monkeypatch.setattr(inverse, "CALIBRATION", 2)
    monkeypatch.setattr(gan, "CURVE_STEPS", 1)
    monkeypatch.setattr(covering, "PART", 200)
    monkeypatch.setattr(gan_plan, "SMALL_BATCH", 16)
    monkeypatch.setattr(gan_plan, "BOOK_BATCH", 16)
    monkeypatch.setitem(gan_plan.SCALE, "small", 0.125)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.save(tmp_path / "bars.npy", bars())
    return tmp_path / "bars.npy"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "m.safetensors"


def names(output: Path) -> list[str]:
    return sorted(path.name for path in output.parent.iterdir())


def test_from_pictures_to_a_model_of_one_seed(data: Path, output: Path) -> None:
    pytest.importorskip("matplotlib")
    seen: list[Any] = []
    notes: list[str] = []
    result = pseudocodec.train(
        data, output, budget=3, on_progress=seen.append, on_note=notes.append, name="mine", **FAST
    )
    assert notes[-1].startswith("190 pictures to learn from, 10 held out; 16 x 16 pixels, grey, ")
    assert "one of 8,191 seeds a picture (13 bits)" in notes[-1]
    kinds = [type(progress) for progress in seen if progress.fraction == 1]
    assert kinds == [GanProgress, InverseProgress, CoveringProgress]
    assert result["id"] == pseudocodec.load_model(output).id.hex()
    assert result["bytes"] == output.stat().st_size
    assert result["steps"] == seen[-1].step > 0
    assert result["seconds"] == pytest.approx(sum(p.seconds for p in seen if p.fraction == 1))
    assert (result["report"], result["path"]) == (None, str(output))
    assert result["epochs"] > 0
    assert names(output) == ["m-curves.png", "m.safetensors"]
    facts = pseudocodec.load_model(output).facts
    assert (facts.name, facts.family, facts.payload_bytes) == ("mine", "gan", (2, 2))
    assert facts.code == facts.dense == {
        "kind": "seed", "lcg": [1716, 1, 8191], "dims": 25, "epsilon": 50
    }  # fmt: skip
    picture = bars()[50]
    file = pseudocodec.encode(picture, model=output)
    assert len(file) == 22
    decoded = pseudocodec.decode(file)
    quick = pseudocodec.decode(pseudocodec.encode(picture, model=output, effort=0))
    assert psnr(picture, decoded) >= psnr(picture, quick) - 0.01  # pixels are rounded
    assert not pseudocodec.info(file)["progressive"]


def test_the_thesis_system_and_its_report(tmp_path: Path, output: Path) -> None:
    """Without covering; a picture that cannot be read is left out, one of another size scaled."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, picture in enumerate(bars()[:70]):
        Image.fromarray(picture).save(folder / f"{number:02d}.png")
    Image.new("L", (24, 32)).save(folder / "other.png")
    (folder / "03.png").write_bytes(b"no picture")
    settings = FAST | {"objective": "adversarial", "budget": 0.5, "loss": "wasserstein"}
    settings |= {"critic_steps": 2, "latents_from": "two-steps"}
    with pytest.raises(PslError, match=r"03\.png.*--skip-bad"):
        pseudocodec.train(folder, output, **settings)
    assert names(output) == []
    seen: list[Any] = []
    notes: list[str] = []
    result = pseudocodec.train(
        folder,
        output,
        skip_bad=True,
        on_progress=seen.append,
        on_note=notes.append,
        **settings | {"report": True},
    )
    assert any("1 of 71 pictures were left out" in note for note in notes)
    assert any("1 of 70 pictures were resized to 16 x 16" in note for note in notes)
    assert "latents in training: two-steps, loss: wasserstein" in notes[-1]
    kinds = [type(progress) for progress in seen if progress.fraction == 1]
    assert kinds == [GanProgress, InverseProgress]
    card = (output.parent / "m-report" / "card.md").read_text()
    assert "objective adversarial" in card
    assert "Steps: generator" in card and "inverse generator" in card and "covering" not in card
    rows = json.loads((output.parent / "m-report" / "report.json").read_text())["rows"]
    # Four pictures of 13 bits: 7 bytes beside the archive's own.
    assert [row["bytes"] - row["overhead"] for row in rows if row["layout"] == "archive"] == [7 / 4]
    assert len(result["report"]["rows"]) == len(rows)
    assert not any(name.endswith(".checkpoint") for name in names(output))


def test_finished_stages_are_not_begun_again(
    data: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(run: CoveringRun) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(CoveringRun, "train_step", interrupted)
        pseudocodec.train(data, output, budget=1.0, **FAST)
    assert names(output) == sorted(CHECKPOINTS)
    with pytest.raises(PslError, match=r"m\.safetensors\.generator\.checkpoint: .*resume it"):
        pseudocodec.train(data, output, budget=1.0, **FAST)
    with pytest.raises(PslError, match="other settings"):
        pseudocodec.train(data, output, budget=1.0, resume=True, seed=1, **FAST)
    before = [torch.load(output.parent / name, weights_only=True) for name in CHECKPOINTS]

    def again(run: GanRun | InverseRun) -> None:
        raise AssertionError("a finished stage goes on")

    monkeypatch.setattr(GanRun, "train_step", again)
    monkeypatch.setattr(InverseRun, "train_step", again)
    seen: list[Any] = []
    result = pseudocodec.train(
        data, output, budget=4.0, resume=True, on_progress=seen.append, **FAST
    )
    assert result["steps"] > 0
    assert {type(progress) for progress in seen} == {CoveringProgress}
    assert result["seconds"] > sum(state["seconds"] for state in before)
    assert not set(names(output)) & set(CHECKPOINTS)


def test_an_interrupted_stage_goes_on(
    data: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GanRun.train_step

    def failing(run: GanRun) -> None:
        if run.step == 1:
            raise KeyboardInterrupt
        step(run)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(GanRun, "train_step", failing)
        pseudocodec.train(data, output, budget=60, objective="adversarial", **FAST)
    assert names(output) == CHECKPOINTS[:1]
    state = torch.load(output.parent / CHECKPOINTS[0], weights_only=True)
    assert state["step"] == 1
    budget = (state["seconds"] + 0.2) / 0.6  # of which the generator has its share
    seen: list[Any] = []
    pseudocodec.train(
        data,
        output,
        budget=budget,
        objective="adversarial",
        resume=True,
        on_progress=seen.append,
        **FAST,
    )
    assert seen[0].step > 1
    assert names(output)[-1] == "m.safetensors"


def test_diverged_training_keeps_what_was_finished(
    data: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = InverseRun.train_step

    def exploding(run: InverseRun) -> None:
        with torch.no_grad():
            run.nets.inverse.head.weight.fill_(float("inf"))
        step(run)

    monkeypatch.setattr(InverseRun, "train_step", exploding)
    with pytest.raises(PslError, match="training diverged at step 0"):
        pseudocodec.train(data, output, budget=0.5, **FAST)
    assert names(output) == CHECKPOINTS[:1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"objective": "perceptual"}, "expected one of adversarial, mse for codec='gan'"),
        ({"loss": "hinge"}, "loss='hinge'"),
        ({"latents_from": "dice"}, "latents_from='dice'"),
        ({"lcg": "randu"}, "lcg='randu'"),
        ({"critic_steps": 0}, "critic_steps=0"),
        ({"size": "huge"}, "size='huge'"),
        ({"lmbda": 0.1}, "lmbda=0.1: codec='gan'"),
        ({"init": "photo"}, "init='photo': codec='gan'"),
        ({"device": "toaster"}, "device='toaster'"),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: dict[str, Any], said: str, data: Path, output: Path
) -> None:
    with pytest.raises(PslError, match=said):
        pseudocodec.train(data, output, **FAST | settings)
    assert names(output) == []


def test_odd_sides_are_refused(tmp_path: Path, output: Path) -> None:
    np.save(tmp_path / "odd.npy", np.random.default_rng(0).integers(0, 256, (80, 17, 16), np.uint8))
    with pytest.raises(PslError, match="pictures of 16 x 17 pixels: this net takes even sides"):
        pseudocodec.train(tmp_path / "odd.npy", output, **FAST)
