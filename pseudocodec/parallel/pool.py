"""A process pool that outlives its processes.

`concurrent.futures` gives up a whole pool, and everything it was given, when one process dies. Here
the pool is begun anew and what was lost runs again, one item at a time, until it is known which of
them kills its process.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from types import TracebackType
from typing import Generic, Self, TypeVar

from pseudocodec.errors import PslError
from pseudocodec.parallel import _process

T = TypeVar("T")
R = TypeVar("R")

MAX_DEATHS = 3
"""Items in a row that each cost two processes: the trouble is not the items, and the map ends."""


@dataclass(slots=True)
class Sent(Generic[T, R]):
    """An item on its way, kept until its result is there."""

    item: T
    future: Future[R]
    fatal: bool = False  # to every process it was given

    @property
    def lost(self) -> bool:
        """Whether its process died; waits until that is known."""
        return isinstance(self.future.exception(), BrokenProcessPool)


class Pool(Generic[T, R]):
    """`count` processes that apply `task`; they are started by spawn, as threads may be running.

    `task` is pickled once for each process. Leaving the block ends them, at once after an
    exception; they end by themselves when this process dies.
    """

    def __init__(self, task: Callable[[T], R], count: int) -> None:
        self._pickled = pickle.dumps(task)
        self._count = count
        self._deaths = 0
        self._begin()

    def send(self, item: T) -> Sent[T, R]:
        """Give an item to the processes."""
        return Sent(item, self._submit(item))

    def settle(self, waiting: Sequence[Sent[T, R]]) -> None:
        """Wait for the first of the items; if its process died, run all lost ones again.

        Raises PslError when MAX_DEATHS items in a row have killed two processes each.
        """
        if not waiting[0].lost:
            if not waiting[0].fatal:
                self._deaths = 0
            return
        lost = [sent for sent in waiting if sent.lost]
        self._begin_again()
        for sent in lost:
            self._run_alone(sent)

    def _run_alone(self, sent: Sent[T, R]) -> None:
        sent.future = self._submit(sent.item)
        if not sent.lost:
            self._deaths = 0
            return
        self._deaths += 1
        if self._deaths == MAX_DEATHS:
            raise PslError(
                f"worker processes die again and again ({2 * MAX_DEATHS} in a row), killed for "
                "want of memory or unable to start: use fewer workers, or 1; a script must call "
                'this under `if __name__ == "__main__":`'
            )
        sent.fatal, sent.future = True, Future()
        sent.future.set_exception(
            PslError(
                "its worker process died, and so did another one given it (killed, crashed or out "
                "of memory): try it alone, with workers=1"
            )
        )
        self._begin_again()

    def _submit(self, item: T) -> Future[R]:
        try:
            with _interrupts_held():
                return self._executor.submit(_process.run, item)
        except BrokenProcessPool as error:  # since the last item
            future: Future[R] = Future()
            future.set_exception(error)
            return future

    def _begin(self) -> None:
        context = get_context("spawn")
        self._lifeline = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            self._count,
            context,
            initializer=_process.start,
            initargs=(self._lifeline[0], self._pickled),
        )

    def _begin_again(self) -> None:
        self._end(wait=False)
        self._begin()

    def _end(self, *, wait: bool) -> None:
        """End the processes: those still at work finish first if `wait` says so."""
        if wait:
            self._executor.shutdown()
        for end in self._lifeline:
            end.close()
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        """The pool itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes."""
        self._end(wait=kind is None)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C while a process starts.

    A terminal sends it to all processes. One started with it blocked never hears it, not even
    before it could ignore it; this process hears it at the end of the block.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
