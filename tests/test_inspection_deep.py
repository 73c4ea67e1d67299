"""`verify(deep=True)`: what checksums cannot show; and what `info` says of devices."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import photo_models
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

import pseudocodec
from pseudocodec import inspection
from pseudocodec.cli import main
from pseudocodec.container import ArchiveWriter, Chunk, Geometry, read_single, write_single
from pseudocodec.container.bits import pack
from pseudocodec.container.layout import U32, block_crc
from pseudocodec.errors import Corrupt, UnknownModel
from pseudocodec.model import PhotoModel
from pseudocodec.model.file import ModelFacts, write_model

GOLDEN = Path(__file__).parents[1] / "formats" / "psl" / "golden"
DIGITS = bytes.fromhex("a25046cd5d5ef219")
ATOM, M = 20, 524287  # bits of an atom of the digits model, and its modulus


def digits_archive(*records: tuple[bytes, int], block_images: int = 2) -> bytes:
    file = io.BytesIO()
    with ArchiveWriter(file, DIGITS, block_images=block_images) as writer:
        for payload, bits in records:
            writer.add(payload, bits)
    return file.getvalue()


def atom(seed: int) -> tuple[bytes, int]:
    return pack([(seed, ATOM - 1), (1, 1)])


GOOD, BAD = atom(5), atom(M)


@pytest.mark.parametrize(
    "name", ["digits-single", "digits-archive", "faces-archive", "photo-single"]
)
def test_golden_files_are_sound(name: str) -> None:
    facts = pseudocodec.verify(GOLDEN / f"{name}.psl", deep=True)
    assert (facts["damaged"], facts["problems"]) == (0, [])
    assert facts.items() > pseudocodec.info(GOLDEN / f"{name}.psl").items()


def test_only_deep_finds_what_has_the_right_checksum() -> None:
    data = digits_archive(GOOD, BAD, GOOD, GOOD, BAD)
    assert pseudocodec.verify(data)["images"] == 5
    seen: list[int] = []
    facts = pseudocodec.verify(data, deep=True, on_progress=seen.append)
    assert facts["damaged"] == 2
    assert [(p["first"], p["last"], p["kind"]) for p in facts["problems"]] == [
        (1, 1, "Corrupt"),
        (4, 4, "Corrupt"),
    ]
    assert "a seed in the payload is outside" in facts["problems"][0]["error"]
    assert seen == [2, 4, 5]


def test_damaged_block_is_one_problem_and_the_others_are_checked() -> None:
    data = bytearray(digits_archive(GOOD, GOOD, GOOD, GOOD, BAD))
    data[56] ^= 1
    with pytest.raises(Corrupt):
        pseudocodec.verify(bytes(data))
    facts = pseudocodec.verify(bytes(data), deep=True)
    assert facts["damaged"] == 3
    assert [(p["first"], p["last"]) for p in facts["problems"]] == [(0, 1), (4, 4)]
    assert "checksum of block 0" in facts["problems"][0]["error"]


def test_damaged_header_is_raised() -> None:
    data = bytearray(digits_archive(GOOD))
    data[40] ^= 1
    with pytest.raises(Corrupt, match="header"):
        pseudocodec.verify(bytes(data), deep=True)


@pytest.mark.parametrize(
    ("payload", "bits", "match"),
    [
        (pack([(5, ATOM), (1, 3)])[0], ATOM + 3, "behind the last atom"),
        (bytes(66), 8 * 66, "describes at most 512"),
    ],
)
def test_payloads_no_writer_writes(payload: bytes, bits: int, match: str) -> None:
    facts = pseudocodec.verify(digits_archive((payload, bits), GOOD), deep=True)
    assert facts["damaged"] == 1
    assert match in facts["problems"][0]["error"]


def test_record_size_out_of_range_leaves_the_others() -> None:
    file = io.BytesIO()
    with ArchiveWriter(file, DIGITS, record_geometry=True) as writer:
        for _ in range(3):
            writer.add(*GOOD, Geometry(28, 28))
    data = bytearray(file.getvalue())
    at = 56 + (64 + ATOM) // 8  # the second record's size begins within this byte
    assert ATOM % 8 == 4
    for place, value in ((at, data[at] & 0xF0), *((at + k, 0) for k in range(1, 4))):
        data[place] = value
    data[at + 4] &= 0x0F
    body = bytes(data[56:-4])
    data[-4:] = U32.pack(block_crc(0, body))
    facts = pseudocodec.verify(bytes(data), deep=True)
    assert [(p["first"], p["kind"]) for p in facts["problems"]] == [(1, "Corrupt")]


def test_problems_are_counted_beyond_those_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MOST_PROBLEMS", 2)
    facts = pseudocodec.verify(digits_archive(*[BAD] * 5), deep=True)
    assert (facts["damaged"], len(facts["problems"])) == (5, 2)


def test_single_picture() -> None:
    data = write_single(DIGITS, BAD[0])
    assert pseudocodec.verify(data)["kind"] == "image"
    facts = pseudocodec.verify(data, deep=True)
    assert facts["damaged"] == 1
    assert "a seed in the payload is outside" in facts["problems"][0]["error"]


def test_transparency_that_the_model_does_not_have() -> None:
    data = write_single(DIGITS, GOOD[0], chunks=[Chunk(b"Alph", b"\0\x80")])
    [problem] = pseudocodec.verify(data, deep=True)["problems"]
    assert "transparency, which its model does not have" in problem["error"]


def test_unknown_model() -> None:
    data = write_single(bytes(8), b"payload")
    assert pseudocodec.verify(data)["model_name"] is None
    with pytest.raises(UnknownModel):
        pseudocodec.verify(data, deep=True)


class TestPhotos:
    @pytest.fixture
    def data(self, photo_model: PhotoModel) -> bytes:
        return pseudocodec.encode(photo_models.smooth(70, 100), model=photo_model, effort=0)

    def test_alpha_of_another_size(self, data: bytes) -> None:
        found = read_single(data)
        for chunk in (Chunk(b"Alph", b"\0\1\2"), Chunk(b"iccp", b"no zlib")):
            bad = write_single(
                found.model_id, found.payload, geometry=found.geometry, chunks=[chunk], dense=True
            )
            assert pseudocodec.verify(bad)["chunks"] == [chunk.tag.decode()]
            [problem] = pseudocodec.verify(bad, deep=True)["problems"]
            assert repr(chunk.tag.decode()) in problem["error"]

    @pytest.mark.usefixtures("small_tiles")
    def test_every_damaged_tile_is_listed(self, photo_model: PhotoModel) -> None:
        picture = photo_models.smooth(70, 100)
        found = read_single(pseudocodec.encode(picture, model=photo_model, effort=0))
        payload = bytearray(found.payload)
        payload[39] ^= 1  # in the first tile, behind flags, level and four entries
        payload[-1] ^= 1
        bad = write_single(found.model_id, bytes(payload), geometry=found.geometry, dense=True)
        facts = pseudocodec.verify(bad, deep=True)
        assert facts["damaged"] == 1
        assert [p["error"][:6] for p in facts["problems"]] == ["tile 0", "tile 3"]

    def test_archive(self, photo_model: PhotoModel, data: bytes) -> None:
        payload = read_single(data).payload
        file = io.BytesIO()
        with ArchiveWriter(
            file, photo_model.id, dense=True, record_geometry=True, block_images=1
        ) as writer:
            for body, spare in ((payload, 0), (payload + b"\0", 0), (payload + b"\0", 3)):
                writer.add(body, 8 * len(body) - spare, Geometry(100, 70))
        facts = pseudocodec.verify(file.getvalue(), deep=True)
        assert [(p["first"], p["kind"]) for p in facts["problems"]] == [
            (1, "Corrupt"),
            (2, "Corrupt"),
        ]
        assert "no photo payload" in facts["problems"][1]["error"]


class TestCommand:
    def test_lists_every_problem(self, tmp_path: Path) -> None:
        path, other = tmp_path / "bad.psl", tmp_path / "good.psl"
        path.write_bytes(digits_archive(GOOD, BAD, GOOD))
        other.write_bytes(digits_archive(GOOD))
        result = CliRunner().invoke(main, ["verify", "--deep", str(path), str(other)])
        assert result.exit_code == 1
        assert result.stdout == f"{path}: 1 of 3 damaged\n{other}: ok\n"
        assert f"pseudocodec: error: {path}: picture 1: composition: a seed" in result.stderr

    def test_json(self, tmp_path: Path) -> None:
        path = tmp_path / "bad.psl"
        path.write_bytes(digits_archive(BAD))
        result = CliRunner().invoke(main, ["verify", "--deep", "--json", str(path)])
        facts = json.loads(result.stdout)
        assert (result.exit_code, facts["ok"], facts["damaged"]) == (1, False, 1)
        assert facts["problems"][0]["kind"] == "Corrupt"


class TestDeviceDependent:
    @staticmethod
    def info(architecture: str, folder: Path) -> dict[str, object]:
        """What a fresh process says, without torch."""
        net = {"architecture": architecture, "N": 1, "M": 1, "channels": 3}
        facts = ModelFacts("other", "compressai", net, {"kind": "compressai"}, (0, 0))
        identity = write_model(
            folder / "m.safetensors", facts, {"x": np.zeros(1, np.int64)}, overwrite=False
        )
        path = folder / "p.psl"
        path.write_bytes(write_single(identity, b"x", geometry=Geometry(1, 1), dense=True))
        code = (
            "import sys, json, pseudocodec; facts = pseudocodec.info(sys.argv[1]);"
            "print(json.dumps(facts | {'torch': 'torch' in sys.modules}))"
        )
        out = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env=os.environ | {"PSEUDOCODEC_MODELS": str(folder)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found: dict[str, object] = json.loads(out)
        return found

    @pytest.mark.parametrize(
        ("architecture", "depends"),
        [("mbt2018-mean-leaky-relu", True), ("bmshj2018-factorized-leaky-relu", False)],
    )
    def test_compressai(self, architecture: str, depends: bool, tmp_path: Path) -> None:
        facts = self.info(architecture, tmp_path)
        assert (facts["device_dependent"], facts["torch"]) == (depends, False)

    def test_others(self, digit: NDArray[np.uint8]) -> None:
        assert pseudocodec.info(GOLDEN / "digits-single.psl")["device_dependent"] is False
        assert pseudocodec.info(GOLDEN / "photo-archive.psl")["device_dependent"] is False
        assert pseudocodec.info(GOLDEN / "container-single.psl")["device_dependent"] is None

    def test_in_words(self) -> None:
        result = CliRunner().invoke(main, ["info", str(GOLDEN / "digits-single.psl")])
        assert "device dependent  no" in result.stdout
