"""Worker processes: pictures a second into archives and out of them, with one and with two.

MNIST digits with the digits model (6,000; `--quick`: 1,000) and Kodak pictures with the photo
model (all 24; 6), with the default options. One worker is this process, with one thread as
every worker has. `pictures_s` is of the steady part, behind the first fifth of the batches;
`first_s` is the time to the first batch, which goes into torch, compiled code and nets; `ratio` is
to one worker. Meant for a machine with two cores to spare.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import Row, log, run
from pseudocodec.parallel._process import one_thread

WORKERS = (1, 2)
DIGITS, QUICK_DIGITS = 6_000, 1_000
KODAK, QUICK_KODAK = 24, 6
COLUMNS = {"what": "", "workers": "d", "pictures": "d"}
COLUMNS |= {"pictures_s": ".4g", "ratio": ".2f", "first_s": ".1f"}


@dataclass(frozen=True)
class Set:
    """Pictures for a model."""

    name: str
    model: str
    pictures: Sequence[Any]
    effort: int = 3


def measure(quick: bool) -> list[Row]:
    one_thread()  # before numpy loads
    rows: list[Row] = []
    for pictures in sets(quick):
        rows += compare(pictures, WORKERS)
    return rows


def sets(quick: bool) -> Iterator[Set]:
    import data
    import photos

    digits = data.mnist("train")[: QUICK_DIGITS if quick else DIGITS]
    yield Set("digits", "digits", list(digits))
    count = QUICK_KODAK if quick else KODAK
    yield Set("Kodak", "photo", list(photos.kodak(count).values()))


def compare(pictures: Set, numbers: Sequence[int]) -> list[Row]:
    """Encode with each number of workers, and decode what the last of them wrote."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.psl"

        def encode(workers: int, mark: Callable[[int], None]) -> None:
            import pseudocodec

            pseudocodec.save(
                path,
                pictures.pictures,
                model=pictures.model,
                effort=pictures.effort,
                workers=workers,
                on_progress=mark,
                overwrite=True,
                device="cpu",
            )

        def decode(workers: int, mark: Callable[[int], None]) -> None:
            import pseudocodec

            with pseudocodec.open(path, device="cpu") as archive:
                for done, _ in enumerate(archive.pictures(workers=workers), 1):
                    mark(done)

        rows = []
        for name, job in (("encode", encode), ("decode", decode)):
            rows += table(f"{pictures.name}, {name}", job, numbers)
        return rows


def table(
    what: str, job: Callable[[int, Callable[[int], None]], None], numbers: Sequence[int]
) -> list[Row]:
    rows: list[Row] = []
    for workers in numbers:
        start, marks = time.perf_counter(), list[tuple[int, float]]()
        job(workers, lambda done, marks=marks: marks.append((done, time.perf_counter())))  # type: ignore[misc]
        rate = steady(marks)
        log.print(f"{what}, workers {workers}: {rate:.4g} pictures/s")
        rows.append(
            {
                "what": what,
                "workers": workers,
                "pictures": marks[-1][0],
                "pictures_s": rate,
                "ratio": rate / rows[0]["pictures_s"] if rows else 1.0,
                "first_s": marks[0][1] - start,
            }
        )
    return rows


def steady(marks: Sequence[tuple[int, float]]) -> float:
    """Pictures a second after the first fifth of `marks`: pictures done, and when."""
    done, when = marks[len(marks) // 5]
    return (marks[-1][0] - done) / (marks[-1][1] - when)


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, libraries=("numba", "torch"))
