"""The README's Python examples run, in order, as printed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def test_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "photo.png", tmp_path / "docs")
    shutil.copy(ROOT / "docs" / "digit.png", tmp_path / "docs")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 2
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert len(names["data"]) <= 40
    assert (tmp_path / "digits.psl").stat().st_size <= 16_000
    assert names["coarse"].shape == (28, 28)
    assert 8 * len(names["small"]) <= 0.4 * 451 * 300
    assert names["part"].shape == (150, 200, 3)


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), f"{page.name}: {link}"
