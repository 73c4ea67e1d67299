"""Files that every later version must decode to the same latents, bit for bit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pseudocodec
from pseudocodec.container import ArchiveReader, read_single
from pseudocodec.model.model import model_of

GOLDEN = Path(__file__).parents[1] / "formats" / "psl" / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.psl") if "container" not in path.name)


def payloads(path: Path) -> tuple[bytes, bool, list[tuple[bytes, int]]]:
    """The model's id, whether its dense code was used, and each payload with its bits."""
    if pseudocodec.info(path)["kind"] == "image":
        single = read_single(path.read_bytes())
        return single.model_id, single.dense, [(single.payload, 8 * len(single.payload))]
    with path.open("rb") as file:
        reader = ArchiveReader(file)
        records = [reader.record(i) for i in range(reader.count)]
        return reader.model_id, reader.dense, [(record.payload, record.nbits) for record in records]


def test_there_are_golden_files_of_both_kinds() -> None:
    found = [pseudocodec.info(GOLDEN / f"{case}.psl") for case in CASES]
    kinds = {(facts["model_name"], facts["kind"], facts["progressive"]) for facts in found}
    for model in ("digits", "faces"):
        assert {(model, "image", True), (model, "archive", False)} <= kinds


@pytest.mark.parametrize("case", CASES)
def test_latents_are_the_same_bit_for_bit(case: str) -> None:
    expected = json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))
    identity, dense, found = payloads(GOLDEN / f"{case}.psl")
    assert identity.hex() == expected["model"]
    code = model_of(identity).code_for(dense)
    digests = []
    for payload, bits in found:
        latents = code.decode(code.unpack(payload, bits)[None], code.usable_bits(bits))
        digests.append(hashlib.sha256(latents.astype("<f4").tobytes()).hexdigest())
    assert digests == expected["latents_sha256"]


@pytest.mark.parametrize("case", CASES)
def test_pictures_are_the_same_to_a_step(case: str) -> None:
    path = GOLDEN / f"{case}.psl"
    if pseudocodec.info(path)["kind"] == "image":
        decoded = pseudocodec.decode(path)
    else:
        with pseudocodec.open(path) as archive:
            decoded = np.vstack(archive[:])
    with Image.open(GOLDEN / f"{case}.png") as image:
        stored = np.asarray(image).astype(int)
    assert np.abs(stored - decoded).max() <= 1
