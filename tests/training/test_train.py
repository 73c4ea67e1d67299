"""A whole training run on tiny pictures: data in, model file out, resumed, interrupted, refused."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_training import CPU, PLAN, bars, trainer

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.metrics import psnr
from pseudocodec.training import export, loop, state
from pseudocodec.training import run as run_module
from pseudocodec.training.loop import Progress, Recipe, Trainer
from pseudocodec.training.team import Team


@pytest.fixture
def data(tmp_path: Path) -> Path:
    np.save(tmp_path / "bars.npy", bars())
    return tmp_path / "bars.npy"


@pytest.fixture(autouse=True)
def few_pictures_to_fit_codes_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting the latent codes takes most of the time of so short a run."""
    monkeypatch.setattr(export, "FIT_PICTURES", 8)


def ignore(progress: Progress) -> None:
    pass


def after(steps: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training fail with `error` when it has done so many steps."""
    step = Trainer.train_step

    def failing(self: Trainer) -> None:
        if self.step == steps:
            raise error
        step(self)

    monkeypatch.setattr(Trainer, "train_step", failing)


def test_from_pictures_to_a_model_that_codes(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "bars.safetensors"
    seen: list[Progress] = []
    notes: list[str] = []
    result = pseudocodec.train(
        data,
        output,
        budget=1.5,
        size="small",
        name="my bars",
        report=False,
        device="cpu",
        on_progress=seen.append,
        on_note=notes.append,
    )
    assert result["id"] == pseudocodec.load_model(output).id.hex()
    assert result["bytes"] == output.stat().st_size
    assert result["report"] is None
    assert seen[-1].fraction == 1
    assert result["psnr"] == seen[-1].psnr
    assert result["steps"] == seen[-1].step
    assert "190 pictures to learn from, 10 held out; 16 x 16 pixels, grey" in notes[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.npy", "bars.safetensors"]
    assert pseudocodec.load_model(output).facts.name == "my bars"
    picture = bars()[50]
    flat = np.full_like(picture, round(float(picture.mean())))
    for codes in ({"progressive": True}, {"progressive": False}):
        decoded = pseudocodec.decode(
            pseudocodec.encode(picture, model=output, nbytes=50, effort=1, **codes)
        )
        assert psnr(picture, decoded) > psnr(picture, flat) + 3


def test_the_report_is_of_held_out_pictures(data: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "others.npy", 255 - bars()[:5])
    output = tmp_path / "bars.safetensors"
    pseudocodec.train(
        data, output, budget=0.2, size="small", holdout=tmp_path / "others.npy", device="cpu"
    )
    card = (tmp_path / "bars-report" / "card.md").read_text()
    assert "Trained on 200 pictures of `bars.npy`, 5 others held out for this report" in card


def test_a_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    first = trainer(budget=0.3)
    first.run(path, ignore)
    second = trainer(budget=first.seconds + 0.3)
    second.load(path)
    assert (second.step, second.seconds) == (first.step, first.seconds)
    torch.testing.assert_close(second.nets.state_dict(), first.nets.state_dict())
    # The whitening of the average is no part of it: it is measured when it is asked for.
    averages = [run.average.module.parameters() for run in (first, second)]
    for one, other in zip(*averages, strict=True):
        torch.testing.assert_close(one, other)
    second.run(path, ignore)
    assert second.step > first.step


def test_a_resumed_run_takes_the_very_steps(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    through = trainer()
    for _ in range(3):
        through.train_step()
    through.save(path)
    resumed = trainer()
    resumed.load(path)
    for run in (through, resumed):
        torch.manual_seed(5)
        run.train_step()
    torch.testing.assert_close(resumed.nets.state_dict(), through.nets.state_dict())


def test_processes_that_resume_together_draw_different_pictures(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    trainer().save(path)
    images = torch.from_numpy(bars())[:, None]
    draws = []
    for rank in range(3):
        team = Team(CPU.device, rank)
        Trainer(images[:180], images[180:], PLAN, Recipe(), team).load(path)
        draws.append(float(torch.rand(1)))
    assert len(set(draws)) == 3


def test_ctrl_c_leaves_a_checkpoint_that_resumes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "bars.safetensors"
    settings: dict[str, Any] = {"size": "small", "report": False, "device": "cpu"}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        after(3, KeyboardInterrupt(), patch)
        pseudocodec.train(data, output, budget=60, **settings)
    checkpoint = tmp_path / "bars.safetensors.checkpoint"
    assert checkpoint.exists()
    assert not output.exists()
    with pytest.raises(PslError, match="resume"):
        pseudocodec.train(data, output, budget=60, **settings)
    first = torch.load(checkpoint, weights_only=True)
    assert first["step"] == 3
    budget = first["seconds"] + 0.2
    result = pseudocodec.train(data, output, budget=budget, resume=True, **settings)
    assert result["steps"] > 3
    assert not checkpoint.exists()


def test_a_full_disk_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint before stays; every failure is told, the last one too."""

    @contextmanager
    def full(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
        raise PslError(f"cannot write {str(path)!r}: No space left on device")
        yield

    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"the one before")
    monkeypatch.setattr(state, "atomic_write", full)
    monkeypatch.setattr(run_module, "CHECKPOINT_SECONDS", 0.0)
    notes: list[str] = []
    run = trainer(budget=0.2)
    run.run(path, ignore, on_note=notes.append)
    assert run.seconds >= 0.2
    assert len(notes) == run.step + 1  # after each step and at the end
    assert "No space left" in notes[0]
    assert path.read_bytes() == b"the one before"


def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operating system says reaches the note, through torch and the writer."""

    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", no_room)
    with pytest.raises(PslError, match="No space left"):
        trainer().save(tmp_path / "run.checkpoint")
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    trainer().save(path)
    with pytest.raises(PslError, match="other settings"):
        trainer(seed=1).load(path)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"damaged")
    with pytest.raises(PslError, match="cannot be read"):
        trainer().load(path)


def test_a_left_checkpoint_is_not_overwritten(data: Path, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors.checkpoint").write_bytes(b"hours of work")
    with pytest.raises(PslError, match="resume"):
        pseudocodec.train(data, tmp_path / "m.safetensors", budget=1)


def test_diverged_training_stops_and_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    path.write_bytes(b"the last good one")
    run = trainer()
    with torch.no_grad():
        run.nets.transform.analysis.stem.weight.fill_(float("nan"))
    with pytest.raises(PslError, match="diverged at step 0"):
        run.run(path, ignore)
    assert path.read_bytes() == b"the last good one"


def test_training_lowers_the_error() -> None:
    run = trainer(warmup=10)
    start = run.progress().psnr
    for _ in range(120):
        run.train_step()
    end = run.progress().psnr
    assert all(end[bits] > start[bits] + 0.1 for bits in start)


def test_the_sheet_shows_held_out_pictures() -> None:
    run = trainer()
    run.progress()
    (label, originals), *decoded = run.sheet()
    assert label == "original"
    np.testing.assert_array_equal(originals, bars()[180 : 180 + loop.SHEET])
    assert [label.split()[0] for label, _ in decoded] == ["4", "16"]
    assert all(pictures.shape == originals.shape for _, pictures in decoded)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"budget": 0.0}, "budget=0.0"),
        ({"budget": float("nan")}, "budget=nan"),
        ({"size": "huge"}, "size='huge'"),
        ({"objective": "beauty"}, "objective='beauty'"),
        ({"holdout": 0.7}, "holdout=0.7"),
        ({"device": "toaster"}, "device='toaster'"),
    ],
)
def test_settings_out_of_range_are_refused(
    settings: dict[str, Any], said: str, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(PslError, match=said):
        pseudocodec.train(data, tmp_path / "m.safetensors", **settings)


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    Image.new("L", (16, 16)).save(tmp_path / "one.png")
    with pytest.raises(PslError, match="at least 64"):
        pseudocodec.train(tmp_path, tmp_path / "m.safetensors", budget=1)


def test_sides_out_of_range_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "small.npy", np.zeros((100, 15, 28), np.uint8))
    with pytest.raises(PslError, match="16 to 256"):
        pseudocodec.train(tmp_path / "small.npy", tmp_path / "m.safetensors", budget=1)
