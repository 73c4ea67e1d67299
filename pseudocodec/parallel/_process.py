"""What runs in a worker process. Imports nothing heavy: threads are limited before numpy loads."""

from __future__ import annotations

import os
import pickle
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

_pickled = b""
_task: Any = None


def start(lifeline: Connection, pickled: bytes) -> None:
    """Make this process a worker for the task in `pickled`, for as long as its parent wants it.

    Nothing is ever sent over `lifeline`: its end says that the parent has closed it, or is dead.
    """
    global _pickled  # noqa: PLW0603 - a worker is its process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    Thread(target=_watch, args=(lifeline,), daemon=True).start()
    one_thread()
    _pickled = pickled


def run(item: Any) -> Any:
    """The task's result for one item."""
    global _task  # noqa: PLW0603 - unpickled, and its model loaded, for the first item
    if _task is None:
        _task = pickle.loads(_pickled)
    return _task(item)


def _watch(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


def one_thread() -> None:
    """As many threads as there are workers are enough."""
    for name in _THREADS:
        os.environ[name] = "1"
    for name in ("torch", "numba"):  # too late for what the program's main module has imported
        if name in sys.modules:
            sys.modules[name].set_num_threads(1)
