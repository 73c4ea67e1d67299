"""What reading a file costs: run with a folder of files, as a process of its own.

Each file is read in a fork of this process, which has the models loaded, so that what it takes
beyond them is the difference of two peaks. Prints a JSON object: what each way to read it came to,
seconds and MB for each file.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz_tools import tiny

import pseudocodec
from pseudocodec.errors import PslError

HANG = 300  # seconds: only a guard
ROOM = 4 << 30  # bytes of address space beyond those in use: what a bomb may take of the machine


def _first(path: Path) -> Any:
    with pseudocodec.open(path) as archive:
        return archive[0]


def _last(path: Path) -> Any:
    with pseudocodec.open(path) as archive:
        return archive[-1]


def _corner(path: Path) -> Any:
    return pseudocodec.decode(path, region=(0, 0, 1, 1))


WAYS: dict[str, Callable[[Path], Any]] = {
    "info": pseudocodec.info,
    "verify": pseudocodec.verify,
    "decode": pseudocodec.decode,
    "corner": _corner,
    "first": _first,
    "last": _last,
}


def main() -> None:
    """Warm up, then a fork for each file."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    _warm_up(folder)
    print(json.dumps({path.stem: _measured(path) for path in sorted(folder.glob("*.psl"))}))


def _warm_up(folder: Path) -> None:
    """Load the models and the pages of libraries: a fork does not begin with the latter."""
    for path in sorted((folder / "warm").iterdir()):
        pseudocodec.decode(path)


def _measured(path: Path) -> dict[str, Any]:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(_cost(path)))
            pipe.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(told) if told else {"outcomes": {}, "killed": status}


def _cost(path: Path) -> dict[str, Any]:
    """In the fork: read the file in all ways."""
    _warm_up(path.parent)
    signal.alarm(HANG)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, in_use + ROOM))
    before, started = _peak(), time.monotonic()
    outcomes = {}
    for name, way in WAYS.items():
        try:
            way(path)
            outcomes[name] = "value"
        except PslError as error:
            outcomes[name] = type(error).__name__
        except Exception as error:
            outcomes[name] = f"BUG {error!r}"
    seconds = time.monotonic() - started
    return {"outcomes": outcomes, "seconds": seconds, "mb": (_peak() - before) / 1024}


def _peak() -> int:
    """The largest resident set so far, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    tiny.models()
    main()
