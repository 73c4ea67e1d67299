"""The decoder of a photo model, on latents as files have them: a step of training after the nets'.

While the nets learn, latents are rounded in one pass. Those of files are refined, each for what the
rounding of the others does to the picture, which is too slow for every step. Here squares are coded
once as files are, and synthesis, shrinkage and level embedding alone learn from what came of it.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from pseudocodec.hyperprior import LEVEL_STEPS
from pseudocodec.model.base import torch_device
from pseudocodec.model.file import model_id, read_facts, read_tensors
from pseudocodec.model.photo import PhotoModel
from pseudocodec.nets.hyperprior import HyperpriorTransform
from pseudocodec.nets.precision import autocast
from pseudocodec.photo.encoder import Encoder
from pseudocodec.training.export_photo import export_tuned
from pseudocodec.training.job import OnNote, ignore
from pseudocodec.training.photo import GROUPS
from pseudocodec.training.run import Balance, Run, RunRecipe
from pseudocodec.training.team import Team
from pseudocodec.training.tuning import FIRST_SCALE, Decoder

EFFORTS = (3, 3, 3, 1)  # of encoders, in turn: as most files are coded, and some without refinement
CODING = 0.5  # of the time, in which squares are coded; then the decoder learns
FEWEST = 16  # squares, however short the time
EVERY = 60.0  # seconds between two notes


class CodedSquare(NamedTuple):
    """A square, its level, and the gained latents that its file has."""

    square: Tensor
    """(3, S, S), uint8."""

    level: int

    gained: Tensor
    """(latents, S / 16, S / 16), float16."""


@dataclass(frozen=True)
class SettleRecipe(RunRecipe):
    """The whole recipe; levels are uniform, as in training."""

    batch: int = 4  # squares a step
    rate: float = 1e-4  # peak learning rate of AdamW; cosine over the budget;
    shrinkage_rate: float = 1e-3  # and of shrinkage, which has few weights
    warmup: int = 30
    decay: float = 0.995


class Settler(Run[float]):
    """Decoder and clock of one run over coded squares."""

    nets: Decoder
    recipe: SettleRecipe

    def __init__(
        self,
        coded: Sequence[CodedSquare],
        transform: HyperpriorTransform,
        recipe: SettleRecipe,
        team: Team,
    ) -> None:
        super().__init__(recipe, team)
        self.nets = Decoder(copy.deepcopy(transform)).to(team.device)
        self.top = transform.config.top
        self._squares = torch.stack([each.square for each in coded]).to(team.device)
        self._gained = torch.stack([each.gained for each in coded]).to(team.device)
        levels = torch.tensor([each.level / LEVEL_STEPS for each in coded])
        self._levels = levels.to(team.device)
        t = self.nets.transform
        slow = [*t.synthesis.parameters(), *t.embedding.parameters()]
        groups: list[dict[str, Any]] = [{"params": slow, "lr": recipe.rate}]
        if t.config.stages:
            fast = list(t.shrinkage.parameters())
            groups.append({"params": fast, "lr": recipe.shrinkage_rate})
        self._begin(groups, 0.0)
        self.balance = Balance(GROUPS, FIRST_SCALE, self.device)

    @property
    def subject(self) -> dict[str, Any]:
        """The number of squares."""
        return {"squares": len(self._squares)}

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        pick = torch.randint(len(self._squares), (self.recipe.batch,), device=self.device)
        errors = self._errors(self.nets, pick)
        self._descend(self.balance(errors, self._levels[pick] / self.top))

    @torch.no_grad()
    def progress(self) -> float:
        """The mean of log errors of the averaged decoder on the first squares."""
        first = torch.arange(min(FEWEST, len(self._squares)), device=self.device)
        return float(self._errors(cast(Decoder, self.average.module), first).log().mean())

    def _errors(self, nets: Decoder, pick: Tensor) -> Tensor:
        """Mean squared errors (B,) of some squares, in steps of 255."""
        images, level = self._squares[pick].float() / 255, self._levels[pick]
        latents = self._gained[pick].float() / nets.transform.gain(level)
        with autocast(self.device):
            decoded = nets(latents.contiguous(memory_format=torch.channels_last), level)
        errors: Tensor = (decoded - images).square().flatten(1).mean(1) * 255**2
        return errors

    def averaged(self) -> HyperpriorTransform:
        """The transform with the averaged decoder."""
        return cast(Decoder, self.average.module).transform.eval()


def settle_photo(
    path: Path,
    squares: Tensor,
    *,
    seconds: float,
    seed: int = 0,
    device: str = "auto",
    on_note: OnNote = ignore,
) -> bytes:
    """Let the decoder of the photo model at `path` learn for so long; returns its new id.

    `squares`, uint8 (N, 3, S, S), are coded at random levels, as many as half the time allows; on
    the way `on_note` hears how many. Raises PslError as training does.
    """
    model = PhotoModel(model_id(path), path, read_facts(path))
    rng = np.random.default_rng(seed)
    coded: list[CodedSquare] = []
    began = said = time.monotonic()
    for number, i in enumerate(rng.permutation(len(squares)).tolist()):
        level = int(rng.integers(0, model.code.top + 1))
        picture = squares[i].permute(1, 2, 0).cpu().numpy()
        encoder = Encoder(model, picture, effort=EFFORTS[number % len(EFFORTS)], device=device)
        [content] = encoder.encode(level).contents
        latents = torch.from_numpy(content.latents[: model.code.latents]).half()
        coded.append(CodedSquare(squares[i], level, latents))
        now = time.monotonic()
        if now - began >= CODING * seconds and len(coded) >= FEWEST:
            break
        if now - said >= EVERY:
            said = now
            on_note(f"{len(coded):,} squares coded, from which the decoder is to learn")
    on_note(f"{len(coded):,} squares coded; the decoder learns from them")
    recipe, team = SettleRecipe((1 - CODING) * seconds, seed=seed), Team(torch_device(device))
    settler = Settler(coded, model.transform(torch.device("cpu")), recipe, team)
    settler.run(None, ignore)
    return export_tuned(model.facts, read_tensors(path), settler.averaged().cpu(), path)
