"""What every training run is asked, whatever it trains, and how it is carried out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pseudocodec.training.outputs import Files
from pseudocodec.training.run import Run
from pseudocodec.training.team import Team

OnProgress = Callable[[Any], None]  # of a Progress, a PhotoProgress ...
OnNote = Callable[[str], None]
P = TypeVar("P")  # of a report


def ignore(said: object) -> None:
    """What a run tells when nobody listens, or another process speaks."""


@dataclass(frozen=True)
class Job:
    """A run to be done: see `pseudocodec.train`, whose arguments these are."""

    data: str | os.PathLike[str]
    files: Files
    budget: float = 1800.0  # seconds
    seed: int = 0
    device: str = "auto"
    skip_bad: bool = False
    name: str | None = None
    on_progress: OnProgress = ignore
    on_note: OnNote = ignore

    @property
    def title(self) -> str:
        """The model's name, by default that of its file."""
        return self.name or self.files.target.stem

    @property
    def source(self) -> str:
        """What the pictures are called in a report."""
        return Path(self.data).name

    def teller(self, team: Team) -> OnNote:
        """Where notes go: of a team, only its leader speaks."""
        return self.on_note if team.leads else ignore

    def carry_out(self, run: Run[P], on_progress: Callable[[P], None] = ignore) -> P | None:
        """`train` as the only stage, and end the team."""
        last = self.train(run, on_progress)
        run.team.leave()
        return last

    def train(
        self,
        run: Run[P],
        on_progress: Callable[[P], None] = ignore,
        stage: str | None = None,
    ) -> P | None:
        """Train to the end of the budget, from the checkpoint where there is one.

        `on_progress` hears of every report before the job's own does. A `stage` of several has a
        checkpoint of its own; one that is finished is not begun again, and where a later one has
        begun it stays as it is, however long the budget. Returns the last report, None where there
        is none: in a process that does not lead, and of a stage that stays.
        """
        last: list[P] = []

        def report(progress: P) -> None:
            last[:] = [progress]
            on_progress(progress)
            self.on_progress(progress)

        checkpoint = self.files.restore(run, stage)
        if checkpoint.exists() and self.files.begun_after(stage):
            return None
        run.run(checkpoint, report, on_note=self.teller(run.team))
        return last[0] if last else None
