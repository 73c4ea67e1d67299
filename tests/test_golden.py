"""Files that every later version must decode to the same latents, bit for bit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pseudocodec
from pseudocodec.container import ArchiveReader, Record, read_single
from pseudocodec.model import AnySizeModel, Model, VectorModel, model_of
from pseudocodec.photo.decoder import open_payload
from pseudocodec.photo.tiles import Grid

GOLDEN = Path(__file__).parents[1] / "formats" / "psl" / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.psl") if "container" not in path.name)


def records(path: Path) -> tuple[Model, bool, list[Record]]:
    """The file's model, whether its dense code was used, and each payload with its size."""
    if pseudocodec.info(path)["kind"] == "image":
        single = read_single(path.read_bytes())
        record = Record(single.payload, 8 * len(single.payload), single.geometry)
        return model_of(single.model_id), single.dense, [record]
    with path.open("rb") as file:
        reader = ArchiveReader(file)
        found = [reader.record(i) for i in range(reader.count)]
        return model_of(reader.model_id), reader.dense, found


def latents_of(model: Model, dense: bool, record: Record) -> NDArray[np.float32]:
    """What the integer half of the decoder makes of a payload: of fitted nets, all of it."""
    if isinstance(model, VectorModel):
        code = model.code_for(dense)
        symbols = code.unpack(record.payload, record.nbits)
        return code.decode(symbols[None], code.usable_bits(record.nbits))
    assert isinstance(model, AnySizeModel) and record.geometry is not None
    grid = Grid(record.geometry.height, record.geometry.width)
    data = record.payload
    tiles = open_payload(model, lambda at, size: data[at : at + size], len(data), grid)
    return np.concatenate([tiles.numbers(i) for i in range(grid.tiles)])


def test_there_are_golden_files_of_both_kinds() -> None:
    found = [pseudocodec.info(GOLDEN / f"{case}.psl") for case in CASES]
    kinds = {(facts["model_name"], facts["kind"], facts["progressive"]) for facts in found}
    for model in ("digits", "faces"):
        assert {(model, "image", True), (model, "archive", False)} <= kinds
    for model in ("photo", "overfit", "digits-gan", "faces-gan"):
        assert {(model, "image", False), (model, "archive", False)} <= kinds


@pytest.mark.parametrize("case", CASES)
def test_latents_are_the_same_bit_for_bit(case: str) -> None:
    expected = json.loads((GOLDEN / f"{case}.json").read_text(encoding="utf-8"))
    model, dense, found = records(GOLDEN / f"{case}.psl")
    assert model.id.hex() == expected["model"]
    digests = [
        hashlib.sha256(latents_of(model, dense, record).astype("<f4").tobytes()).hexdigest()
        for record in found
    ]
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
    exact = pseudocodec.info(path)["model_name"] == "overfit"
    assert np.abs(stored - decoded).max() <= (0 if exact else 1)
