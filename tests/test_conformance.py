"""The library against the conformance files of the format, and these against their script."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from pseudocodec.container import ArchiveReader, ArchiveWriter

CONFORMANCE = Path(__file__).parents[1] / "formats" / "psl" / "conformance"
sys.path.append(str(CONFORMANCE))

import make  # noqa: E402
import outcome  # noqa: E402

CASES: list[dict[str, Any]] = json.loads((CONFORMANCE / "cases.json").read_text(encoding="utf-8"))
WITHOUT_FILES = {28, 32, 42}  # rules of interfaces and of writers
MOST_BYTES = 1_000_000


def name(case: dict[str, Any]) -> str:
    return Path(case["file"]).stem


@pytest.mark.parametrize("case", CASES, ids=name)
def test_the_library_does_as_the_case_says(case: dict[str, Any]) -> None:
    data = (CONFORMANCE / case["file"]).read_bytes()
    assert outcome.outcome(case, data, CONFORMANCE) == case["result"]


def test_the_script_makes_these_bytes(tmp_path: Path) -> None:
    make.main(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in files(tmp_path)}
    assert made == {path.relative_to(CONFORMANCE): path.read_bytes() for path in files(CONFORMANCE)}
    assert sum(map(len, made.values())) < MOST_BYTES


def files(folder: Path) -> list[Path]:
    made = ("cases.json", "files/*", "models/*")
    return sorted(path for pattern in made for path in folder.glob(pattern))


def test_every_rule_has_a_case() -> None:
    specification = (CONFORMANCE.parent / "README.md").read_text(encoding="utf-8")
    rules = {int(rule) for rule in re.findall(r"^\| M(\d+) \|", specification, re.MULTILINE)}
    refused = {case["rule"] for case in CASES if "error" in case["result"]}
    read = {case["rule"] for case in CASES if "ok" in case["result"]}
    assert {int(rule[1:]) for rule in refused | read} == rules - WITHOUT_FILES
    assert read - refused == {"M14", "M30", "M39"}  # what a reader must not refuse


@pytest.mark.parametrize("case", [case for case in CASES if case.get("canonical")], ids=name)
def test_a_writer_writes_the_canonical_files(case: dict[str, Any]) -> None:
    data = (CONFORMANCE / case["file"]).read_bytes()
    reader, file = ArchiveReader(io.BytesIO(data)), io.BytesIO()
    with ArchiveWriter(file, reader.model_id, block_images=reader.block_images) as writer:
        for i in range(reader.count):
            writer.add(*reader.record(i)[:2])
    assert file.getvalue() == data
