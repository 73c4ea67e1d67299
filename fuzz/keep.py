"""Put into the corpus, of what fuzzing found interesting, the inputs that reach code no other does.

    python -m fuzz.keep

An input is kept that takes a step from one line of the package to another that no shorter one
takes. libFuzzer counts more finely, and ends with ten times as many files; its `-merge` needs a
program that it can start again by name.
"""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz import targets
from fuzz.run import CORPUS, FINDINGS, WORK

PACKAGE = str(Path(__file__).parents[1] / "pseudocodec")
Step = tuple[str, int, int]


def steps(name: str, data: bytes) -> set[Step]:
    """The pairs of lines of the package that one execution goes through."""
    found: set[Step] = set()
    last: dict[FrameType, int] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            found.add((frame.f_code.co_filename, last.get(frame, 0), frame.f_lineno))
            last[frame] = frame.f_lineno
        return trace

    sys.settrace(trace)
    try:
        targets.run(name, data)
    finally:
        sys.settrace(None)
    return found


def main() -> None:
    """Go through the targets."""
    warnings.simplefilter("ignore")
    for name in targets.TARGETS:
        known: set[Step] = set()
        kept = sorted((CORPUS / name).iterdir())
        fresh = sorted((WORK / name).iterdir(), key=lambda path: (path.stat().st_size, path.name))
        for path in kept:
            targets.run(name, path.read_bytes())  # what is only done once counts for nobody
            known |= steps(name, path.read_bytes())
        added = 0
        for path in fresh:
            new = steps(name, path.read_bytes()) - known
            if new:
                known |= new
                added += 1
                shutil.copy(path, CORPUS / name / path.name[:12])
        print(f"{name:16}{len(kept):5} + {added}")
    if FINDINGS.is_dir() and any(FINDINGS.iterdir()):
        print(f"{FINDINGS} holds findings: mend them, then add each as corpus/TARGET/finding-...")


if __name__ == "__main__":
    main()
