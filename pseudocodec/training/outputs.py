"""The files of a training run: the model, and what lies beside it until it is done."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.training.run import Run

STAGES = ("generator", "inverse", "covering")  # of runs that have several


@dataclass(frozen=True)
class Files:
    """Where a run writes; `target` is the model."""

    target: Path

    @staticmethod
    def check(
        output: str | os.PathLike[str], budget: float, *, resume: bool, overwrite: bool
    ) -> Files:
        """The files of a run that may begin. Raises PslError when something is in its way."""
        files = Files(Path(output))
        if not budget > 0:
            raise PslError(f"budget={budget}: expected a positive number of seconds")
        for left in files.checkpoints if not resume else ():
            raise PslError(
                f"{left}: an earlier run left this checkpoint; resume it (resume=True, "
                "--resume) or delete it to start afresh"
            )
        for path in (files.target, files.report):
            if path.exists() and not overwrite:
                raise PslError(
                    f"{path} exists: name another output, or replace it with overwrite=True (-f)"
                )
        return files

    @property
    def checkpoint(self) -> Path:
        """Written every two minutes and when interrupted."""
        return self.target.with_name(self.target.name + ".checkpoint")

    def stage(self, name: str | None) -> Path:
        """The checkpoint of a stage, or of a run of one stage."""
        if name is None:
            return self.checkpoint
        return self.target.with_name(f"{self.target.name}.{name}.checkpoint")

    def begun_after(self, stage: str | None) -> bool:
        """Whether a later stage has a checkpoint: it was made from this one as it is."""
        later = STAGES[STAGES.index(stage) + 1 :] if stage else ()
        return any(self.stage(name).exists() for name in later)

    @property
    def checkpoints(self) -> list[Path]:
        """Those there are, of all stages."""
        stages = (self.stage(name) for name in STAGES)
        return [path for path in (self.checkpoint, *stages) if path.exists()]

    @property
    def sheet(self) -> Path:
        """Held-out pictures and what is left of them, so far."""
        return self.target.with_name(self.target.name + ".progress.png")

    @property
    def log(self) -> Path:
        """A line of CSV for each report."""
        return self.target.with_name(self.target.stem + ".csv")

    @property
    def curves(self) -> Path:
        """Losses and scores of adversarial training, drawn."""
        return self.target.with_name(self.target.stem + "-curves.png")

    @property
    def report(self) -> Path:
        """The folder that says what the model is worth."""
        return self.target.with_name(self.target.stem + "-report")

    def append_log(self, run: Run[Any], values: Iterable[float]) -> None:
        """A line of a report: step, seconds, values."""
        before = self.log.read_bytes() if self.log.exists() else b""
        shown = [f"{value:.4f}" for value in values]
        line = ",".join([str(run.step), f"{run.seconds:.0f}", *shown])
        with atomic_write(self.log, overwrite=True) as file:
            file.write(before + line.encode() + b"\n")

    def restore(self, run: Run[Any], stage: str | None = None) -> Path:
        """Continue from the checkpoint, where there is one; returns its path."""
        checkpoint = self.stage(stage)
        if checkpoint.exists():
            run.load(checkpoint)
        return checkpoint

    def clear(self) -> None:
        """Remove what only an unfinished run needs."""
        for checkpoint in self.checkpoints:
            checkpoint.unlink()
        self.sheet.unlink(missing_ok=True)

    def result(self, identity: bytes, run: Run[Any]) -> dict[str, Any]:
        """What `train` returns of every run."""
        return {
            "id": identity.hex(),
            "path": str(self.target),
            "bytes": self.target.stat().st_size,
            "steps": run.step,
            "seconds": run.seconds,
        }
