"""What is fuzzed: functions of bytes that return or raise a PslError, whatever the bytes are.

A target in `TARGETS` takes any bytes apart. Its name ends in `sealed` where it first makes the
checksums of the bytes right (`seals`), so that mutations reach what stands behind them. Targets
also assert what must hold of bytes that are accepted: an entropy-coded payload has one form, two
readers of a front agree, a picture has the size that its file states.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import tempfile
import zlib
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

import pseudocodec
from fuzz import tiny
from fuzz.seals import seal, seal_photo_payload
from pseudocodec.container import ArchiveReader, read_single
from pseudocodec.container.single import read_single_front
from pseudocodec.container.source import Bounded
from pseudocodec.entropy import FrequencyTable, coder, scales
from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.registry import build
from pseudocodec.model import PhotoModel, VectorModel
from pseudocodec.model.file import KEY, read_facts
from pseudocodec.model.load import model_of
from pseudocodec.overfit.context import blank
from pseudocodec.overfit.decoder import pixels_of
from pseudocodec.overfit.design import PARAMETERS
from pseudocodec.overfit.front import SPREADS, Precision
from pseudocodec.overfit.model import OverfitModel
from pseudocodec.overfit.tile import SLICES, Content, Difference, clipped, pack, unpack
from pseudocodec.photo.decoder import open_payload
from pseudocodec.photo.tiles import Grid
from pseudocodec.picture import ALPHA, KNOWN, PROFILE, from_chunks

MAX_PIXELS = 1 << 14  # of a picture that is decoded whole: some milliseconds of the tiny nets
Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {}


def run(name: str, data: bytes) -> PslError | None:
    """Give `data` to a target: the PslError it is refused with, or None. Raises any finding.

    Files that are read in part warn; the caller ignores that.
    """
    try:
        TARGETS[name](data)
    except PslError as error:
        return error
    return None


def _target(function: Target) -> Target:
    TARGETS[function.__name__] = function
    return function


# -- container ----------------------------------------------------------------------------------


@_target
def single(data: bytes) -> None:
    """The front, the chunks and the payload of a single picture."""
    found = read_single(data, partial=True, known=KNOWN)
    front = read_single_front(Bounded(io.BytesIO(data)), known=KNOWN)
    assert front.payload_offset + len(found.payload) == len(data)
    assert (front.model_id, front.geometry, front.chunks) == (
        found.model_id,
        found.geometry,
        found.chunks,
    )


@_target
def single_sealed(data: bytes) -> None:
    """The same with the right checksum: it must be verified."""
    sealed = seal(data)
    single(sealed)
    assert read_single(sealed, known=KNOWN).verified


@_target
def archive(data: bytes) -> None:
    """Header, index, the first and the last picture's record, and all checksums of an archive."""
    reader = ArchiveReader(io.BytesIO(data))
    low, high = reader.payload_bits
    assert 0 <= low <= high
    if reader.count:
        for number in {0, reader.count - 1}:
            record = reader.record(number)
            assert len(record.payload) == (record.nbits + 7) // 8
    reader.verify()


@_target
def archive_sealed(data: bytes) -> None:
    """The same with right checksums of header, index and blocks."""
    archive(seal(data))


# -- chunks -------------------------------------------------------------------------------------


@_target
def chunks(data: bytes) -> None:
    """Transparency and profile: width, height, kind and a zlib stream that may be none."""
    if len(data) < 3:
        return
    width, height = data[0] + 1, data[1] + 1
    alpha, _ = from_chunks([pseudocodec.container.Chunk(ALPHA, data[2:])], width, height)
    assert alpha is None or alpha.shape == (height, width)


@_target
def chunks_sealed(data: bytes) -> None:
    """The same with a stream that is one: bombs, streams too short, bytes behind them."""
    if len(data) < 5:
        return
    width, height, kind, repeat, spoil = data[:5]
    stream = zlib.compress(data[5:] * (1 + repeat * repeat), 1)
    cut = stream[: len(stream) - spoil % 8] if spoil & 8 else stream + bytes(spoil % 4)
    chunk = pseudocodec.container.Chunk
    alpha = from_chunks([chunk(ALPHA, bytes([kind % 4]) + cut)], width + 1, height + 1)[0]
    assert alpha is None or alpha.shape == (height + 1, width + 1)


@_target
def profile(data: bytes) -> None:
    """An ICC profile: a zlib stream or not."""
    stream = zlib.compress(data[1:], 1) if data[:1] > b"\x7f" else data
    icc = from_chunks([pseudocodec.container.Chunk(PROFILE, stream)], 1, 1)[1]
    assert icc


# -- codes --------------------------------------------------------------------------------------


@_target
def latent(data: bytes) -> None:
    """A payload of one of the latent codes: whole, or a prefix, of any number of bits."""
    _latent(data, sealed=False)


@_target
def latent_sealed(data: bytes) -> None:
    """The same, cut to its bits: what the code itself refuses, not the padding."""
    _latent(data, sealed=True)


def _latent(data: bytes, *, sealed: bool) -> None:
    if len(data) < 2:
        return
    named = list(tiny.codes().values())
    code, partial = named[data[0] % len(named)], bool(data[0] & 128)
    payload, bits = data[2:], data[1]
    if sealed:
        bits %= code.max_bits + 9
        padded = payload.ljust((bits + 7) // 8, b"\0")[: (bits + 7) // 8]
        value = int.from_bytes(padded, "big") >> (-bits % 8) << (-bits % 8)
        payload = value.to_bytes(len(padded), "big")
    _decoded(code, payload, bits, partial=partial)


def _decoded(code: LatentCode, payload: bytes, bits: int, *, partial: bool) -> None:
    usable = code.usable_bits(bits, partial=partial)
    symbols = code.unpack(payload, bits, partial=partial)
    latents = code.decode(symbols[None], usable)
    assert latents.shape == (1, code.dims)
    assert np.isfinite(latents).all()
    assert np.isfinite(code.level(usable))
    if not partial:
        assert code.pack(symbols[None], bits) == [(payload, bits)], "a payload has one form"


@cache
def tables() -> tuple[FrequencyTable, ...]:
    """One symbol that is certain, two, four, and two hundred."""
    return tuple(FrequencyTable.of(w) for w in ([1], [3, 1], [9, 1, 4, 2], [1] * 200))


@cache
def scale_tables() -> scales.ScaleTables:
    """Narrow enough that residuals lie outside."""
    return scales.scale_tables(6, 0.11, 20.0)


@_target
def entropy(data: bytes) -> None:
    """The range coder, on payloads with symbols of four tables, or residuals of six scales."""
    if len(data) < 3:
        return
    kind, count, payload = data[0], data[1], data[2:]
    if kind & 1:
        index = (np.arange(count) * (kind >> 1) // 7) % 6
        found = scales.decode(payload, index, scale_tables())
        assert scales.encode(found, index, scale_tables()) == payload
        return
    index = (np.arange(count) * (kind >> 1) // 7) % 4
    bits = max(0, 8 * len(payload) - kind % 8)
    symbols = coder.decode(payload, bits, index, tables(), padded=bool(kind & 64))
    assert symbols.shape == (count,)


@_target
def entropy_sealed(data: bytes) -> None:
    """Payloads that the coder wrote, of any symbols: they must decode to them."""
    if len(data) < 2:
        return
    index = np.frombuffer(data[1:], np.uint8)
    if data[0] & 1:
        values = (index.astype(np.int32) - 128) ** (1 + data[0] % 3)
        values = values.clip(-scales.MAX_RESIDUAL, scales.MAX_RESIDUAL)
        payload = scales.encode(values, index % 6, scale_tables())
        assert (scales.decode(payload, index % 6, scale_tables()) == values).all()
        return
    sizes = np.array([len(table.frequencies) for table in tables()])[index % 4]
    symbols = (index // 4) % sizes
    payload, bits = coder.encode(symbols, index % 4, tables())
    assert (coder.decode(payload, bits, index % 4, tables()) == symbols).all()


# -- photographs --------------------------------------------------------------------------------


@_target
def tile(data: bytes) -> None:
    """One tile under the hyperprior: height, width (and of which of two codes), level, payload."""
    if len(data) < 4:
        return
    code = tiny.finished() if data[1] & 128 else _photo().code
    height, width = 1 + data[0] % 9, 1 + data[1] % 9
    level = data[2] % (code.top + 1)
    latents, values = code.decode(data[3:], height, width, level)
    assert len(values) == (code.filters.count if code.filters else 0)
    assert latents.shape == (code.channels(level), height, width)
    assert np.isfinite(latents).all()


@_target
def tile_sealed(data: bytes) -> None:
    """A tile whose first stream is one that the coder writes: the residuals are reached."""
    if len(data) < 20:
        return
    code = _photo().code
    height, width = 1 + data[0] % 4, 1 + data[1] % 4
    values = np.frombuffer(data[3 : 3 + code.hyper], np.int8).astype(np.float32)
    hyper = np.resize(values / 16, (code.hyper, 1, 1)).astype(np.float32)
    zeros = np.zeros((code.latents, height, width), np.float32)
    written, _ = code.encode(zeros, hyper, data[2])
    length, start = written[0], 1
    if length < 0x80:
        kept = written[: start + length]
        code.decode(kept + data[3 + code.hyper :], height, width, data[2])


@_target
def photo(data: bytes) -> None:
    """A photo's payload: front, index of tiles and each tile, for a picture of one or many."""
    _tiles(data, sealed=False)


@_target
def photo_sealed(data: bytes) -> None:
    """The same with right checksums of the index and of the tiles."""
    _tiles(data, sealed=True)


def _tiles(data: bytes, *, sealed: bool) -> None:
    if len(data) < 2:
        return
    grid = Grid(16 * (1 + data[0] % 5), 16 * (1 + data[0] // 5) if data[1] & 1 else 2000)
    payload = seal_photo_payload(data[2:], grid) if sealed else data[2:]
    file = Bounded(io.BytesIO(payload))
    tiles = open_payload(_photo(), file.read_at, len(payload), grid, cut=bool(data[1] & 2))
    for number in range(grid.tiles):
        box = grid.tile(number)
        assert tiles.content(number).latents.shape == (_photo().code.latents, box.height, box.width)


def _photo() -> PhotoModel:
    photo = tiny.models()[3]
    assert isinstance(photo, PhotoModel)
    return photo


# -- photographs whose nets are fitted to each --------------------------------------------------


@_target
def fitted(data: bytes) -> None:
    """One tile: height, width, start and colours, payload."""
    if len(data) < 4:
        return
    starts, size, grey = _fitted().starts, (1 + data[0] % 40, 1 + data[1] % 40), bool(data[2] & 2)
    row = starts.rows[data[2] & 1]
    content = unpack(row, starts.tables, data[3:], *size)
    if data[3] > 127:  # else of the form that is no longer written
        assert pack(row, starts.tables, content) == data[3:], "a tile has one form"
    pixels = pixels_of(starts, data[3:], size, data[2] & 1, grey=grey)
    assert pixels.shape == (*size, 1 if grey else 3)


@_target
def fitted_sealed(data: bytes) -> None:
    """A tile that the coder writes, of any differences and latents: it must decode to them."""
    if len(data) < 8:
        return
    starts, content = _fitted().starts, blank(1 + data[0] % 20, 1 + data[1] % 20)
    tensors, times = 257 * data[2], data[5] % 9
    precision = Precision(data[3] % 15, SPREADS[data[4] % len(SPREADS)])
    symbols = clipped(np.frombuffer(data[6:], np.int8).astype(np.float64) * times)
    parts = [np.resize(symbols, PARAMETERS)[where] for where in SLICES]
    latents = [np.resize(np.roll(symbols, i), p.shape) for i, p in enumerate(content)]
    changed = [
        Difference(precision, part) if tensors >> i & 1 and part.any() else None
        for i, part in enumerate(parts)
    ]
    for row in starts.rows:
        written = pack(row, starts.tables, Content(changed, latents))
        found = unpack(row, starts.tables, written, *latents[0].shape)
        for one, other in zip(changed, found.differences, strict=True):
            assert (one is None) == (other is None)
            assert one is None or other is None or (one.values == other.values).all()
        assert all((a == b).all() for a, b in zip(latents, found.latents, strict=True))


def _fitted() -> OverfitModel:
    fitted = tiny.models()[4]
    assert isinstance(fitted, OverfitModel)
    return fitted


# -- model files --------------------------------------------------------------------------------


@_target
def facts(data: bytes) -> None:
    """The header of a model file."""
    path = _scratch()
    path.write_bytes(data)
    found = read_facts(path)
    assert found.channels in (1, 3)
    assert found.any_size or (found.width > 0 and found.height > 0)


@_target
def facts_sealed(data: bytes) -> None:
    """The same for a file that is safetensors and JSON, with some of the values replaced."""
    model = tiny.models()[data[0] % 4 if data else 0].facts
    described = {"format": 1, "name": model.name, "family": model.family, "net": dict(model.net)}
    described |= {"code": model.code, "dense": model.dense, "payload_bytes": [1, 12]}
    _spoil(described, data[1:])
    header = json.dumps({"__metadata__": {"pseudocodec": json.dumps(described)}}).encode()
    facts(len(header).to_bytes(8, "little") + header)


@_target
def description(data: bytes) -> None:
    """A latent code's description with some values replaced, and its tables; then a payload."""
    if len(data) < 8:
        return
    named = list(tiny.codes().values())
    original = named[data[0] % len(named)]
    described = original.describe()
    _spoil(described, data[1 : 1 + data[7] % 7])
    tables = {name: table.copy() for name, table in original.tables().items()}
    if "levels" in tables and data[6]:
        at, value = data[5] % len(tables["levels"]), int.from_bytes(data[3:7], "little")
        tables["levels"][at:] = np.minimum(tables["levels"][at:], value)
        tables["variances"][at % len(tables["variances"])] = value
    code = build(described, tables)
    if code.dims > 1 << 8:
        return  # long sequences take long, as they should
    bits = min(8 * len(data[8:]), code.max_bits // 8 * 8)
    _decoded(code, data[8 : 8 + bits // 8], bits, partial=False)


@_target
def starts(data: bytes) -> None:
    """What fits start from, with some values and one of the tensors replaced; then a tile."""
    if len(data) < 12:
        return
    original = _fitted().starts
    tensors: dict[str, Any] = {
        "code.starts": original.rows.copy(),
        "code.powers": original.powers.copy(),
        "code.rates": original.rates.copy(),
    }
    name = list(tensors)[data[0] % 3]
    tensor = tensors[name]
    at = int.from_bytes(data[1:3], "little") % tensor.size
    value = int.from_bytes(data[3:7], "little", signed=True) << data[7] % 33
    tensor.flat[at : at + 1 + (data[8] & 1)] = value
    tensors[name] = _CHANGES[data[9] % len(_CHANGES)](tensor)
    described = {"format": 1, "name": "spoilt", "family": "overfit", "payload_bytes": [0, 0]}
    net = {"prices": _fitted().facts.net["prices"], "channels": 3}
    described |= {"net": net, "code": {"kind": "overfit"}}
    end = 11 + data[10] % 9
    _spoil(described, data[11:end])
    path = _scratch()
    path.write_bytes(save(tensors, metadata={KEY: json.dumps(described)}))
    model = OverfitModel(bytes(8), path, read_facts(path))
    pixels = pixels_of(model.starts, data[end:], (9, 5), 0, grey=False)
    assert pixels.shape == (9, 5, 3)


_CHANGES: tuple[Callable[[Any], Any], ...] = (
    *(lambda a: a, lambda a: a[..., :-1], lambda a: a[:0], lambda a: a[None]),
    *(lambda a: np.array(a.sum()),),
    *(methodcaller("astype", kind) for kind in (np.int8, np.int32, np.uint64, np.float32)),
)

_VALUES: tuple[object, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 8, 255, 4096, 1 << 31, 1 << 64, 10**400, -(1 << 63)),
    *(0.5, 1e300, float("inf"), float("nan"), "", "8", "\ud800", [], {}, [1], [0, 1], [1, 0]),
    *([[1, 2]], {"kind": "scalar"}, {"height": 8}, [5, 3, 16], [5, 3, 1 << 20], [1, 2, 3, 4]),
)


def _spoil(described: dict[str, Any], data: bytes) -> None:
    """Replace, add or delete entries: two bytes each, which of them and by what."""
    for which, what in zip(data[::2], data[1::2], strict=False):
        inner = [value for value in described.values() if isinstance(value, dict) and value]
        place = inner[which % len(inner)] if inner and which & 64 else described
        keys = [*place, "channels", "height", "blocks", "shuffle"]
        key = keys[(which & 63) % len(keys)]
        if what < len(_VALUES):
            place[key] = deepcopy(_VALUES[what])  # another pair may change it again
        elif what & 1:
            place.pop(key, None)
        else:
            place[key] = what


@cache
def _scratch() -> Path:
    """A file of this process, in memory where there is such a place."""
    shared = Path("/dev/shm")
    folder = shared if shared.is_dir() else Path(tempfile.gettempdir())
    path = folder / f"psl-fuzz-{os.getpid()}.safetensors"
    atexit.register(path.unlink, missing_ok=True)
    return path


# -- bytes to pixels ----------------------------------------------------------------------------


@_target
def decode(data: bytes) -> None:
    """A file of any kind and model, whole, in part and by region, or the ends of an archive."""
    _decode(data)


@_target
def decode_sealed(data: bytes) -> None:
    """The same with right checksums, for a model that is here."""
    _decode(seal(data, [model.id for model in tiny.models()]))


def _decode(data: bytes) -> None:
    tiny.models()
    if pseudocodec.container.is_archive(data):
        pseudocodec.verify(data)
        with pseudocodec.open(data, max_pixels=MAX_PIXELS) as opened:
            if len(opened):
                for picture in (opened[0], opened[-1]):
                    assert picture.dtype == np.uint8
        return
    options = {"partial": bool(len(data) & 1), "keep_going": bool(len(data) & 2)}
    picture = pseudocodec.decode(data, max_pixels=MAX_PIXELS, **options)
    size = read_single(data, partial=True, known=KNOWN).geometry
    model = model_of(data[8:16])  # mutations have spelt the ids of shipped ones, too
    if size is None and isinstance(model, VectorModel):
        assert picture.shape[:2] == (model.facts.height, model.facts.width)
    elif size is not None:
        assert picture.shape[:2] == (size.height, size.width)
    part = pseudocodec.decode(data, max_pixels=MAX_PIXELS, region=(0, 0, 1, 1), **options)
    assert part.shape == (1, 1, *picture.shape[2:])
