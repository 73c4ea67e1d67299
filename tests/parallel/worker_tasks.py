"""Tasks for worker processes, which import them by name: none of them needs torch."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from pseudocodec.errors import PslError


def square(x: int) -> int:
    """Slower for even numbers, so that results arrive out of order."""
    time.sleep(0.02 * (x % 2 == 0))
    return x * x


def odd_only(x: int) -> int:
    if x % 2 == 0:
        raise PslError(f"{x} is even")
    return x


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class DieOnce:
    """Dies on item 2 as long as its file is missing; `always` on item 2 in any case."""

    def __init__(self, mark: Path, *, always: bool = False) -> None:
        self.mark, self.always = mark, always

    def __call__(self, x: int) -> int:
        if x == 2 and (self.always or not self.mark.exists()):
            self.mark.touch()
            die(x)
        return x


class Sleep:
    """Leaves its process id in a folder and sleeps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, x: int) -> int:
        (self.folder / str(os.getpid())).touch()
        time.sleep(60)
        return x


def threads(_: int) -> str:
    return os.environ["NUMBA_NUM_THREADS"]
