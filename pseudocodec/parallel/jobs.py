"""What worker processes do to pictures: batches of them to payloads, and back.

A batch is coded the same way whichever process has it, so how many there are does not show in the
bytes. Where one picture cannot be coded its error stands in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.container import Geometry, Record
from pseudocodec.errors import Corrupt, PslError, UnknownModel
from pseudocodec.latent.base import Payload
from pseudocodec.model import AnySizeModel, Model, VectorModel, load_model
from pseudocodec.model.catalogue import by_id
from pseudocodec.photo.codec import decode_payload, encode_payload
from pseudocodec.pipeline import (
    Coder,
    check_payload_size,
    decode_records,
    encode_bits,
    encode_psnr,
)
from pseudocodec.rate import Target

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S")
M = TypeVar("M", bound=Model)
Bytes = NDArray[np.uint8]

Prepared = tuple[Pixels, Geometry | None]
"""A picture (H, W, C) ready to be encoded, and its own size where it differs."""


class Portable(Generic[M]):
    """A loaded model, which travels to other processes as its path and is loaded again there."""

    def __init__(self, model: M) -> None:
        self.model = model

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the path and the id. Raises UnknownModel when the file is gone."""
        return _load_again, (by_id(self.model.id).path, self.model.id)


def _load_again(path: Path, identity: bytes) -> Portable[Model]:
    model = load_model(path)
    if model.id != identity:
        raise UnknownModel(f"{path}: the model changed while it was in use; start again")
    return Portable(model)


@dataclass(frozen=True, slots=True)
class Numbered(Generic[T]):
    """Picture `number` of a list on its way, or what is wrong with it."""

    number: int
    content: T | PslError


class Job(Protocol, Generic[T, R]):
    """Codes a batch: a result for each member, in order, or the error in its place. Pickles."""

    def __call__(self, batch: list[Numbered[T]]) -> list[R | PslError]: ...  # noqa: D102


@dataclass(frozen=True)
class VectorEncoder:
    """Encodes pictures of a model's size at a PSNR if the target is one, else to `bits` each.

    With a `ladder` of lengths `bits` is the mean of a batch, otherwise a whole number.
    """

    model: Portable[VectorModel]
    dense: bool
    target: Target
    bits: float
    effort: int
    device: str
    ladder: tuple[int, ...] = ()

    def __call__(self, batch: list[Numbered[Prepared]]) -> list[Payload | PslError]:
        """Pictures (H, W, C) of the model's size to payloads."""
        return _each(self._encode, batch)

    def _encode(self, prepared: list[Prepared]) -> list[Payload]:
        pictures = [pixels for pixels, _ in prepared]
        coder = Coder(self.model.model, self.dense, self.effort, self.device)
        if self.target.psnr is not None:
            return encode_psnr(coder, pictures, self.target.psnr, align=1)
        return encode_bits(coder, pictures, self.bits, self.ladder)


@dataclass(frozen=True)
class PhotoEncoder:
    """Encodes photographs, each to the target."""

    model: Portable[AnySizeModel]
    target: Target
    effort: int
    device: str

    def __call__(self, batch: list[Numbered[Prepared]]) -> list[Payload | PslError]:
        """Pictures (H, W, C) of any size to payloads."""
        return _each(self._encode, batch)

    def _encode(self, prepared: list[Prepared]) -> list[Payload]:
        return [self._one(pixels) for pixels, _ in prepared]

    def _one(self, pixels: Pixels) -> Payload:
        payload = encode_payload(
            self.model.model, pixels, self.target, effort=self.effort, device=self.device
        )
        return payload, 8 * len(payload)


@dataclass(frozen=True)
class VectorDecoder:
    """Decodes records of an archive whose pictures have `size`, where it is not the model's."""

    model: Portable[VectorModel]
    dense: bool
    size: Geometry | None
    device: str

    def __call__(self, batch: list[Numbered[Record]]) -> list[Bytes | PslError]:
        """Records to pictures (H, W) or (H, W, 3)."""
        return _each(self._decode, batch)

    def _decode(self, records: list[Record]) -> list[Bytes]:
        facts = self.model.model.facts
        coder = Coder(self.model.model, self.dense, device=self.device)
        for record in records:
            check_payload_size(coder, record.nbits)
        own = self.size == Geometry(facts.width, facts.height)
        return list(decode_records(coder, records, None if own else self.size))


@dataclass(frozen=True)
class PhotoDecoder:
    """Decodes photographs of an archive."""

    model: Portable[AnySizeModel]
    dense: bool
    size: Geometry | None
    device: str

    def __call__(self, batch: list[Numbered[Record]]) -> list[Bytes | PslError]:
        """Records to pictures (H, W) or (H, W, 3)."""
        return _each(self._decode, batch)

    def _decode(self, records: list[Record]) -> list[Bytes]:
        return [self._one(record) for record in records]

    def _one(self, record: Record) -> Bytes:
        if record.nbits % 8:
            raise Corrupt(f"{record.nbits} bits are no photo payload")
        size = record.geometry or self.size
        model, dense = self.model.model, self.dense
        return decode_payload(model, record.payload, size, dense=dense, device=self.device)


@dataclass(frozen=True)
class Then(Generic[T, R, S]):
    """Codes a batch, then applies `function` to the number and the result of each member."""

    job: Job[T, R]
    function: Callable[[int, R], S]

    def __call__(self, batch: list[Numbered[T]]) -> list[S | PslError]:
        """What the function returns, or its PslError."""
        coded = self.job(batch)
        return [self._one(member.number, it) for member, it in zip(batch, coded, strict=True)]

    def _one(self, number: int, coded: R | PslError) -> S | PslError:
        if isinstance(coded, PslError):
            return coded
        try:
            return self.function(number, coded)
        except PslError as error:
            return error


def unchanged(_: int, picture: Bytes) -> Bytes:
    """The function that does nothing to a picture."""
    return picture


def _each(code: Callable[[list[T]], Sequence[R]], batch: list[Numbered[T]]) -> list[R | PslError]:
    good = [member.content for member in batch if not isinstance(member.content, PslError)]
    coded = iter(_apart(code, good))
    return [
        member.content if isinstance(member.content, PslError) else next(coded) for member in batch
    ]


def _apart(code: Callable[[list[T]], Sequence[R]], items: list[T]) -> list[R | PslError]:
    """Code `items` together; if that fails each half of them, down to the single ones to blame."""
    if not items:
        return []
    try:
        return [*code(items)]
    except PslError as error:
        if len(items) == 1:
            return [error]
    half = len(items) // 2
    return _apart(code, items[:half]) + _apart(code, items[half:])
