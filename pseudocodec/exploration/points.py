"""Pictures of .psl files as points of the latent space of their model.

A point is what a file says, its symbols, and not the picture it was made from: the latents are
those that every decoder computes from it, exactly.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pseudocodec._text import label
from pseudocodec.container import (
    ArchiveReader,
    Source,
    is_archive,
    open_source,
    read_single,
    read_whole,
)
from pseudocodec.container.layout import COMMON
from pseudocodec.container.remote import Where, place_of
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.inputs import files_in
from pseudocodec.latent.base import LatentCode, Payload
from pseudocodec.model import VectorModel, model_of
from pseudocodec.model.load import load_vector_model
from pseudocodec.picture import KNOWN
from pseudocodec.pipeline import Coder, check_payload_size

SUFFIXES = frozenset({".psl"})  # of the files that count in a folder, in any case
Vectors = NDArray[np.float32]


class Point(NamedTuple):
    """A picture of a file: its payload, in one of the latent codes of a model."""

    name: str  # of the file, for messages
    model: VectorModel
    dense: bool
    payload: Payload

    @property
    def code(self) -> LatentCode:
        """The latent code of the payload."""
        return self.model.code_for(self.dense)


def read_point(source: Source, index: int | None, name: str) -> Point:
    """The picture of a file; of an archive that of number `index`, from the end if negative.

    `name` is that of the argument: it stands for the source in messages where that is no file, and
    `index_NAME` is what they call `index`.

    Raises what `pseudocodec.decode` raises; PslError for a model that is not one of one kind of
    pictures, for an archive without `index` and for a picture with one; OutOfRange.
    """
    with naming(source, name) as file_name, open_source(source) as file:
        if not is_archive(file.read(COMMON.size)):
            if index is not None:
                raise PslError(
                    f"the file holds a single picture: leave out index_{name} (--index-{name})"
                )
            return _single(file, file_name)
        reader = ArchiveReader(file)
        if index is None:
            raise PslError(
                f"the file is an archive of {reader.count:,} pictures: say which one with "
                f"index_{name} (--index-{name}), from 0 to {reader.count - 1}"
            )
        model = load_vector_model(model_of(reader.model_id))
        return _record(reader, model, index + reader.count if index < 0 else index, file_name)


def read_points(sources: Iterable[Source], name: str) -> Iterator[Point]:
    """The pictures of single files, of archives, and of all .psl files in folders, in order.

    In a folder they are sorted by name, and hidden ones left out. `name` is that of the argument,
    for messages. Raises as `read_point`, and PslError for a folder without any.
    """
    for source in sources:
        for each in _files(source):
            yield from _all(each, name)


def latents_of(points: Sequence[Point]) -> Vectors:
    """The decoded latents (n, dims) of points of one model. Raises Corrupt."""
    return np.concatenate([_latents(point) for point in points])


def same_model(first: Point, other: Point) -> None:
    """Raises PslError, naming both, for points of different models."""
    if first.model.id != other.model.id:
        raise PslError(
            f"{first.name} is of model {_called(first.model)}, {other.name} of model "
            f"{_called(other.model)}: latents of different models do not mix, encode all with one"
        )


@contextmanager
def naming(source: object, name: str) -> Iterator[str]:
    """Errors of the block begin with the file's name, or with `name` where there is none.

    Gives that name to the block.
    """
    if isinstance(source, (str, os.PathLike)) or hasattr(source, "fs"):
        name = label(place_of(cast(Where, source)))
    try:
        yield name
    except PslError as error:
        sentence = str(error)
        if len(name) > 1 and name in sentence:  # a single letter is in any sentence
            raise
        raise type(error)(f"{name}: {sentence}") from error


def _latents(point: Point) -> Vectors:
    data, bits = point.payload
    with naming(None, point.name):  # alone, so that the name is that of the bad one
        symbols = point.code.unpack(data, bits)
        return point.code.decode(symbols[None], point.code.usable_bits(bits))


def _called(model: VectorModel) -> str:
    return f"{model.facts.name!r} ({model.id.hex()})"


def _files(source: Source) -> Iterator[Source]:
    """The source itself, or the files of a folder."""
    place = place_of(source) if isinstance(source, (str, os.PathLike)) else None
    if place is None or not place.is_dir():
        yield source
        return
    found = False
    for path in files_in(place, SUFFIXES):
        found = True
        yield cast(Source, path)
    if not found:
        raise PslError(
            f"{label(place)} holds no .psl file: encode pictures into it first, as with "
            "`pseudocodec encode IN --each -o FOLDER`"
        )


def _all(source: Source, name: str) -> Iterator[Point]:
    with naming(source, name) as file_name, open_source(source) as file:
        if not is_archive(file.read(COMMON.size)):
            yield _single(file, file_name)
            return
        reader = ArchiveReader(file)
        model = load_vector_model(model_of(reader.model_id))
        for number in range(reader.count):
            yield _record(reader, model, number, file_name)


def _single(file: BinaryIO, name: str) -> Point:
    single = read_single(read_whole(file), known=KNOWN)
    model = load_vector_model(model_of(single.model_id))
    if any(chunk.tag in KNOWN for chunk in single.chunks):
        raise Corrupt("the file claims transparency, which its model does not have; it is damaged")
    return _point(name, model, single.dense, (single.payload, 8 * len(single.payload)))


def _record(reader: ArchiveReader, model: VectorModel, number: int, name: str) -> Point:
    record = reader.record(number)
    return _point(f"{name}[{number}]", model, reader.dense, (record.payload, record.nbits))


def _point(name: str, model: VectorModel, dense: bool, payload: Payload) -> Point:
    check_payload_size(Coder(model, dense), payload[1])
    return Point(name, model, dense, payload)
