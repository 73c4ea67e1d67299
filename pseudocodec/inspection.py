"""What a .psl file says of itself, and whether it is intact; no pixels are decoded, no torch."""

from __future__ import annotations

from typing import Any

from pseudocodec.container import (
    MAX_PIXELS,
    ArchiveReader,
    Geometry,
    Source,
    is_archive,
    open_source,
    read_single,
    read_whole,
)
from pseudocodec.container.layout import COMMON
from pseudocodec.errors import UnknownModel
from pseudocodec.model.catalogue import by_id
from pseudocodec.model.file import ModelFacts
from pseudocodec.photo.tiles import Grid
from pseudocodec.picture import ALPHA, KNOWN, PROFILE


def info(source: Source) -> dict[str, Any]:
    """Facts of a file from its header and index, JSON-ready.

    Keys: kind ("image" or "archive"), format_version, images, model (id), model_name (None when it
    is not installed), width, height (None where they differ or are not known), progressive, bytes,
    overhead_bytes, payload_bits (for an archive: smallest and largest), chunks (tags). Of an image
    also bits_per_pixel (None where the size is not known), tiles (parts that decode alone; None
    where the model is not installed), alpha, icc (whether it has transparency, an ICC profile).

    Raises NotPsl, UnsupportedVersion, Corrupt, TooLarge.
    """
    with open_source(source) as file:
        if is_archive(file.read(COMMON.size)):
            return archive_facts(ArchiveReader(file, max_pixels=MAX_PIXELS))
    data = read_whole(source)
    single = read_single(data, known=KNOWN)
    model = _model(single.model_id)
    facts = _facts("image", 1, single.model_id, model, single.geometry)
    facts |= {"progressive": not single.dense}
    payload = len(single.payload)
    facts |= {"bytes": len(data), "overhead_bytes": len(data) - payload}
    facts |= {"payload_bits": 8 * payload, "chunks": [c.tag.decode() for c in single.chunks]}
    pixels = (facts["width"] or 0) * (facts["height"] or 0)
    facts |= {"bits_per_pixel": round(8 * len(data) / pixels, 4) if pixels else None}
    facts |= {"tiles": _tiles(model, single.geometry)}
    tags = {chunk.tag for chunk in single.chunks}
    return facts | {"alpha": ALPHA in tags, "icc": PROFILE in tags}


def archive_facts(reader: ArchiveReader) -> dict[str, Any]:
    """`info` of an open archive."""
    model = _model(reader.model_id)
    facts = _facts("archive", reader.count, reader.model_id, model, reader.geometry)
    facts |= {"progressive": not reader.dense}
    if reader.record_geometry:
        facts |= {"width": None, "height": None}
    facts |= {"bytes": reader.file_bytes, "overhead_bytes": reader.overhead_bytes}
    facts |= {"payload_bits": list(reader.payload_bits)}
    facts |= {"chunks": [c.tag.decode() for c in reader.chunks]}
    return facts


def verify(source: Source) -> dict[str, Any]:
    """Read the whole file and check every checksum; returns `info` of it.

    Raises Corrupt for the first damage found, and what `info` raises.
    """
    facts = info(source)  # a single picture has one checksum, which this checks
    if facts["kind"] == "archive":
        with open_source(source) as file:
            ArchiveReader(file).verify()
    return facts


def _model(identity: bytes) -> ModelFacts | None:
    try:
        return by_id(identity).facts
    except UnknownModel:
        return None


def _tiles(model: ModelFacts | None, geometry: Geometry | None) -> int | None:
    if model is None:
        return None
    return Grid(geometry.height, geometry.width).tiles if model.any_size and geometry else 1


def _facts(
    kind: str, images: int, identity: bytes, model: ModelFacts | None, geometry: Geometry | None
) -> dict[str, Any]:
    own = None if model is None or model.any_size else Geometry(model.width, model.height)
    size = geometry or own
    return {
        "kind": kind,
        "format_version": 1,
        "images": images,
        "model": identity.hex(),
        "model_name": model.name if model else None,
        "width": size.width if size else None,
        "height": size.height if size else None,
    }
