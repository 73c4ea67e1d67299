"""Covering: pictures teach their nearest seeds, by the book and by search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gan_models
import numpy as np
import pytest
import torch
from tiny_training import CPU, bars

from pseudocodec.errors import PslError
from pseudocodec.nets.gan import GanConfig
from pseudocodec.prng import Lcg
from pseudocodec.training import covering as module
from pseudocodec.training.covering import FEW, FINISH, CoveringRecipe, CoveringRun
from pseudocodec.training.gan import pictures_of

LCG = Lcg(a=5, c=3, m=64)
CONFIG = GanConfig(16, 16, 1, latents=6, base=4, hidden=24, encoder_base=4)
IMAGES = torch.from_numpy(bars())[:, None]


@pytest.fixture(params=["book", "search"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "search":
        monkeypatch.setattr(module, "BOOK_VALUES", 0)
    return str(request.param)


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PART", 200)
    monkeypatch.setattr(module, "ROUND", 4)


def covering(**recipe: Any) -> CoveringRun:
    recipe = {"batch": 32, "lcg": LCG, "warmup": 5, "warp": 0.3, "rate": 4e-3} | recipe
    nets = gan_models.transform(0, CONFIG, LCG)
    return CoveringRun(IMAGES[:180], IMAGES[180:], nets, CoveringRecipe(**recipe), CPU)


def steps(run: CoveringRun, count: int) -> CoveringRun:
    for _ in range(count):
        run.train_step()
    return run


def test_the_error_of_held_out_pictures_falls(way: str) -> None:
    run = covering(steps=80, decay=0.9)
    assert (run.book is not None) == (way == "book")
    start = run.progress().mse
    steps(run, 80)  # its last part by single pictures
    end = run.progress()
    assert end.mse < 0.7 * start
    assert end.describe() == f"MSE {end.mse:.4f} by the nearest seed, {end.used} seeds in use"


def test_a_resumed_run_takes_the_very_steps(way: str, tmp_path: Path) -> None:
    through = steps(covering(steps=100), 6)
    steps(covering(steps=100), 3).save(tmp_path / "c")
    resumed = covering(steps=100)
    resumed.load(tmp_path / "c")
    steps(resumed, 3)
    for name in ("nets", "average"):
        states = (getattr(run, name).state_dict() for run in (through, resumed))
        torch.testing.assert_close(*states, rtol=0, atol=0)
    if way == "book":
        assert through.book is not None and resumed.book is not None
        torch.testing.assert_close(through.book.state, resumed.book.state, rtol=0, atol=0)


def test_the_statistics_of_the_start_stay(way: str) -> None:
    run = covering()
    before = {k: v.clone() for k, v in run.nets.named_buffers()}
    steps(run, 2)
    assert not any(net.training for net in run.nets.modules())
    torch.testing.assert_close(dict(run.nets.named_buffers()), before)
    torch.testing.assert_close(dict(run.averaged().named_buffers()), before)


def test_diverged_training_stops_in_a_sentence(way: str, tmp_path: Path) -> None:
    path = tmp_path / "c"
    path.write_bytes(b"the last good one")
    run = covering()
    with torch.no_grad():
        run.nets.inverse.head.weight.fill_(float("nan"))
        run.nets.generator.project.weight.fill_(float("nan"))
    with pytest.raises(PslError, match="diverged at step 0"):
        run.run(path, lambda progress: None)
    assert path.read_bytes() == b"the last good one"


def test_seeds_without_pictures_get_some() -> None:
    run = covering(warp=0.0)
    assert run.book is not None
    assert run.book.used == 0
    run.train_step()
    book = run.book
    assert book.used == LCG.m
    assert float(book.counts.min()) >= FEW
    given = set(book.seeds.tolist())
    empty = [seed for seed in range(LCG.m) if seed not in given]
    assert empty  # 64 seeds of an untrained generator never share 200 pictures out
    originals = {picture.numpy().tobytes() for picture in IMAGES}
    for seed in empty:
        picture = ((book.sums[seed] + 1) * 127.5).round().to(torch.uint8)
        assert picture.view(1, 16, 16).numpy().tobytes() in originals


def test_pictures_that_are_all_met_leave_nothing_to_prefer() -> None:
    """Errors of nothing but zeros still choose a picture for an empty seed."""
    run = covering(warp=0.0)
    assert run.book is not None
    run.book.nearest = lambda nets, pictures: (  # type: ignore[method-assign]
        torch.zeros(len(pictures), dtype=torch.long),
        torch.zeros(len(pictures)),
    )
    run.train_step()
    assert run.book.used == LCG.m


def test_older_rounds_count_less() -> None:
    run = covering(warp=0.0)
    assert run.book is not None
    book = run.book
    book.sums.fill_(1.0)
    book.counts.fill_(10.0)
    book._assign()
    assert float(book.counts.sum()) == pytest.approx(64 * 10 * module.KEPT + 200)
    wanted = 64 * module.KEPT * 256 + float(book.given.sum())
    assert float(book.sums.sum()) == pytest.approx(wanted, rel=1e-4)


def test_the_book_finds_the_nearest_pictures() -> None:
    run = covering()
    assert run.book is not None
    pictures = pictures_of(IMAGES[:20])
    seeds, errors = run.book.nearest(run.nets, pictures)
    with torch.no_grad():
        book = run.nets.generator(run.book.latents)
    distances = (pictures[:, None] - book).square().mean((2, 3, 4))
    # bfloat16 in the nets, where the machine has it, moves a value by a hundredth at most
    np.testing.assert_allclose(errors, distances.min(1).values, rtol=0.05)
    np.testing.assert_allclose(
        distances.gather(1, seeds[:, None])[:, 0], distances.min(1).values, rtol=0.05
    )


def test_the_last_part_learns_single_pictures_and_their_structure() -> None:
    run = covering(steps=100)
    pictures = pictures_of(IMAGES[:4])
    decoded = pictures.flip(3)
    early = run.loss(decoded, pictures)
    run.step = round(100 * FINISH)
    assert run.finishing
    assert float(run.loss(decoded, pictures)) > float(early) + 0.001
    plain = covering(steps=100, structure=0.0)
    plain.step = run.step
    assert float(plain.loss(decoded, pictures)) == pytest.approx(float(early))


def test_a_run_resumed_in_its_last_part_goes_on_by_single_pictures(tmp_path: Path) -> None:
    first = covering(steps=20)
    steps(first, 14).save(tmp_path / "c")  # not at the beginning of a round
    resumed = covering(steps=20)
    resumed.load(tmp_path / "c")
    assert resumed.book is not None
    assert len(resumed.book.given) == 0
    resumed.train_step()
    assert len(resumed.book.given) == 200


def test_a_checkpoint_of_other_pictures_is_refused(way: str, tmp_path: Path) -> None:
    run = covering()
    run.save(tmp_path / "c")
    with pytest.raises(PslError, match="other settings"):
        covering(warp=0.5).load(tmp_path / "c")
