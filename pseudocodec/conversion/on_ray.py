"""Shards on the machines of a Ray cluster.

They are tasks of plain actors, not a Ray Data set: a shard makes a file, not rows to pass on, and
one that kills each worker it is given to must neither end the run nor be tried for ever.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from pseudocodec.conversion.local import Outcomes
from pseudocodec.conversion.manifest import Done
from pseudocodec.conversion.shard import Convert
from pseudocodec.errors import PslError
from pseudocodec.parallel.workers import Outcome, Workers, worker_count

RETRIES = 2
"""Times that a shard is given to a worker again after the death of the one that had it."""

_THREADS = "NUMBA_NUM_THREADS"  # Ray itself sees to OMP_NUM_THREADS


class Worker:
    """Converts shards in a process of its own, in which the model stays loaded."""

    def __init__(self, task: Convert) -> None:
        os.environ.setdefault(_THREADS, "1")  # before numba is imported, with the model
        self._task = task

    def convert(self, number: int) -> Done | PslError:
        """What became of a shard."""
        return self._task(number)


def run(task: Convert, shards: int, workers: Workers) -> Outcomes:
    """The outcome of each shard, as they come, from one worker for each GPU or else for each CPU.

    The cluster is the one that this process has joined, that RAY_ADDRESS names or that `ray start`
    began here; else this machine becomes one, until the end. Ray restarts workers that die, on
    another machine if need be, and gives them their shard again. With more `workers` than the
    cluster can hold the rest waits until it has grown.

    Raises PslError when Ray is not installed, the cluster cannot be reached, or its workers cannot
    start.
    """
    ray = _imported()
    return _run(ray, task, shards, workers)


def _run(ray: ModuleType, task: Convert, shards: int, workers: Workers) -> Outcomes:
    with _joined(ray):
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        most = gpus or int(resources.get("CPU", 1))
        count = min(shards, most if workers == "auto" else worker_count(workers))
        actor = ray.remote(Worker).options(
            num_cpus=0 if gpus else 1,
            num_gpus=1 if gpus else 0,
            max_restarts=-1,
            max_task_retries=RETRIES,
        )
        actors = [actor.remote(task) for _ in range(count)]
        try:
            yield from _spread(ray, actors, shards)
        finally:
            for each in actors:
                with suppress(ray.exceptions.RayError):
                    ray.kill(each)


def _spread(
    ray: ModuleType, actors: list[Any], shards: int
) -> Generator[Outcome[int, Done | PslError], None, None]:
    """Every actor has one shard at a time."""
    numbers = iter(range(shards))
    at_work = {actor.convert.remote(n): (n, actor) for actor, n in zip(actors, numbers)}  # noqa: B905
    while at_work:
        (first,), _ = ray.wait(list(at_work), num_returns=1)
        number, actor = at_work.pop(first)
        yield _outcome(ray, first, number)
        following = next(numbers, None)
        if following is not None:
            at_work[actor.convert.remote(following)] = following, actor


def _outcome(ray: ModuleType, reference: Any, number: int) -> Outcome[int, Done | PslError]:
    try:
        return Outcome(number, ray.get(reference))
    except ray.exceptions.RayTaskError as error:
        return Outcome(number, error=error.cause)
    except ray.exceptions.ActorDiedError as error:  # it never lived: those that did are restarted
        raise PslError(
            f"a Ray worker cannot start ({_last_line(error)}): install the same pseudocodec on "
            "every machine"
        ) from error
    except ray.exceptions.RayError as error:  # worker after worker died
        reason = f"{RETRIES + 1} workers that had shard {number} died ({type(error).__name__})"
        return Outcome(number, error=PslError(reason))


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip()


def _imported() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise PslError(
            'engine="ray" needs Ray: run pip install "pseudocodec[ray]", or use the engine local'
        ) from error
    module: ModuleType = ray
    return module


@contextmanager
def _joined(ray: ModuleType) -> Generator[None, None, None]:
    """In a cluster; one that was joined here is left at the end."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(log_to_driver=False, logging_level="ERROR", include_dashboard=None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise PslError(f"the Ray cluster cannot be reached ({reason}): see RAY_ADDRESS") from error
    try:
        yield
    finally:
        ray.shutdown()
