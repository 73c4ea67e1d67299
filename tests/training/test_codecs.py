"""Which options go with which codec: every other one is refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.training.codecs import CODECS, UNCHOSEN, way_of

MADE: dict[str, Any] = {
    "size": "small",
    "holdout": 0.2,
    "report": False,
    "lmbda": 0.1,
    "init": "photo",
    "loss": "wasserstein",
    "latents_from": "uniform",
    "lcg": "lcg-29282",
    "critic_steps": 5,
}
EVERY = [(codec, objective) for codec, ways in CODECS.items() for objective in ways]


@pytest.mark.parametrize("key", UNCHOSEN)
@pytest.mark.parametrize(("codec", "objective"), EVERY)
def test_an_option_is_taken_or_refused(codec: str, objective: str, key: str) -> None:
    choices = {**UNCHOSEN, key: MADE[key]}
    if key in CODECS[codec][objective].takes:
        assert way_of(codec, objective, choices).keywords[key] == MADE[key]  # type: ignore[attr-defined]
        return
    with pytest.raises(PslError, match=f"{key}=.*codec='{codec}'.*leave it out"):
        way_of(codec, objective, choices)


def test_what_is_refused_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(PslError, match=r"size='large': codec='mbt2018'.*it is for kind, gan\)"):
        pseudocodec.train("nowhere", tmp_path / "m.safetensors", codec="mbt2018", size="large")
    with pytest.raises(
        PslError, match=r"report=False: codec='mbt2018'.*it is for kind, gan, photo\)"
    ):
        pseudocodec.train("nowhere", tmp_path / "m.safetensors", codec="mbt2018", report=False)
    with pytest.raises(PslError, match=r"loss='standard': codec='kind'.*it is for gan\)"):
        pseudocodec.train("nowhere", tmp_path / "m.safetensors", loss="standard")
    assert not list(tmp_path.iterdir())


def test_unknown_codecs_and_objectives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        PslError, match=r"codec='jpeg': expected one of kind, gan, photo, overfit, bmshj2018"
    ):
        pseudocodec.train("nowhere", tmp_path / "m.safetensors", codec="jpeg")
    with pytest.raises(PslError, match=r"objective='ms-ssim': expected one of mse, perceptual for"):
        pseudocodec.train("nowhere", tmp_path / "m.safetensors", objective="ms-ssim")
