"""Rows of measurements that take hours: made a job at a time, kept as they come, gone on from.

A job is a row of what it is of: settings, and what else its figures depend on. A file of rows has
each job's with its figures, a line each; a run that is ended, with Ctrl-C or otherwise, leaves
those it has made, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from rich.progress import track

from harness import Row, log
from pseudocodec.files import atomic_write
from pseudocodec.parallel.workers import usable_cpus


def read(path: Path) -> list[Row]:
    """The rows of a file, none where there is no file."""
    rows: list[Row] = json.loads(path.read_text()) if path.is_file() else []
    return rows


def of(rows: Iterable[Row], job: Mapping[str, object]) -> list[Row]:
    """The rows whose values are those of `job`, wherever it has one."""
    return [row for row in rows if job.items() <= row.items()]


def whole(
    rows: Sequence[Row], jobs: Callable[[str], Sequence[Row]], subjects: Iterable[str]
) -> dict[str, list[Row]]:
    """By subject the rows of its jobs, of subjects that have them all."""
    by_subject = {subject: [of(rows, job) for job in jobs(subject)] for subject in subjects}
    return {subject: [row for [row] in made] for subject, made in by_subject.items() if all(made)}


def fill(path: Path, jobs: Sequence[Row], make: Callable[[Row], Row], at_once: int) -> None:
    """Keep in `path` a row for each job that has none: the job's values, and what `make` returns.

    `make`, a function of a module, runs in `at_once` processes, each with its share of the cores.
    """
    rows = read(path)
    missing = [job for job in jobs if not of(rows, job)]
    if not missing:
        return
    cores = max(1, usable_cpus() // at_once)
    context = multiprocessing.get_context("spawn")
    with _ended_by_signals(), context.Pool(at_once, _begin, (cores,)) as pool:
        found = pool.imap_unordered(partial(_row, make), missing)
        for row in track(found, path.stem, len(missing), console=log):
            rows.append(row)
            lines = ",\n".join(json.dumps(row) for row in rows)
            with atomic_write(path, overwrite=True) as file:
                file.write(f"[\n{lines}\n]\n".encode())


def _row(make: Callable[[Row], Row], job: Row) -> Row:
    return job | make(job)


def numbers(*modules: object) -> dict[str, object]:
    """The constants of modules, by their names."""
    return {name: value for m in modules for name, value in vars(m).items() if name.isupper()}


def digest(constants: Mapping[str, object]) -> str:
    """Eight digits that change with what an encoder's choices were."""
    return hashlib.sha256(repr(sorted(constants.items())).encode()).hexdigest()[:8]


def main(
    description: str | None,
    path: Path,
    subjects: Sequence[str],
    jobs: Callable[[str], Sequence[Row]],
    make: Callable[[Row], Row],
) -> None:
    """A script whose arguments are subjects to fill `path` for, and how many jobs at once."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("subjects", nargs="+", choices=subjects, metavar="|".join(subjects))
    parser.add_argument("--at-once", type=int, default=1, choices=range(1, 65), metavar="N")
    options = parser.parse_args()
    chosen = [job for subject in options.subjects for job in jobs(subject)]
    fill(path, chosen, make, options.at_once)


def _begin(cores: int) -> None:
    """In a process of its own; a job that Ctrl-C cuts short would be kept as a whole one."""
    import numba
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    numba.set_num_threads(cores)
    torch.set_num_threads(cores)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """A SIGTERM, too, ends what is inside as an exception does: processes would go on alone."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, _end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(*_: object) -> NoReturn:
    raise SystemExit("ended; the same command goes on")
