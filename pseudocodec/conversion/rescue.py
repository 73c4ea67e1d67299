"""A shard that kills its worker each time: one picture is to blame, and the others can be had."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pseudocodec.conversion.manifest import Done
from pseudocodec.conversion.shard import Convert
from pseudocodec.errors import PslError
from pseudocodec.parallel.workers import ordered_map

STEP = 64
"""Inputs tried together; those of a step that kills its process are tried one by one."""

_REASON = "a process that tries to convert it dies (it crashes, or runs out of memory)"


def rescue(task: Convert, number: int) -> Done | PslError:
    """Convert a shard without the pictures that kill the process which has them.

    Returns the error when the shard still cannot be converted, or when `task` is strict.
    """
    count = len(task.pictures(number))
    steps = [range(start, min(start + STEP, count)) for start in range(0, count, STEP)]
    try:
        suspects = [i for step in _deadly(task, number, steps) for i in step]
        guilty = [step[0] for step in _deadly(task, number, [range(i, i + 1) for i in suspects])]
        again = replace(task, excluded=dict.fromkeys(guilty, _REASON))
        with closing(ordered_map(again, [number], workers=2)) as outcomes:
            return next(outcomes).result()
    except PslError as error:
        return error


def _deadly(task: Convert, number: int, steps: Iterable[range]) -> list[range]:
    """Those of the steps whose process died twice."""
    with closing(ordered_map(_Trial(task, number), steps, workers=2)) as outcomes:
        return [outcome.item for outcome in outcomes if isinstance(outcome.error, PslError)]


@dataclass(frozen=True)
class _Trial:
    """Encodes some inputs of a shard and throws the result away."""

    task: Convert
    number: int

    def __call__(self, step: range) -> None:
        count = len(self.task.pictures(self.number))
        others = {i: "not tried" for i in range(count) if i not in step}
        trial = replace(self.task, strict=False, workers=1, excluded=others)
        with tempfile.TemporaryDirectory(prefix="psl-") as folder, suppress(PslError):
            trial.save(Path(folder, "trial.psl"), trial.pictures(self.number), {})
