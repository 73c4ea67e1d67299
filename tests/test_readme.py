"""The README's Python examples run, in order, as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_examples import ROOT, examples, run


def test_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = examples(ROOT / "README.md", "python")
    assert len(blocks) >= 2
    names = run(blocks, tmp_path, monkeypatch)
    assert len(names["data"]) <= 40
    assert (tmp_path / "digits.psl").stat().st_size <= 16_000
    assert names["coarse"].shape == (28, 28)
    assert 8 * len(names["small"]) <= 0.4 * 451 * 300
    assert names["part"].shape == (150, 200, 3)


def test_every_link_to_a_file_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), f"{page.name}: {link}"
