"""A process killed (SIGKILL) while it writes leaves the old file or the new one, never a mixture.

Continuous integration (CI=true) kills 200 times, a local run a quarter of that.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import kill_nursery as nursery
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked")

SHARE = 1.0 if os.environ.get("CI") else 0.25
ROOT = Path(__file__).parents[1]
TEMPORARY = re.compile(r"\.psl-[0-9a-f]{16}\.tmp")


class Nursery:
    """Starts and kills children that write in `folder`, and reads what they say they have done."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.folder = folder / "out"
        self.log = folder / "log"
        self._process = process
        self.folder.mkdir()
        self.log.touch()

    def killed(self, task: str, version: int, delay: float | None) -> bool:
        """Whether the child was killed before it came to its end."""
        order = {
            "task": task,
            "folder": str(self.folder),
            "log": str(self.log),
            "version": version,
            "delay": delay,
        }
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(order), file=self._process.stdin, flush=True)
        status = int(self._process.stdout.readline())
        assert status in (0, signal.SIGKILL), "the child failed by itself"
        return status == signal.SIGKILL

    def lines(self) -> list[str]:
        """What was logged since the last call."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return lines

    def remove_temporaries(self) -> int:
        """How many of the documented hidden files were left."""
        left = [path for path in self.folder.iterdir() if TEMPORARY.fullmatch(path.name)]
        for path in left:
            path.unlink()
        return len(left)


@pytest.fixture(scope="module")
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "error", nursery.__file__]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def children(process: subprocess.Popen[str], tmp_path: Path) -> Nursery:
    return Nursery(process, tmp_path)


def kills(count: int) -> int:
    return round(SHARE * count)


class Killer:
    """Kills the writers of one task at random moments of the time that one file takes them."""

    def __init__(self, children: Nursery, task: str) -> None:
        seconds = 0.3
        self._children = children
        self._task = task
        self._rng = random.Random(task)
        self._longest = 0.0
        self.midway = 0  # kills that left a temporary file
        self.version = self._kill(0, seconds)
        self._longest = min(3 * seconds / max(1, self.version), 0.2)

    def kill(self, version: int) -> int:
        """The last version that a writer which began behind `version` says is there."""
        return self._kill(version, self._rng.uniform(0, self._longest))

    def _kill(self, version: int, delay: float) -> int:
        assert self._children.killed(self._task, version, delay)
        self.midway += self._children.remove_temporaries()
        return int([str(version), *self._children.lines()][-1])


EXPECTED = {
    "write": nursery.content,
    "save": lambda version: nursery.archive(nursery.saved(version)),
    "append": lambda version: nursery.archive(nursery.appended(version)),
}


@pytest.mark.parametrize(
    ("task", "count"), [("write", kills(60)), ("save", kills(40)), ("append", kills(40))]
)
def test_killed_writer_leaves_the_old_file_or_the_new(children, task, count):
    expected = EXPECTED[task]
    target = children.folder / "a.psl"
    target.write_bytes(expected(0))
    killer = Killer(children, task)
    said = killer.version
    for _ in range(count):
        data = target.read_bytes()
        (version,) = (v for v in (said, said + 1) if data == expected(v))
        assert [path.name for path in children.folder.iterdir()] == ["a.psl"]
        said = killer.kill(version)
    data = target.read_bytes()
    assert data in (expected(said), expected(said + 1))
    assert killer.midway


@pytest.mark.parametrize("count", [kills(20)])
def test_killed_writer_leaves_no_file_or_the_whole(children, count):
    killer = Killer(children, "create")
    checked, said = 0, killer.version
    for _ in range(count + 1):
        names = {int(path.stem) for path in children.folder.iterdir()}
        version = max(names, default=checked)
        assert version in (said, said + 1)
        assert names == set(range(checked + 1, version + 1))
        for path in children.folder.iterdir():
            assert path.read_bytes() == nursery.content(int(path.stem))
            path.unlink()
        checked = version
        said = killer.kill(version)


@pytest.mark.parametrize("count", [kills(40)])
def test_killed_archive_is_resumed_without_loss(children, count):
    expected = nursery.archive([n for n in range(nursery.INPUTS) if n % 5])
    target = children.folder / "a.psl"
    half = {"a.psl.partial", "a.psl.partial.journal"}
    rng = random.Random(count)
    start = time.monotonic()
    assert not children.killed("resume", 0, None)
    longest = time.monotonic() - start
    killed = noted = midway = 0
    while True:
        names = {path.name for path in children.folder.iterdir()}
        assert names <= half | {target.name}
        for kind, number in map(str.split, children.lines()):
            if kind == "resumed":  # at what was said to be noted, or what was just noted then
                assert noted <= int(number) <= noted + nursery.BATCH
                midway += int(number) > 0
            noted = int(number)
        if target.name in names:
            assert target.read_bytes() == expected
            for name in names:
                (children.folder / name).unlink()
            noted = 0
            if killed >= count:
                break
        delay = rng.uniform(0, longest) if killed < count else None
        killed += children.killed("resume", 0, delay)
    assert midway
