"""What pseudocodec makes of a conformance case: the JSON of its result."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np

import pseudocodec
from pseudocodec.container import MAX_PIXELS, ArchiveReader, Record, is_archive, read_single
from pseudocodec.deep import check_chunks, photo_tiles, vector_latents
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.model import AnySizeModel, Model, VectorModel, load_model, model_of
from pseudocodec.picture import KNOWN, from_chunks
from pseudocodec.pipeline import Coder

Json = dict[str, Any]


def outcome(case: Json, data: bytes, folder: Path) -> Json:
    """The result of reading a file as its case says: facts, or the kind of error."""
    try:
        if "model_file" in case:  # known by its id from now on
            load_model(folder / case["model_file"])
        options = case.get("options", {})
        if "region" in options:  # more than this is not for models without nets
            return {"ok": pseudocodec.decode(data, region=tuple(options["region"])).tolist()}
        return {"ok": True, **(_archive if is_archive(data) else _single)(case, data, options)}
    except PslError as error:
        return {"error": type(error).__name__}


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _single(case: Json, data: bytes, options: Json) -> Json:
    single = read_single(data, known=KNOWN, **options)
    payload, size = single.payload, single.geometry
    record = Record(payload, 8 * len(payload), size)
    facts = {"archive": False, "model": single.model_id.hex(), "dense": single.dense}
    facts |= {"verified": single.verified, "chunks": _chunks(single.chunks)}
    if "model_file" in case:
        check_chunks(model_of(single.model_id), single)
    facts |= {"pictures": [_picture(case, single, record, partial=not single.verified)]}
    if size is not None and case.get("chunks"):
        alpha, icc = from_chunks(single.chunks, *size)
        facts |= {"alpha_sha256": None if alpha is None else digest(alpha.tobytes())}
        facts |= {"profile_sha256": None if icc is None else digest(icc)}
    return facts


def _archive(case: Json, data: bytes, options: Json) -> Json:
    reader = ArchiveReader(io.BytesIO(data), max_pixels=options.get("max_pixels", MAX_PIXELS))
    chosen = [options["picture"]] if "picture" in options else range(reader.count)
    records = [reader.record(i) for i in chosen]
    records = [r._replace(geometry=r.geometry or reader.geometry) for r in records]
    facts = {"archive": True, "model": reader.model_id.hex(), "dense": reader.dense}
    facts |= {"count": reader.count, "chunks": _chunks(reader.chunks)}
    return facts | {"pictures": [_picture(case, reader, record) for record in records]}


def _chunks(chunks: Any) -> Json:
    return {chunk.tag.decode(): digest(chunk.data) for chunk in chunks}


def _picture(case: Json, file: Any, record: Record, *, partial: bool = False) -> Json:
    size = None if record.geometry is None else list(record.geometry)
    facts = {"size": size, "nbits": record.nbits, "payload_sha256": digest(record.payload)}
    if "model_file" not in case:
        return facts
    latents = _latents(model_of(file.model_id), file, record, partial=partial)
    return facts | {"latents_sha256": digest(latents.astype("<f4").tobytes())}


def _latents(model: Model, file: Any, record: Record, *, partial: bool) -> np.ndarray:
    if isinstance(model, AnySizeModel):
        tiles = photo_tiles(model, record, dense=file.dense)
        return np.concatenate([tiles.numbers(i) for i in range(tiles.grid.tiles)])
    assert isinstance(model, VectorModel)
    coder = Coder(model, file.dense)
    if not partial:
        return vector_latents(coder, record)
    if file.dense:
        raise Corrupt("no part of it decodes alone")
    bits = min(record.nbits, coder.code.max_bits)
    symbols = coder.code.unpack(record.payload[: -(-bits // 8)], bits, partial=True)
    return coder.code.decode(symbols[None], coder.code.usable_bits(bits, partial=True))
