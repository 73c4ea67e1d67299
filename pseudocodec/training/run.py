"""What every training run does: a clock, a schedule, averaged weights, checkpoints that resume."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pseudocodec.errors import PslError
from pseudocodec.training.state import load_checkpoint, save_checkpoint
from pseudocodec.training.team import Team

CHECKPOINT_SECONDS = 120.0
REPORT_SHARE = 0.05  # of the time, at most, goes into reports

LENGTH = ("budget", "steps")  # of a run, in a recipe

P = TypeVar("P")  # of a report


@dataclass(frozen=True)
class RunRecipe:
    """What every recipe says; a checkpoint resumes only under the same one, but for its length."""

    budget: float = 3600.0  # seconds of training, summed over resumed runs
    steps: int | None = None  # at most, where they are counted instead: runs that are compared
    warmup: int = 200  # steps
    clip: float = 1.0  # gradient norm
    decay: float = 0.998  # of the exponential moving average of the weights
    seed: int = 0


class Run(ABC, Generic[P]):
    """One run of training, resumable to the step.

    A subclass calls `__init__` first, sets up `nets` and `optimiser` through `_begin`, takes steps
    by `_descend`, and says what its run is of (`subject`) and what belongs into its reports.
    """

    recipe: RunRecipe
    nets: nn.Module
    parallel: nn.Module  # the nets, gradients averaged over the team
    in_parts: ClassVar[bool] = False  # whether steps call modules of `nets` instead of `parallel`
    average: AveragedModel
    optimiser: torch.optim.Optimizer

    def __init__(self, recipe: RunRecipe, team: Team) -> None:
        self.recipe, self.team, self.device = recipe, team, team.device
        torch.manual_seed(recipe.seed)  # of the initial weights

    def _begin(self, groups: list[dict[str, Any]], weight_decay: float) -> None:
        """Optimiser, average and clock of `nets`, which are on their device."""
        self.nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.parallel = self.team.parallel(self.nets)
        torch.manual_seed(self.recipe.seed + self.team.rank)  # other pictures, other noise
        self.average = AveragedModel(self.nets, multi_avg_fn=self._average, use_buffers=False)
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=weight_decay)
        self.peak = [group["lr"] for group in self.optimiser.param_groups]
        self.step, self.seconds = 0, 0.0

    @property
    @abstractmethod
    def subject(self) -> dict[str, Any]:
        """What beside the recipe must agree for a checkpoint to be resumed."""

    @property
    def settings(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be resumed (a run may be extended)."""
        recipe = {k: v for k, v in asdict(self.recipe).items() if k not in LENGTH}
        return self.subject | {"recipe": recipe}

    @abstractmethod
    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""

    @abstractmethod
    def progress(self) -> P:
        """What held-out pictures say of the averaged nets now."""

    def _own_state(self) -> dict[str, Any]:
        """What a checkpoint holds beside nets, average, optimiser and clock."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:
        """Take `_own_state` back from a checkpoint."""

    @property
    def fraction(self) -> float:
        """How much of the run is done."""
        counted = self.step / self.recipe.steps if self.recipe.steps else 0.0
        return min(1.0, max(self.seconds / self.recipe.budget, counted))

    def run(
        self,
        checkpoint: Path | None,
        report: Callable[[P], None],
        every: float = 60.0,
        on_note: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        """Train until the budget is spent or the steps are done, reporting every `every` seconds.

        A KeyboardInterrupt is passed on after the checkpoint was written. A checkpoint that cannot
        be written does not stop the run: `on_note` is told, and the one before it stays. Raises
        PslError when the loss is no longer finite; the last good checkpoint stays.
        """
        started, spent = time.monotonic(), self.seconds
        next_report, next_save = self.seconds + every, self.seconds + CHECKPOINT_SECONDS
        try:
            while self.fraction < 1:
                self.train_step()
                self.seconds = self.team.agree(spent + time.monotonic() - started)
                if self.seconds >= next_report and self.team.leads:
                    began = time.monotonic()
                    report(self.progress())
                    cost = time.monotonic() - began
                    next_report = self.seconds + max(every, cost / REPORT_SHARE)
                if self.seconds >= next_save:
                    next_save = self.seconds + CHECKPOINT_SECONDS
                    self._try_to_save(checkpoint, on_note)
        except KeyboardInterrupt:
            self._try_to_save(checkpoint, on_note)
            raise
        self._try_to_save(checkpoint, on_note)
        if self.team.leads:
            report(self.progress())

    def _schedule(self) -> None:
        """Set the learning rate: linear warm-up, then a cosine over the budget to a hundredth."""
        cosine = 0.01 + 0.99 * (1 + math.cos(math.pi * self.fraction)) / 2
        factor = min(1.0, self.step / self.recipe.warmup) * cosine
        for group, peak in zip(self.optimiser.param_groups, self.peak, strict=True):
            group["lr"] = peak * factor

    def _descend(self, loss: Tensor) -> None:
        """A step down `loss`; gradients are clipped group by group: their sizes differ."""
        self._require_finite(loss)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.in_parts:
            self.team.average_gradients(self.nets)
        for group in self.optimiser.param_groups:
            nn.utils.clip_grad_norm_(group["params"], self.recipe.clip)
        self.optimiser.step()
        self.step += 1
        self.average.update_parameters(self.nets)

    def _require_finite(self, loss: Tensor) -> None:
        """Raises PslError when training has diverged: nothing after that is worth keeping."""
        if not torch.isfinite(loss):
            raise PslError(
                f"training diverged at step {self.step}: the loss is not finite; "
                "resume from the last checkpoint with a lower learning rate"
            )

    @torch.no_grad()
    def _average(self, averaged: Any, current: Any, _: Any) -> None:
        """Exponential moving average, of a shorter memory in the first steps."""
        decay = min(self.recipe.decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(averaged, current, 1 - decay)

    def _try_to_save(self, path: Path | None, on_note: Callable[[str], None]) -> None:
        """Save where a checkpoint is wanted; a full disk must not cost what was learnt."""
        try:
            if path:
                self.save(path)
        except PslError as error:
            on_note(f"{error}; the run goes on, the checkpoint before stays")

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically (in a team, its leader does)."""
        if not self.team.leads:
            return
        state = {
            "settings": self.settings,
            "nets": self.nets.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        save_checkpoint(path, state | self._own_state())

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same settings."""
        state = load_checkpoint(path, self.team.device, self.settings)
        self.nets.load_state_dict(state["nets"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self._restore(state)
        if not self.team.leads:  # the random state is the leader's: draw other pictures than it
            torch.manual_seed(self.recipe.seed + self.team.rank + self.step)


class Balance:
    """Scales losses of many rates so that each rate pulls alike.

    Losses at high rates are a hundredth of those at low ones, or many times them. Each is divided
    by a running mean of its group.
    """

    def __init__(self, groups: int, start: float, device: torch.device) -> None:
        self.groups = groups
        self.scale = torch.full((groups,), start, device=device)

    def __call__(self, losses: Tensor, position: Tensor) -> Tensor:
        """Losses (B,) at positions (B,) in [0, 1] of the range of rates -> their balanced mean."""
        group = (position * self.groups).long().clamp(max=self.groups - 1)
        with torch.no_grad():
            count = torch.bincount(group, minlength=self.groups)
            mean = torch.zeros_like(self.scale).index_add_(0, group, losses.detach())
            mean = mean / count.clamp(min=1)
            self.scale += 0.02 * torch.where(count > 0, mean - self.scale, 0)
        return (losses / self.scale[group]).mean()
