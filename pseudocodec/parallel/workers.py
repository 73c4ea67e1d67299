"""An ordered map over worker processes, with bounded memory and an outcome for every item."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, cast

from pseudocodec.errors import PslError
from pseudocodec.parallel.pool import Pool, Sent

T = TypeVar("T")
R = TypeVar("R")

Workers = int | Literal["auto"]
MAX_WORKERS = 1024


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T, R]):
    """What became of `item`: `value`, or the `error` in its place."""

    item: T
    value: R | None = None
    error: Exception | None = None

    def result(self) -> R:
        """The value. Raises the error."""
        if self.error is not None:
            raise self.error
        return cast(R, self.value)


def ordered_map(
    task: Callable[[T], R],
    items: Iterable[T],
    *,
    workers: Workers = 1,
    ahead: int | None = None,
) -> Generator[Outcome[T, R], None, None]:
    """The outcomes of `task` on each of `items`, in their order.

    With one worker the task runs in this process, one item at a time. With more it runs in that
    many processes of one thread each; `task` is pickled once for each of them, so that it may
    carry a model, and every item and result once. At most `ahead` items (2 for each worker, if not
    given) are read before the outcome of the first of them is taken: memory is bounded.

    An exception of the task is its item's outcome. So is the death of a worker process, once the
    item has killed a second one on its own; other items that were under way run again. What
    `items` itself raises, and KeyboardInterrupt, ends the map and its processes at once; so does
    closing the generator (`contextlib.closing`), which an exception in the caller does not do.

    Processes are started by spawn: a script must call this under `if __name__ == "__main__":`.

    Raises PslError for a number of workers out of range, and when worker processes keep dying.
    """
    count = worker_count(workers)
    return _here(task, items) if count == 1 else _spread(task, items, count, ahead or 2 * count)


def worker_count(workers: Workers) -> int:
    """How many workers that is: with "auto", one for each CPU this process may use.

    Raises PslError below 1 and above MAX_WORKERS.
    """
    if workers == "auto":
        return usable_cpus()
    if not isinstance(workers, int) or not 1 <= workers <= MAX_WORKERS:
        raise PslError(f'workers={workers!r}: expected 1 to {MAX_WORKERS}, or "auto"')
    return workers


def usable_cpus() -> int:
    """CPUs this process may run on, which in a container may be fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _here(task: Callable[[T], R], items: Iterable[T]) -> Generator[Outcome[T, R], None, None]:
    for item in items:
        try:
            outcome = Outcome(item, task(item))
        except Exception as error:  # whatever it is, the caller decides
            outcome = Outcome(item, error=error)
        yield outcome


def _spread(
    task: Callable[[T], R], items: Iterable[T], count: int, ahead: int
) -> Generator[Outcome[T, R], None, None]:
    waiting: deque[Sent[T, R]] = deque()
    with Pool(task, count) as pool:
        for item in items:
            waiting.append(pool.send(item))
            if len(waiting) == ahead:
                yield _first(pool, waiting)
        while waiting:
            yield _first(pool, waiting)


def _first(pool: Pool[T, R], waiting: deque[Sent[T, R]]) -> Outcome[T, R]:
    pool.settle(waiting)
    sent = waiting.popleft()
    error = sent.future.exception()
    if error is None:
        return Outcome(sent.item, sent.future.result())
    if not isinstance(error, Exception):
        raise error
    return Outcome(sent.item, error=error)
