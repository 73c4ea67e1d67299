"""What a .psl file says of itself, and whether it is intact; without torch, but for `deep`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

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
from pseudocodec.model.load import FOREIGN
from pseudocodec.photo.tiles import Grid
from pseudocodec.picture import ALPHA, KNOWN, PROFILE

if TYPE_CHECKING:
    from pseudocodec.deep import Found

MOST_PROBLEMS = 1000  # listed of one file


def info(source: Source) -> dict[str, Any]:
    """Facts of a file from its header and index, JSON-ready.

    Keys: kind ("image" or "archive"), format_version, images, model (id), model_name (None when it
    is not installed), width, height (None where they differ or are not known), progressive, bytes,
    overhead_bytes, payload_bits (for an archive: smallest and largest), chunks (tags). Of an image
    also bits_per_pixel (None where the size is not known), tiles (parts that decode alone; None
    where the model is not installed), alpha, icc (whether it has transparency, an ICC profile).
    device_dependent says whether the file need not decode on another machine than the one that
    encoded it; None where the model is not installed.

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


def verify(
    source: Source,
    *,
    deep: bool = False,
    device: str = "auto",
    on_progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Read the whole file and check every checksum; returns `info` of it.

    With `deep`, every picture is decoded besides, to latents and to pixels, and everything that
    the specification says of payloads and chunks is checked, which checksums cannot tell. What is
    wrong with single pictures, their checksums included, is then not raised but listed, and
    further keys say so: damaged (the number of such pictures) and problems, the first
    `MOST_PROBLEMS` as dicts of first, last (numbers of pictures), kind (of error), error. `device`
    is for `deep`; `on_progress` is called with the number of pictures done.

    Raises Corrupt for the first damage found, or with `deep` for damage that keeps the file from
    being opened, and what `info` raises; with `deep` also UnknownModel.
    """
    facts = info(source)  # a single picture has one checksum, which this checks
    if facts["kind"] == "image":
        return facts | _deep_single(source, device) if deep else facts
    with open_source(source) as file:
        reader = ArchiveReader(file)
        if not deep:
            reader.verify()
            return facts
        from pseudocodec.deep import check_archive

        return facts | _summary(check_archive(reader, device=device, on_progress=on_progress))


def _deep_single(source: Source, device: str) -> dict[str, Any]:
    from pseudocodec.deep import check_single

    return _summary(check_single(read_single(read_whole(source), known=KNOWN), device=device))


def _summary(found: Iterable[Found]) -> dict[str, Any]:
    """What `verify` says of problems; neighbours with the same one share an entry."""
    problems: list[dict[str, Any]] = []
    damaged, last, before = 0, -1, None
    entry: dict[str, Any] = {}
    for number, error in found:
        damaged += number != last
        if error is before:
            entry["last"] = number
        else:
            entry = {"first": number, "last": number, "kind": type(error).__name__}
            entry["error"] = str(error)
            if len(problems) < MOST_PROBLEMS:
                problems.append(entry)
        last, before = number, error
    return {"damaged": damaged, "problems": problems}


def _device_dependent(model: ModelFacts | None) -> bool | None:
    """Whether nets in floats choose the entropy tables of the model's files."""
    if model is None or model.family not in FOREIGN:
        return None if model is None else False
    from pseudocodec.integrations.compressai.architectures import ARCHITECTURES, LEAKY

    kind = ARCHITECTURES.get(str(model.net.get("architecture")).removesuffix(LEAKY))
    return kind is None or kind.hyper


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
        "device_dependent": _device_dependent(model),
        "width": size.width if size else None,
        "height": size.height if size else None,
    }
