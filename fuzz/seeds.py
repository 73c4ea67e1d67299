"""Write the seed corpus: small valid inputs of every target, made by the library's own writers.

python -m fuzz.seeds FOLDER
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pseudocodec
from fuzz import tiny
from fuzz.targets import TARGETS, scale_tables
from pseudocodec.container import ArchiveWriter, Chunk, Geometry, write_single
from pseudocodec.entropy import scales
from pseudocodec.latent.base import LatentCode
from pseudocodec.model import Model
from pseudocodec.overfit.design import level_sizes
from pseudocodec.overfit.front import Precision
from pseudocodec.overfit.model import OverfitModel
from pseudocodec.overfit.tile import SLICES, Content, Difference, pack

MODEL = bytes(range(1, 9))


def write(folder: Path) -> None:
    """Files FOLDER/TARGET/seed-NN for each target; a sealed one has those of its twin."""
    for name in TARGETS:
        kind = name.removesuffix("_sealed")
        places = folder / name
        places.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(_seeds(kind, name)):
            (places / f"seed-{number:02}").write_bytes(data)


def _seeds(kind: str, name: str) -> Iterator[bytes]:
    if kind == "single":
        yield from _singles()
    elif kind == "archive":
        yield from _archives()
    elif kind == "chunks":
        plane = np.arange(16, dtype=np.uint8).tobytes()
        yield bytes([3, 3, 1]) + zlib.compress(plane)
        yield bytes([3, 3, 2]) + zlib.compress(plane)
        yield bytes([3, 3, 0, 77])
        yield bytes([3, 3, 2, 0, 0]) + plane
        yield bytes([255, 255, 1, 64, 0]) + plane
    elif kind == "profile":
        yield zlib.compress(b"a profile" * 30)
        yield b"\xffa profile"
    elif kind == "latent":
        codes = enumerate(tiny.codes().values())
        yield from (bytes([number]) + _payload(code) for number, code in codes)
    elif kind == "entropy":
        if name == kind:
            index = np.arange(40) * 10 // 7
            yield bytes([21, 40]) + scales.encode(index % 5 - 2, index % 6, scale_tables())
        yield bytes([7, 40]) + bytes(range(60, 90))
        yield bytes([6, 30]) + bytes(range(90, 120))
        yield bytes([0, 0, 0])
        yield bytes(range(0, 256, 5))
    elif kind == "tile":
        yield bytes([1, 1, 9, 0])
        yield bytes([3, 2, 200]) + bytes(range(1, 40))
        yield bytes([3, 2 + 128, 200]) + _finished_tile(4, 5, 200)
    elif kind == "photo":
        yield bytes([0, 1]) + _photo_file(16, 16)[28:]
        yield bytes([0, 0]) + _photo_file(2000, 16)[28:]
    elif kind in ("fitted", "starts"):
        yield from _fitted(name)
    elif kind in ("facts", "description"):
        yield from _descriptions(name)
    elif kind == "decode":
        yield from _files(sealed=name != kind)


def _finished_tile(height: int, width: int, level: int) -> bytes:
    """A tile of small latents with details and a filter."""
    code = tiny.finished()
    latents = np.zeros((code.latents, height, width), np.float32)
    payload, _ = code.encode(latents, np.zeros((code.hyper, 1, 2), np.float32), level)
    assert code.details and code.filters
    values = np.resize([3.0, 0.0, -1.0], (code.details.count, height, width)).astype(np.float32)
    payload, _ = code.add_details(payload, values, level, np.full(len(values), 9, np.float32))
    return code.add_filter(payload, np.arange(-3, code.filters.count - 3, dtype=np.int32), level)


def _singles() -> Iterator[bytes]:
    note, alpha = Chunk(b"note", b"hello"), Chunk(b"Alph", b"\0\x80")
    yield write_single(MODEL, b"\xde\xad\xbe\xef")
    yield write_single(MODEL, b"payload", geometry=Geometry(30, 20), dense=True)
    yield write_single(MODEL, b"", geometry=Geometry(1 << 20, 1), chunks=[note, alpha])


def _archives() -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for widths, options in (
        ((4, 10, 7), {"block_images": 2}),
        ((8, 8, 8, 8), {"geometry": Geometry(5, 4), "dense": True}),
        ((16, 80, 24), {"record_geometry": True, "block_images": 1}),
        ((), {}),
        ((0, 0, 0), {"block_images": 1, "chunks": [Chunk(b"note", b"hello")]}),
    ):
        file = io.BytesIO()
        with ArchiveWriter(file, MODEL, **options) as writer:
            for bits in widths:
                value = int(rng.integers(0, 1 << min(bits, 60))) << (-bits % 8)
                payload = value.to_bytes((bits + 7) // 8, "big")
                size = Geometry(3, bits) if options.get("record_geometry") else None
                writer.add(payload, bits, size)
        yield file.getvalue()


def _payload(code: LatentCode) -> bytes:
    latents = np.linspace(-1, 1, code.dims, dtype=np.float32)[None]
    bits = min(code.max_bits, 96)
    [(payload, bits)] = code.pack(code.encode(latents, bits, 0), bits)
    return bytes([bits]) + payload


def _descriptions(name: str) -> Iterator[bytes]:
    if name == "description":
        for number, code in enumerate(tiny.codes().values()):
            yield bytes([number]) + bytes(7) + _payload(code)[1:]
        yield bytes([3, 1, 15, 2, 7, 0, 0, 6]) + bytes(range(12))
    elif name == "facts_sealed":
        for number in range(4):
            yield bytes([number])
        yield bytes([0, 70, 9, 3, 40])
    else:
        for model in tiny.models():
            facts = model.facts
            whole = {"format": 1, "name": facts.name, "family": facts.family, "net": facts.net}
            whole |= {"code": facts.code, "dense": facts.dense, "payload_bytes": [1, 12]}
            header = json.dumps({"__metadata__": {"pseudocodec": json.dumps(whole)}}).encode()
            yield len(header).to_bytes(8, "little") + header


def _photo_file(width: int, height: int) -> bytes:
    y, x = np.mgrid[:height, :width]
    picture = ((x * 3 + y * 5) % 256).astype(np.uint8)
    return pseudocodec.encode(picture, model=tiny.models()[3], quality=30, effort=0)


def _fitted(name: str) -> Iterator[bytes]:
    if name == "fitted":
        yield bytes([6, 10, 0]) + _fitted_tile(7, 11)
        yield bytes([39, 39, 3, 0])
    elif name == "fitted_sealed":
        yield bytes([6, 10, 255, 2, 40, 1]) + bytes(range(0, 256, 9))
        yield bytes([19, 0, 0, 0, 0, 8]) + bytes(range(0, 256, 15))
    else:
        for number in range(3):
            yield bytes([number, 7, 0, 100]) + bytes(7) + _fitted_tile(9, 5)
        yield bytes([1, 255, 0, 0, 0, 0, 64]) + bytes(5)


def _fitted_tile(height: int, width: int) -> bytes:
    """A tile of small latents in which one group of parameters differs."""
    model, rng = tiny.models()[4], np.random.default_rng(0)
    assert isinstance(model, OverfitModel)
    latents = [rng.integers(-2, 3, size).astype(np.int32) for size in level_sizes(height, width)]
    bias = rng.integers(-3, 4, SLICES[3].stop - SLICES[3].start).astype(np.int32)
    differences = [
        Difference(Precision(3, 50), bias) if i == 3 else None for i in range(len(SLICES))
    ]
    content = Content(differences, latents)
    return pack(model.starts.rows[0], model.starts.tables, content)


def _files(*, sealed: bool) -> Iterator[bytes]:
    """Byte 8 picks the model of a sealed file: any id whose first byte is the number will do."""
    rng = np.random.default_rng(0)
    sizes = [(8, 8), (10, 9, 3), (8, 8), (20, 30, 4)]
    for number, (model, size) in enumerate(zip(tiny.models(), sizes, strict=False)):
        picture = rng.integers(0, 256, size, np.uint8)
        for progressive in (True, False)[: 2 if number < 2 else 1]:
            data = pseudocodec.encode(
                picture, model=model, quality=50, effort=0, progressive=progressive
            )
            colours = picture[:, :, :3] if picture.ndim == 3 else picture
            many = _archive(model, [colours] * 3, progressive=progressive)
            for file in (data, many):
                yield file[:8] + bytes([number]) + file[9:] if sealed else file
    size, payload = Geometry(9, 5), bytes(3) + _fitted_tile(5, 9)
    file = write_single(tiny.models()[4].id, payload, geometry=size, dense=True)
    yield file[:8] + bytes([4]) + file[9:] if sealed else file


def _archive(model: Model, pictures: list[NDArray[np.uint8]], *, progressive: bool) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.psl")
        options = {"quality": 50, "effort": 0, "progressive": progressive}
        pseudocodec.save(path, pictures, model=model, **options)
        return path.read_bytes()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
