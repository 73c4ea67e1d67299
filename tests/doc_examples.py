"""The examples of a page of Markdown: found, and the Python ones run, as printed."""

from __future__ import annotations

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
OPTIONAL = ("fsspec", "imageio", "numcodecs", "webdataset", "zarr")

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A block of code: where it begins, and what stands there."""

    page: Path
    line: int
    code: str

    def __str__(self) -> str:
        """For the names of tests."""
        return f"{self.page.name}:{self.line}"


def examples(page: Path, language: str) -> list[Example]:
    """The blocks of a language on a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(page, text.count("\n", 0, found.start()) + 1, found[2])
        for found in _FENCED.finditer(text)
        if found[1] == language
    ]


def run(blocks: list[Example], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run blocks one after the other in a folder with the files that examples read.

    Returns the names they leave behind. Skips the test where an optional package is missing.
    """
    for block in blocks:
        for package in _imports(block.code) & set(OPTIONAL):
            pytest.importorskip(package, reason=f"{package} is not installed")
    (folder / "docs").mkdir()
    for picture in (ROOT / "docs").glob("*.png"):
        shutil.copy(picture, folder / "docs")
    shutil.copytree(ROOT / "formats" / "psl" / "golden", folder / "formats" / "psl" / "golden")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    for block in blocks:
        code = "\n" * block.line + block.code  # so that a traceback has the page's line
        exec(compile(code, block.page, "exec"), names)
    return names


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """The calls of `pseudocodec` on a page: each as printed, and its arguments."""
    for block in examples(page, "sh"):
        for line in block.code.splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["pseudocodec"]:
                yield line, words[1:]


def _imports(code: str) -> set[str]:
    """The names in a block's imports, all parts: pseudocodec.integrations.zarr needs zarr."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found.update(*(alias.name.split(".") for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(node.module.split("."))
    return found
