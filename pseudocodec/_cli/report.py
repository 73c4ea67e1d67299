"""Tables on stdout and progress on stderr, both plain when nobody watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pseudocodec._cli.group import failure
from pseudocodec._text import label
from pseudocodec.errors import PslError
from pseudocodec.photo.progress import Progress as Fitted

SHOWN = 20
"""Pictures that a report of what was left out names; --json names all."""


def print_facts(title: str, facts: Mapping[str, str]) -> None:
    """A title and a table of two columns, on stdout."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(title, style="bold", markup=False)
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        console.print(f"  {name:<{width}}  {value}", markup=False)


def print_table(rows: list[dict[str, str]]) -> None:
    """One line a row under the names of the columns, on stdout; every row has the same keys."""
    console = Console(highlight=False, soft_wrap=True)  # a pipe must get whole lines
    lines = [list(rows[0]), *(list(row.values()) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for i, line in enumerate(lines):
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        style = "bold" if i == 0 else None
        console.print("  ".join(cells).rstrip(), style=style, markup=False)


def note(sentence: str) -> None:
    """A line on stderr."""
    click.echo(f"pseudocodec: {label(sentence)}", err=True)


class Skipped:
    """Pictures left out by a run that keeps going, and why."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []

    def add(self, name: str, error: PslError) -> None:
        """Remember picture `name` with what is wrong with it."""
        sentence = label(error).removeprefix(f"{name}: ")
        self.rows.append({"picture": name, **failure(error), "error": sentence})

    def report(self, total: int, done: str) -> None:
        """Say on stderr which of `total` pictures were not `done`, if any; the first SHOWN."""
        if not self.rows:
            return
        note(f"{len(self.rows):,} of {total:,} pictures were not {done}:")
        for row in self.rows[:SHOWN]:
            click.echo(f"  {label(row['picture'])}: {row['error']}", err=True)
        if len(self.rows) > SHOWN:
            click.echo(f"  and {len(self.rows) - SHOWN:,} more (--json names all)", err=True)


@contextmanager
def progress(task: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on stderr while the block runs, if stderr is a terminal; call it with the count done.

    Without a `total` the bar only shows that something happens.
    """
    with _bar(counted=total is not None) as bar:
        handle = bar.add_task(task, total=total)
        yield lambda done: bar.update(handle, completed=done)


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """A bar as of `progress` for work of several stages; call it with stage, count done, total."""
    with _bar(counted=True) as bar:
        handle = bar.add_task("starting", total=None)

        def tell(stage: str, done: int, total: int) -> None:
            bar.update(handle, description=stage, completed=done, total=total)

        yield tell


@contextmanager
def fitting(task: str) -> Iterator[Callable[[Fitted], None]]:
    """A bar as of `progress` that says how far an encoder is and what it has so far."""
    with _bar(counted=True) as bar:
        handle = bar.add_task(task, total=None)

        def tell(fitted: Fitted) -> None:
            so_far = f"{task}: {fitted.bpp:.3f} bit/pixel, {fitted.psnr:.1f} dB"
            bar.update(handle, description=so_far, completed=fitted.done, total=fitted.total)

        yield tell


def _bar(*, counted: bool) -> Progress:
    console = Console(stderr=True)
    count = [MofNCompleteColumn(), TimeRemainingColumn()] if counted else []
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *count,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
