"""The ordered map: order, bounds, outcomes, and processes that die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import worker_tasks

from pseudocodec.errors import PslError
from pseudocodec.parallel.pool import MAX_DEATHS
from pseudocodec.parallel.workers import MAX_WORKERS, ordered_map, usable_cpus, worker_count

HERE = Path(__file__).parent
both = pytest.mark.parametrize("workers", [1, 2])


@both
def test_results_keep_the_order_of_the_items(workers: int) -> None:
    outcomes = list(ordered_map(worker_tasks.square, range(12), workers=workers))
    assert [outcome.item for outcome in outcomes] == list(range(12))
    assert [outcome.result() for outcome in outcomes] == [x * x for x in range(12)]


@both
def test_an_error_is_the_outcome_of_its_item_alone(workers: int) -> None:
    outcomes = list(ordered_map(worker_tasks.odd_only, range(4), workers=workers))
    assert [outcome.value for outcome in outcomes] == [None, 1, None, 3]
    assert isinstance(outcomes[2].error, PslError)
    with pytest.raises(PslError, match="2 is even"):
        outcomes[2].result()


@pytest.mark.parametrize(("workers", "ahead"), [(1, None), (2, 3)])
def test_an_endless_iterator_is_read_only_so_far_ahead(workers: int, ahead: int | None) -> None:
    read = 0

    def endless() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    with closing(ordered_map(worker_tasks.square, endless(), workers=workers, ahead=ahead)) as run:
        for taken in range(1, 10):
            next(run)
            assert read <= taken + (ahead or 1)


def test_what_the_items_raise_ends_the_map() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        list(ordered_map(worker_tasks.square, broken(), workers=2))


def test_items_of_a_killed_worker_run_again(tmp_path: Path) -> None:
    task = worker_tasks.DieOnce(tmp_path / "died")
    outcomes = list(ordered_map(task, range(6), workers=2))
    assert (tmp_path / "died").exists()
    assert [outcome.result() for outcome in outcomes] == list(range(6))


def test_an_item_that_kills_two_workers_is_the_only_one_lost(tmp_path: Path) -> None:
    task = worker_tasks.DieOnce(tmp_path / "died", always=True)
    outcomes = list(ordered_map(task, range(6), workers=2))
    assert [outcome.value for outcome in outcomes] == [0, 1, None, 3, 4, 5]
    with pytest.raises(PslError, match="its worker process died"):
        outcomes[2].result()


def test_workers_that_always_die_end_the_map_in_a_sentence() -> None:
    outcomes = []
    with pytest.raises(PslError, match=r"worker processes die again and again.*__main__"):
        outcomes.extend(ordered_map(worker_tasks.die, range(100), workers=2))
    assert len(outcomes) < MAX_DEATHS


def test_workers_run_one_thread_each() -> None:
    assert next(ordered_map(worker_tasks.threads, [0], workers=2)).result() == "1"


@pytest.mark.parametrize("workers", [0, -1, MAX_WORKERS + 1, 1.5, "many"])
def test_a_number_of_workers_out_of_range(workers: object) -> None:
    with pytest.raises(PslError, match=r'expected 1 to 1024, or "auto"'):
        worker_count(workers)  # type: ignore[arg-type]


def test_auto_is_a_worker_for_each_usable_cpu() -> None:
    assert worker_count("auto") == usable_cpus() >= 1


def started(folder: Path, count: int) -> list[int]:
    """The ids of the workers, once `count` of them are at work."""
    deadline = time.monotonic() + 60
    while len(found := list(folder.iterdir())) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(path.name) for path in found]


def gone(process: int) -> bool:
    """Whether a process has ended, within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to see processes in")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_parent_is_that_of_its_workers(tmp_path: Path, number: int) -> None:
    script = (
        "import sys, worker_tasks\n"
        "from pathlib import Path\n"
        "from pseudocodec.parallel.workers import ordered_map\n"
        "list(ordered_map(worker_tasks.Sleep(Path(sys.argv[1])), range(9), workers=2))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1])])},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    workers = started(tmp_path, 2)
    if number == signal.SIGINT:
        os.killpg(parent.pid, number)  # as a terminal does: to the workers, too
    else:
        parent.send_signal(number)
    _, stderr = parent.communicate(timeout=30)
    assert all(map(gone, workers))
    assert stderr.count("Traceback") == (number == signal.SIGINT)


def test_closing_the_map_ends_its_workers(tmp_path: Path) -> None:
    def items() -> Iterator[int]:
        yield 1
        started(tmp_path, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ordered_map(worker_tasks.Sleep(tmp_path), items(), workers=2))
    assert all(map(gone, started(tmp_path, 1)))
