"""The reference reader against the golden and the conformance files, and it is independent."""

from __future__ import annotations

import ast
import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FORMAT = Path(__file__).parents[1] / "formats" / "psl"
ROOT = FORMAT.parents[1]
PRETRAINED = ROOT / "pretrained"
REFERENCE = FORMAT / "reference"
sys.path.append(str(REFERENCE))

import psl_codes  # noqa: E402
import psl_reader  # noqa: E402

CASES: list[dict[str, Any]] = json.loads(
    (FORMAT / "conformance" / "cases.json").read_text(encoding="utf-8")
)
GOLDEN = sorted(path.stem for path in (FORMAT / "golden").glob("*.psl"))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def model_of(file: psl_reader.Psl) -> psl_reader.Model:
    name = f"*/{file.model.hex()}.safetensors"
    (path,) = [*PRETRAINED.glob(name), *ROOT.glob(f"older-models*/*/{name}")]
    return psl_reader.Model(path)


def latents_digest(model: psl_reader.Model, file: Any, record: Any) -> str:
    return digest(psl_reader.latents(model, file, record).astype("<f4").tobytes())


@pytest.mark.parametrize("name", [name for name in GOLDEN if "container" not in name])
def test_golden_latents_are_the_same_bit_for_bit(name: str) -> None:
    expected = json.loads((FORMAT / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    file = psl_reader.Psl((FORMAT / "golden" / f"{name}.psl").read_bytes())
    model = model_of(file)
    assert model.id == file.model
    records = list(file.records())
    assert [record.nbits for record in records] == expected["payload_bits"]
    found = [latents_digest(model, file, record) for record in records]
    assert found == expected["latents_sha256"]


@pytest.mark.parametrize("name", ["container-archive", "container-archive-geometry"])
def test_golden_containers_are_taken_apart(name: str) -> None:
    expected = json.loads((FORMAT / "golden" / f"{name}.json").read_text(encoding="utf-8"))
    file = psl_reader.Psl((FORMAT / "golden" / f"{name}.psl").read_bytes())
    assert {tag.decode(): data.hex() for tag, data in file.chunks.items()} == dict(
        expected["chunks"]
    )
    for record, wanted in zip(file.records(), expected["records"], strict=True):
        text = "".join(f"{byte:08b}" for byte in record.payload)
        assert text[: record.nbits] == wanted["bits"]
        assert record.size == (tuple(wanted["geometry"]) if wanted["geometry"] else None)


def outcome(case: dict[str, Any]) -> dict[str, Any]:
    """The result of a case as cases.json has it."""
    data = (FORMAT / "conformance" / case["file"]).read_bytes()
    options = dict(case.get("options", {}))
    picture = options.pop("picture", None)
    options.pop("region", None)  # this reader reads files whole
    file = psl_reader.Psl(data, **options)
    records = list(file.records())
    facts = {"ok": True, "archive": file.archive, "model": file.model.hex(), "dense": file.dense}
    facts |= {"count": file.count} if file.archive else {"verified": file.verified}
    facts |= {"chunks": {tag.decode(): digest(data) for tag, data in file.chunks.items()}}
    model = None
    if "model_file" in case:
        model = psl_reader.Model(FORMAT / "conformance" / case["model_file"])
        assert model.id == file.model
    pictures = []
    for record in records if picture is None else [records[picture]]:
        size = None if record.size is None else list(record.size)
        entry = {"size": size, "nbits": record.nbits, "payload_sha256": digest(record.payload)}
        if model is not None:
            entry["latents_sha256"] = latents_digest(model, file, record)
        pictures.append(entry)
    facts["pictures"] = pictures
    return facts | (chunks(file) if case.get("chunks") else {})


def chunks(file: psl_reader.Psl) -> dict[str, Any]:
    alpha = profile = None
    if b"Alph" in file.chunks:
        assert file.size is not None
        plane = psl_codes.alpha(file.chunks[b"Alph"], file.size)
        alpha = None if (plane == 255).all() else digest(plane.tobytes())
    if b"iccp" in file.chunks:
        profile = digest(psl_codes.profile(file.chunks[b"iccp"]))
    return {"alpha_sha256": alpha, "profile_sha256": profile}


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case["result"].get("error") != "OutOfRange"],  # an interface's rule
    ids=lambda case: Path(case["file"]).stem,
)
def test_conformance(case: dict[str, Any]) -> None:
    kind = case["result"].get("error")
    if kind is None:
        assert outcome(case) == case["result"]
        return
    with pytest.raises(psl_reader.Refused) as caught:
        outcome(case)
    assert kind in (caught.typename, "PslError")


def test_random_damage_is_refused_and_nothing_else_raised() -> None:
    draw = random.Random(11)
    for name in GOLDEN:
        data = (FORMAT / "golden" / f"{name}.psl").read_bytes()
        for _ in range(20):
            at = draw.randrange(len(data))
            damaged = data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
            for bad in (damaged, data[:at]):
                with pytest.raises(psl_reader.Refused):
                    list(psl_reader.Psl(bad).records())


def test_normal_tables_are_those_of_the_specification() -> None:
    density, distribution = psl_codes.normal()
    text = (FORMAT / "README.md").read_text(encoding="utf-8")
    assert f"P[0] = {density[0]} and F[4096] =\n{distribution[4096]}" in text
    assert " ".join(map(str, psl_codes.quantiles(3))) in text
    row = psl_codes.values(283471, 35899, 524287, 12)[0, :4]
    assert "row 0 of V begins " + " ".join(map(str, row)) in text
    assert "(For c = 8 and k = 0: " + " ".join(map(str, psl_reader.shuffled(8, 0))) in text


def test_it_is_short_and_shares_nothing_with_the_library() -> None:
    own = {"psl_reader", "psl_codes", "psl_photo", "psl_contexts", "psl_overfit"}
    allowed = {*sys.stdlib_module_names, "numpy", *own}
    for path in REFERENCE.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] in allowed


def test_command_line() -> None:
    path = FORMAT / "golden" / "digits-single.psl"
    model = PRETRAINED / "digits" / "a25046cd5d5ef219.safetensors"
    command = [sys.executable, str(REFERENCE / "psl_reader.py")]
    out = subprocess.run(
        [*command, str(path), "--model", str(model)], capture_output=True, text=True, check=True
    ).stdout
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert "168 bits" in out and expected["latents_sha256"][0] in out
    damaged = subprocess.run([*command, str(model)], capture_output=True, text=True, check=False)
    assert damaged.returncode == 1 and damaged.stderr == "NotPsl: M1\n"


def test_latents_are_float32() -> None:
    file = psl_reader.Psl((FORMAT / "golden" / "faces-archive.psl").read_bytes())
    [first, *_] = file.records()
    assert psl_reader.latents(model_of(file), file, first).dtype == np.float32
