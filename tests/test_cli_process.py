"""The command as a process: imports, signals, pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parents[1]


def start(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, after `code` has replaced parts of the library."""
    script = f"import pseudocodec\n{code}\nfrom pseudocodec.cli import main\nmain()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
        **options,
    )


SLOW = """
import time
from pseudocodec.files import atomic_write
def save(path, images, *, overwrite, on_progress, **_):
    with atomic_write(path, overwrite=overwrite) as file:
        file.write(b"half")
        open("ready", "w").close()
        time.sleep(60)
pseudocodec.save = save
"""


def test_help_imports_nothing_heavy() -> None:
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules))"
    for arguments in (
        ["--help"],
        ["encode", "--help"],
        ["train", "--help"],
        ["evaluate", "--help"],
    ):
        process = start(code, *arguments)
        stdout, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
        modules = set(stdout.splitlines()[-1].split())
        assert "click" in modules
        assert not modules & {"torch", "numba", "numpy", "PIL", "rich", "constriction"}


def test_info_never_imports_torch() -> None:
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules))\n"
        "pseudocodec.info = lambda path: {'kind': 'image'}"
    )
    process = start(code, "info", "x.psl")
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert not set(stdout.splitlines()[-1].split()) & {"torch", "numba"}


def test_ctrl_c_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "in" / "a.png")
    process = start(SLOW, "encode", "in", "-o", "x.psl", cwd=tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "ready").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stderr == "pseudocodec: interrupted\n"
    assert stdout == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "ready"]


def test_a_reader_that_left_is_no_traceback() -> None:
    code = "pseudocodec.models = lambda: [{'name': 'x' * 100}] * 5000"
    for arguments in (["models"], ["models", "--json"]):
        process = start(code, *arguments)
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        stderr = process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=60) == 1
        assert stderr == ""


def test_module_runs(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "pseudocodec", "encode", "gone.png"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert process.returncode == 1
    assert process.stderr == "pseudocodec: error: no such file or folder: gone.png\n"
