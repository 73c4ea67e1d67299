"""Start-up: how long a user waits before pseudocodec does anything, and whether it loads torch.

Wall seconds of a whole process, the fastest of 5, interpreter included; `python_seconds` is
`python -c pass` on the same machine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness import Row, best_of, run

ROOT = Path(__file__).parents[1]
REPEATS = 5
COLUMNS = {"command": "", "seconds": ".3f", "python_seconds": ".3f", "torch": "", "numba": ""}


def measure(quick: bool) -> list[Row]:
    repeats = 1 if quick else REPEATS
    bare = best_of(partial(python, "-c", "pass"), repeats)
    rows = []
    for arguments in commands():
        loaded = modules(arguments)  # also writes the byte code, which is not to be timed
        row = {
            "command": " ".join(["python", *arguments]),
            "seconds": best_of(partial(python, *arguments), repeats),
            "python_seconds": bare,
            "torch": "torch" in loaded,
            "numba": "numba" in loaded,
        }
        rows.append(row)
    return rows


def commands() -> list[list[str]]:
    """The arguments of python; the file shown is the first of the format's golden files."""
    golden = sorted((ROOT / "formats").rglob("*.psl"))
    if not golden:
        sys.exit("formats/ holds no .psl file to show: restore the golden files.")
    return [
        ["-c", "import pseudocodec"],
        ["-m", "pseudocodec", "--help"],
        ["-m", "pseudocodec", "info", golden[0].relative_to(ROOT).as_posix()],
    ]


def modules(arguments: Sequence[str]) -> set[str]:
    """Names of the modules a python process imports, as it reports them itself."""
    report = python("-X", "importtime", *arguments).stderr
    lines = (line for line in report.splitlines() if line.startswith("import time:"))
    return {line.rpartition("|")[2].strip() for line in lines}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run python from the root of the repository; exits with its last words if it fails."""
    command = [sys.executable, *arguments]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if process.returncode:
        reason = process.stderr.strip().rpartition("\n")[2]
        sys.exit(f"python {' '.join(arguments)} failed: {reason}")
    return process


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, libraries=("click", "rich", "torch", "numba"))
