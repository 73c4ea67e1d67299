"""Decode every picture of a file to find what its checksums cannot show.

A checksum says that the bytes are those that were written. Whether a reader can use them is
another question: a writer may have erred, or another one may have made the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import ArchiveReader, Record, Single
from pseudocodec.errors import Corrupt, DeviceDependentWarning, PslError
from pseudocodec.model import AnySizeModel, ForeignModel, Model, VectorModel, model_of
from pseudocodec.photo.codec import tiles_of
from pseudocodec.photo.decoder import Tiles, synthesise
from pseudocodec.picture import ALPHA, from_chunks
from pseudocodec.pipeline import BATCH, Coder, check_payload_size

Found = tuple[int, PslError]  # the number of a picture and what is wrong with it
Check = Callable[[Sequence[Record]], Iterator[Found]]  # numbers count within the records


def check_single(single: Single, *, device: str = "auto") -> Iterator[Found]:
    """What is wrong with the picture of a file whose checksum is right.

    Raises UnknownModel, and PslError for a model that cannot be loaded.
    """
    model = model_of(single.model_id)
    if isinstance(model, ForeignModel):
        yield from _check_foreign(model, single, device)
        return
    record = Record(single.payload, 8 * len(single.payload), single.geometry)
    yield from _check_of(model, dense=single.dense, device=device)([record])
    try:
        check_chunks(model, single)
    except PslError as error:
        yield 0, error


def check_chunks(model: Model, single: Single) -> None:
    """Refuse chunks that do not fit the picture: Corrupt, TooLarge, UnsupportedVersion."""
    if isinstance(model, VectorModel) and any(chunk.tag == ALPHA for chunk in single.chunks):
        raise Corrupt("the file claims transparency, which its model does not have")
    width, height = single.geometry or (model.facts.width, model.facts.height)
    from_chunks(single.chunks, width, height)


def check_archive(
    reader: ArchiveReader,
    *,
    device: str = "auto",
    on_progress: Callable[[int], None] | None = None,
) -> Iterator[Found]:
    """What is wrong with the pictures of an archive, in order; a damaged block is all of its.

    Memory: a block, and `pipeline.BATCH` pictures of a model of one size or one photo. Raises as
    `check_single`.
    """
    check = _check_of(model_of(reader.model_id), dense=reader.dense, device=device)
    for b in range(reader.block_count):
        numbers = range(b * reader.block_images, min((b + 1) * reader.block_images, reader.count))
        try:
            reader.check_block(b)
        except PslError as error:
            yield from ((i, error) for i in numbers)
            continue
        for start in range(0, len(numbers), BATCH):
            yield from _check_part(reader, numbers[start : start + BATCH], check)
            if on_progress:
                on_progress(numbers[min(start + BATCH, len(numbers)) - 1] + 1)


def _check_part(reader: ArchiveReader, numbers: range, check: Check) -> Iterator[Found]:
    """What is wrong with some records of a block."""
    found, records, own = [], [], []
    for i in numbers:
        try:
            record = reader.record(i)
        except PslError as error:  # its picture size
            found.append((i, error))
            continue
        records.append(record._replace(geometry=record.geometry or reader.geometry))
        own.append(i)
    found += [(own[k], error) for k, error in check(records)]
    yield from sorted(found, key=lambda item: item[0])


def _check_of(model: Model, *, dense: bool, device: str) -> Check:
    if isinstance(model, AnySizeModel):
        return partial(_check_photos, model, dense, device)
    if isinstance(model, VectorModel):
        return partial(_check_vectors, Coder(model, dense, device=device))
    raise PslError(f"model {model.facts.name!r} has no archives; the file is damaged")


def vector_latents(coder: Coder, record: Record) -> NDArray[np.float32]:
    """The latents (1, d) of a payload, which must be one that the code writes.

    Raises Corrupt for any other, PslError when the model has no such code.
    """
    check_payload_size(coder, record.nbits)
    code, (payload, bits) = coder.code, record[:2]
    symbols = code.unpack(payload, bits)[None]
    latents = code.decode(symbols, code.usable_bits(bits))
    if code.pack(symbols, bits) != [(payload, bits)]:
        raise Corrupt(f"the payload of {bits} bits is none that its model writes")
    return latents


def photo_tiles(model: AnySizeModel, record: Record, *, dense: bool) -> Tiles:
    """The tiles of a payload, whose latents are decoded when they are asked for.

    Raises Corrupt for a record that no writer of photos makes.
    """
    if record.nbits % 8:
        raise Corrupt(f"{record.nbits} bits are no photo payload")
    return tiles_of(model, record.payload, record.geometry, dense=dense)


def _check_vectors(coder: Coder, records: Sequence[Record]) -> Iterator[Found]:
    good, levels = [], []
    for k, record in enumerate(records):
        try:
            good.append(vector_latents(coder, record))
            levels.append(coder.code.level(record.nbits))
        except PslError as error:
            yield k, error
    if good:
        coder.model.synthesise(np.concatenate(good), np.array(levels, np.float32), coder.device)


def _check_photos(
    model: AnySizeModel, dense: bool, device: str, records: Sequence[Record]
) -> Iterator[Found]:
    for k, record in enumerate(records):
        damage: list[PslError] = []

        def on_damage(_: int, error: Corrupt, damage: list[PslError] = damage) -> None:
            damage.append(error)

        try:
            tiles = photo_tiles(model, record, dense=dense)
            synthesise(model, tiles, device=device, on_damage=on_damage)
        except PslError as error:
            damage.append(error)
        yield from ((k, error) for error in damage)


def _check_foreign(model: ForeignModel, single: Single, device: str) -> Iterator[Found]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeviceDependentWarning)  # `info` says so
        try:
            model.decode_picture(single, region=None, device=device)
        except PslError as error:
            yield 0, error
