"""What precedes a tile's stream: which tensors of its nets differ from the start, and how exactly.

| size | field | |
|---|---|---|
| 2 | u16 tensors | bits 0 to 6 and 8 to 15: these of the 15 differ; bit 7 is 1 |
| 1 for each such tensor | u8 precision | 16 shift + spread, which is of `SPREADS` |

Differences are in steps of 2^shift. Files of before have one precision for a group of tensors:

| size | field | |
|---|---|---|
| 1 | u8 groups | bits 0 to 4: these of the groups differ; bits 5 to 7 are 0 |
| 2 for each such group | u8 shift, u8 scale | differences in 2^shift, coded at that scale |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from pseudocodec.errors import Corrupt
from pseudocodec.overfit.design import SHAPES
from pseudocodec.overfit.laplace import SCALES

SPREADS: Final = range(20, SCALES, 5)
"""The scales that are written: from 0.18 by 5/8 octave, which costs 1/100 bit a symbol."""
MOST_SHIFT: Final = 15
_GROUPS: Final = ((0, 1, 2), (3, 4, 5), (6,), (7, 8, 9, 10), (11, 12, 13, 14))
_MOST_GROUP_SHIFT: Final = 14
_LOW: Final = 7  # tensors before the bit that tells the form


class Precision(NamedTuple):
    """How exactly differences are held: in steps of 2^shift, coded at a scale."""

    shift: int
    scale: int


class Front(NamedTuple):
    """The precision of each tensor, or None; tensors of which one at least differs; its bytes."""

    precisions: tuple[Precision | None, ...]
    together: tuple[tuple[int, ...], ...]
    size: int


def write(precisions: Sequence[Precision | None]) -> bytes:
    """The bytes of tensors' precisions, whose scales are of `SPREADS`."""
    tensors = sum(1 << i + (i >= _LOW) for i, p in enumerate(precisions) if p is not None)
    held = bytes(16 * p.shift + SPREADS.index(p.scale) for p in precisions if p is not None)
    return (tensors | 1 << _LOW).to_bytes(2, "little") + held


def read(data: bytes) -> Front:
    """The front of a tile. Raises Corrupt for what no version writes."""
    if not data:
        raise Corrupt("tile: 0 bytes; the file is truncated or damaged")
    return _tensors(data) if data[0] >> _LOW else _groups(data)


def _tensors(data: bytes) -> Front:
    tensors = int.from_bytes(data[:2], "little")
    changed = [i for i in range(len(SHAPES)) if tensors >> i + (i >= _LOW) & 1]
    size = 2 + len(changed)
    if len(data) < size:
        raise Corrupt(f"tile: {len(data)} bytes; the file is truncated or damaged")
    pairs = (divmod(value, 16) for value in data[2:size])
    held = {i: Precision(shift, SPREADS[j]) for i, (shift, j) in zip(changed, pairs, strict=True)}
    return _front(held, [(i,) for i in changed], size)


def _groups(data: bytes) -> Front:
    if data[0] >= 1 << len(_GROUPS):
        raise Corrupt(f"tile: unknown groups {data[0]:#x}; the file is damaged")
    changed = [group for i, group in enumerate(_GROUPS) if data[0] >> i & 1]
    size = 1 + 2 * len(changed)
    pairs = list(zip(data[1:size:2], data[2:size:2], strict=False))
    if len(pairs) < len(changed) or any(s > _MOST_GROUP_SHIFT or r >= SCALES for s, r in pairs):
        raise Corrupt("tile: the precision of its nets is out of range; the file is damaged")
    held = {i: Precision(*pair) for group, pair in zip(changed, pairs, strict=True) for i in group}
    return _front(held, changed, size)


def _front(held: dict[int, Precision], together: Sequence[tuple[int, ...]], size: int) -> Front:
    return Front(tuple(held.get(i) for i in range(len(SHAPES))), tuple(together), size)
