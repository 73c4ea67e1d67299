"""Any point of a latent space, coded for real: a payload as an encoder writes, and its picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import ArchiveWriter
from pseudocodec.errors import PslError
from pseudocodec.exploration.points import Point
from pseudocodec.files import atomic_write
from pseudocodec.latent._checks import checked_latents
from pseudocodec.latent.base import LatentCode, Payload
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.seed import SeedCode
from pseudocodec.model import VectorModel
from pseudocodec.pipeline import Coder, finish

Bytes = NDArray[np.uint8]
Vector = NDArray[np.float32]


class Coded(NamedTuple):
    """A point of the latent space of a model: its payload, and what decodes from it."""

    model: VectorModel

    dense: bool
    """Whether the payload is in the model's dense code."""

    payload: bytes

    bits: int
    """Of the payload, zero padded to whole bytes."""

    seeds: tuple[int, ...] | None
    """Those of a seed or composition code, in the order of the payload; None for another code."""

    signs: tuple[int, ...] | None
    """+1 or -1 for each seed: what its sequence is multiplied by."""

    distance: float
    """From the point to the decoded latents: root mean square of the differences, in the units of
    the latents, which have unit variance or lie in [-1, 1]."""

    pixels: Bytes
    """The decoded picture at the model's size, (H, W) or (H, W, 3)."""

    uncoded: Bytes
    """What the generator makes of the point itself, which no payload holds."""


@dataclass(frozen=True)
class Space:
    """Where points are coded: a latent code of a model, at so many bits each."""

    coder: Coder
    bits: int

    @classmethod
    def of(cls, first: Point, bits: int, *, effort: int, device: str) -> Space:
        """The code of `first`, with `bits` or as many as it has."""
        coder = Coder(first.model, first.dense, effort, device)
        return cls(coder, min(bits, max(coder.code.max_bits, first.payload[1])))

    def code(self, wanted: Vector) -> Coded:
        """The point `wanted` (dims,), coded. Raises PslError for an effort outside 0 to 9."""
        code = self.coder.code
        symbols = _symbols(code, wanted, self.bits, self.coder.effort)
        [payload] = code.pack(symbols, self.bits)
        return decoded(self.coder, payload, wanted)


def decoded(coder: Coder, payload: Payload, wanted: Vector | None = None) -> Coded:
    """What a payload for the point `wanted` (dims,) decodes to; None: for the point it has.

    Pictures are decoded one at a time, as `pseudocodec.decode` does: they have the same pixels.
    Raises Corrupt.
    """
    code, (data, bits) = coder.code, payload
    symbols = code.unpack(data, bits)
    usable = code.usable_bits(bits)
    [found] = code.decode(symbols[None], usable)

    def picture(latents: Vector) -> Bytes:
        level = np.array([code.level(usable)], np.float32)
        return finish(coder.model.synthesise(latents[None], level, coder.device)[0], None)

    pixels = picture(found)
    terms = _terms(code, symbols)
    return Coded(
        model=coder.model,
        dense=coder.dense,
        payload=data,
        bits=bits,
        seeds=None if terms is None else tuple(seed for seed, _ in terms),
        signs=None if terms is None else tuple(sign for _, sign in terms),
        distance=0.0 if wanted is None else float(np.sqrt(np.mean((found - wanted) ** 2))),
        pixels=pixels,
        uncoded=pixels if wanted is None else picture(wanted),
    )


def save_coded(
    path: str | os.PathLike[str], results: Sequence[Coded], *, overwrite: bool = False
) -> None:
    """Write an archive of the payloads, which decode to the pictures shown.

    Raises PslError for an existing `path` without `overwrite`, an unwritable one, no results, and
    results of which some are progressive and others dense: an archive has one latent code.
    """
    if not results:
        raise PslError("there is nothing to save; an archive holds at least one picture")
    if len({(each.model.id, each.dense) for each in results}) > 1:
        raise PslError(
            "some of the pictures are progressive and others dense, and an archive has one latent "
            "code: encode the sources alike, with --progressive or --dense"
        )
    first = results[0]
    with (
        atomic_write(path, overwrite=overwrite) as file,
        ArchiveWriter(file, first.model.id, dense=first.dense) as writer,
    ):
        for each in results:
            writer.add(each.payload, each.bits)


def _symbols(code: LatentCode, wanted: Vector, bits: int, effort: int) -> NDArray[np.int64]:
    """Those of the point (dims,), (1, k); of a seed code the nearest of all seeds.

    Between two sequences there is none: the ways of `SeedCode` to a sequence that is near would
    miss the nearest of those that are not.
    """
    from pseudocodec.latent.nearest import nearest_seeds, searchable  # numba: for encoders only

    if isinstance(code, SeedCode) and searchable(code.lcg):
        return nearest_seeds(code.lcg, checked_latents(wanted[None], code.dims, effort))
    return code.encode(wanted[None], bits, effort)


def _terms(code: LatentCode, symbols: NDArray[np.int64]) -> list[tuple[int, int]] | None:
    """Seeds and signs of the symbols (k,) of one payload, where the code has seeds."""
    if isinstance(code, SeedCode):
        return [(int(seed), 1) for seed in symbols.view(np.uint64)]
    if isinstance(code, Composition):
        heads = (symbols >> code.weight_bits).tolist()
        return [(head >> 1, -1 if head & 1 else 1) for head in heads]
    return None
