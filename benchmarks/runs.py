"""Training runs of benchmarks, which go on from where they were ended.

A run that is trained, or half trained, is kept in `runs/` beside this file; delete the folder to
begin anew. Scripts that run at once must not share a name.
"""

from __future__ import annotations

from typing import Any, TypeVar

from harness import FOLDER, log
from pseudocodec.training.run import Run

RUNS = FOLDER / "runs"
R = TypeVar("R", bound=Run[Any])


def finish(name: str, run: R, *, quick: bool) -> R:
    """Train `run` to its end, from where it stopped; of a quick one nothing is kept."""
    path = None if quick else RUNS / f"{name}.checkpoint"
    if path and path.is_file():
        run.load(path)
    if run.fraction < 1:
        RUNS.mkdir(exist_ok=True)
        run.run(path, lambda p: log.print(f"{name} {p.fraction:4.0%} {p.describe()}"))
    return run
