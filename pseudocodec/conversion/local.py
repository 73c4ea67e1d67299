"""Shards on the processes of one machine."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from pseudocodec.conversion.manifest import Done
from pseudocodec.conversion.shard import Convert
from pseudocodec.errors import PslError
from pseudocodec.parallel.workers import Outcome, Workers, ordered_map, worker_count

Outcomes = Generator[Outcome[int, Done | PslError], None, None]


def run(task: Convert, shards: int, workers: Workers) -> Outcomes:
    """The outcome of each shard: shards side by side or, of fewer than workers, their pictures."""
    count = worker_count(workers)
    if shards < count:
        return ordered_map(replace(task, workers=count), range(shards), workers=1)
    return ordered_map(task, range(shards), workers=count)
