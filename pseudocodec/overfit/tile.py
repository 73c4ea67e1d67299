"""A tile: a `front` that says how its nets differ from the start, and one stream of all symbols.

The stream is of the differences, tensor by tensor, and then of the latents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import ranges
from pseudocodec.errors import Corrupt
from pseudocodec.overfit import front
from pseudocodec.overfit.context import (
    Tables,
    blank,
    code_latents,
    code_values,
    net_of,
)
from pseudocodec.overfit.design import slices, unflatten
from pseudocodec.overfit.front import Precision
from pseudocodec.overfit.laplace import LIMIT

MOST_PARAMETER = 1 << 18  # absolute value, exclusive: all sums of products stay below 2^53
SLICES = tuple(slices().values())

Vector = NDArray[np.int64]


class Difference(NamedTuple):
    """How a tensor differs from its start: by values (n,) * 2^shift, which are coded at a scale."""

    precision: Precision
    values: NDArray[np.int32]


class Content(NamedTuple):
    """What a tile holds: of each tensor of parameters a difference or None; latents by level."""

    differences: Sequence[Difference | None]
    latents: list[NDArray[np.int32]]


def parameters(start: Vector, content: Content) -> Vector:
    """The parameters (n,) of a tile's nets, which differ from those of `start` (n,).

    Raises Corrupt for nets whose sums could be inexact.
    """
    out: Vector = start.copy()
    for where, difference in zip(SLICES, content.differences, strict=True):
        if difference is not None:
            out[where] += difference.values.astype(np.int64) << difference.precision.shift
    if np.abs(out).max() >= MOST_PARAMETER:
        raise Corrupt("tile: a weight of its nets is out of range; the file is damaged")
    return out


def pack(start: Vector, tables: Tables, content: Content) -> bytes:
    """The bytes of a tile."""
    symbols, _ = _code(start, tables, content, None)
    return _front(content) + ranges.encode(*symbols)


def unpack(start: Vector, tables: Tables, data: bytes, height: int, width: int) -> Content:
    """What a tile of so many pixels holds. Raises Corrupt for what `pack` does not write."""
    found = front.read(data)
    differences = [
        precision and Difference(precision, np.zeros(where.stop - where.start, np.int32))
        for where, precision in zip(SLICES, found.precisions, strict=True)
    ]
    stream = data[found.size :]
    content = Content(differences, blank(height, width))
    symbols, _ = _code(start, tables, content, ranges.words_of(stream))
    present = {i for i, d in enumerate(differences) if d is not None and d.values.any()}
    empty = any(present.isdisjoint(tensors) for tensors in found.together)
    if empty or ranges.encode(*symbols) != stream:
        raise Corrupt("tile: its bytes are none that a writer gives; the file is damaged")
    return content


def bits(start: Vector, tables: Tables, content: Content) -> float:
    """About how long `pack` makes a tile, in bits, without its last byte's padding."""
    (_, sizes), _ = _code(start, tables, content, None)
    return 8.0 * len(_front(content)) + float(24 * len(sizes) - np.log2(sizes).sum())


def clipped(values: NDArray[np.floating]) -> NDArray[np.int32]:
    """Real values as symbols."""
    out: NDArray[np.int32] = np.rint(values).clip(-LIMIT, LIMIT).astype(np.int32)
    return out


def _front(content: Content) -> bytes:
    return front.write([d and d.precision for d in content.differences])


def _code(
    start: Vector, tables: Tables, content: Content, words: NDArray[np.uint32] | None
) -> tuple[tuple[NDArray[np.uint32], NDArray[np.uint32]], Vector]:
    """Where each symbol lies and how wide it is; with `words`, `content` is filled from there."""
    changed = [d for d in content.differences if d is not None]
    count = sum(len(d.values) for d in changed) + sum(plane.size for plane in content.latents)
    places, sizes = np.zeros(count, np.uint32), np.zeros(count, np.uint32)
    given = np.zeros(0, np.uint32) if words is None else words
    state = ranges.start_reading(given)
    at = 0
    for difference in changed:
        values, scale = difference.values, difference.precision.scale
        to = at + len(values)
        decoding = words is not None
        code_values(tables, values, scale, decoding, given, state, places[at:to], sizes[at:to])
        at = to
    vector = parameters(start, content)
    net = net_of(unflatten(vector))
    code_latents(net, tables, content.latents, words, state, places[at:], sizes[at:])
    return (places, sizes), vector
