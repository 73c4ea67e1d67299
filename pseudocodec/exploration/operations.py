"""Changes of a picture's latents, by names that say which: "zero-rows-first", "scale:100".

| name | what happens |
|---|---|
| unchanged | nothing |
| zero-AXIS-PART | PART of the AXIS becomes zero |
| zero-AXIS:A-B | what is from A to B along the AXIS, ends included, becomes zero |
| keep-AXIS:A-B | all but that becomes zero |
| swap-AXIS | the two halves change places |
| scale:F | all is multiplied by F |

AXIS is channels, rows or columns; PART is first, middle or second: a half of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import OutOfRange, PslError

Latents = NDArray[np.float32]

UNCHANGED = "unchanged"
USUAL = (
    "zero-rows-first",
    "zero-rows-second",
    "zero-columns-first",
    "zero-columns-second",
    "zero-channels-first",
    "zero-channels-middle",
    "zero-channels-second",
    "swap-channels",
    "scale:100",
)
"""The changes of the EPFL report "Latent space in image compression" (2021, section 4), with both
halves of each axis, and one more."""

AXES = ("channels", "rows", "columns")
QUARTERS = {"first": (0, 2), "middle": (1, 3), "second": (2, 4)}  # of an axis: a PART

_AXIS = f"({'|'.join(AXES)})"
_NAMES = re.compile(
    rf"unchanged|zero-{_AXIS}-({'|'.join(QUARTERS)})|(zero|keep)-{_AXIS}:(\d{{1,6}})-(\d{{1,6}})"
    rf"|swap-{_AXIS}|scale:(-?\d{{1,4}}(?:\.\d{{1,4}})?)"
)


class Operation(NamedTuple):
    """A change, and its name."""

    name: str

    apply: Callable[[Latents], Latents]
    """Latents (latents, h, w) -> changed ones of that shape; they may share memory.

    Raises OutOfRange for a range that the axis does not have."""


def operation(name: str) -> Operation:
    """The change of that name. Raises PslError for a name of none.

    >>> operation("zero-channels-second").apply(np.ones((4, 1, 2), np.float32))[:, 0, 0]
    array([1., 1., 0., 0.], dtype=float32)
    """
    match = _NAMES.fullmatch(name)
    if not match:
        raise PslError(
            f"operation {name!r}: expected a name such as {', '.join(USUAL[4:])}, "
            "zero-channels:3-7 or keep-channels:0-2"
        )
    axis, part, kind, ranged, start, end, swapped, factor = match.groups()
    if part:
        return Operation(name, partial(_zero_part, AXES.index(axis), QUARTERS[part]))
    if kind:
        span = (int(start), int(end))
        return Operation(name, partial(_zero_range, name, AXES.index(ranged), span, kind == "keep"))
    if swapped:
        return Operation(name, partial(_swap, AXES.index(swapped)))
    return Operation(name, partial(_scale, float(factor or 1)))


def _zero_part(axis: int, quarters: tuple[int, int], latents: Latents) -> Latents:
    size = latents.shape[axis]
    start, end = (size * quarter // 4 for quarter in quarters)
    return _zero(axis, np.arange(start, end), latents)


def _zero_range(
    name: str, axis: int, span: tuple[int, int], keep: bool, latents: Latents
) -> Latents:
    size = latents.shape[axis]
    if not span[0] <= span[1] < size:
        raise OutOfRange(
            f"operation {name!r}: expected a range within the {size} {AXES[axis]} of the latents, "
            f"0 to {size - 1}"
        )
    inside = np.arange(span[0], span[1] + 1)
    return _zero(axis, np.setdiff1d(np.arange(size), inside) if keep else inside, latents)


def _zero(axis: int, places: NDArray[np.int64], latents: Latents) -> Latents:
    changed = latents.copy()
    np.moveaxis(changed, axis, 0)[places] = 0
    return changed


def _swap(axis: int, latents: Latents) -> Latents:
    """Of an odd number the second half is the larger."""
    return np.roll(latents, -(latents.shape[axis] // 2), axis)


def _scale(factor: float, latents: Latents) -> Latents:
    return latents * np.float32(factor)
