"""Pictures into an archive: read in order, encoded in batches, written in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from os import PathLike
from typing import BinaryIO, Protocol, TypeVar

from pseudocodec._plan import OnError, Plan, refuse
from pseudocodec.container import ArchiveWriter, resumable_archive
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.model import Model
from pseudocodec.parallel.workers import Outcome, Workers, ordered_map

T = TypeVar("T")
R = TypeVar("R")

OnProgress = Callable[[int], None] | None


class Archiving(Protocol):
    """An archive being written, as `container.Resumed`."""

    writer: ArchiveWriter
    done: int

    def note(self, inputs_done: int) -> None: ...


class AtOnce:
    """An archive that is written whole or not at all."""

    def __init__(self, writer: ArchiveWriter) -> None:
        self.writer, self.done = writer, 0

    def note(self, inputs_done: int) -> None:
        """Remember nothing."""


def write(
    archive: Archiving,
    plan: Plan,
    *,
    workers: Workers,
    on_error: OnError,
    on_progress: OnProgress,
) -> None:
    """Encode the pictures that `archive` does not have yet and add them, in order."""
    fail = failing(on_error)
    batches = batched(plan.reads(archive.done), plan.batch)
    with closing(ordered_map(plan.encoder, batches, workers=workers)) as outcomes:
        for outcome in outcomes:
            for member, coded in zip(outcome.item, results(outcome), strict=True):
                if isinstance(coded, PslError):
                    fail(member.number, coded)
                    continue
                assert not isinstance(member.content, PslError)
                archive.writer.add(*coded, member.content[1])
            done = outcome.item[-1].number + 1
            archive.note(done)
            if on_progress:
                on_progress(done)


@contextmanager
def archiving(
    path: str | PathLike[str], model: Model, plan: Plan, *, overwrite: bool, resume: bool | None
) -> Iterator[Archiving]:
    """A new archive at `path`, or one that goes on; see `archive.save` for `resume`."""

    def begin(file: BinaryIO) -> ArchiveWriter:
        return plan.layout.writer(file, model)

    if resume is None:
        with atomic_write(path, overwrite=overwrite) as file, begin(file) as writer:
            yield AtOnce(writer)
    else:
        with resumable_archive(
            path, plan.settings, overwrite=overwrite, resume=resume, open_writer=begin
        ) as resumed:
            yield resumed


def batched(members: Iterable[T], size: int) -> Iterator[list[T]]:
    """The members in order, `size` at a time.

    Boundaries are those of the inputs, whether or not they can be used, and another run stops at
    one of them: the same inputs always meet in the same batch.
    """
    rest = iter(members)
    while batch := list(islice(rest, size)):
        yield batch


def results(outcome: Outcome[list[T], list[R | PslError]]) -> list[R | PslError]:
    """What became of each member of a batch, of which a worker may have died."""
    if isinstance(outcome.error, PslError):
        return [outcome.error] * len(outcome.item)
    return outcome.result()


def failing(on_error: OnError) -> Callable[[int, PslError], None]:
    """What to do about picture `number` and its error: by default, raise it with the number."""
    return refuse if on_error == "raise" else on_error
