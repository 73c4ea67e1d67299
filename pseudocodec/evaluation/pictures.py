"""The pictures of an evaluation, made what the model takes, so that every codec sees the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pseudocodec._text import label
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import as_array, resize, to_8_bit
from pseudocodec.inputs import find
from pseudocodec.metrics import Images
from pseudocodec.model.file import ModelFacts

MAX_BYTES = 1 << 30
"""Pixels of all pictures, which are held in memory."""

Data: TypeAlias = "str | os.PathLike[str] | Sequence[object] | NDArray[Any]"


@dataclass(frozen=True)
class Pictures:
    """What an evaluation measures on."""

    images: Images  # (n, h, w) or (n, h, w, 3) of the model's size, 8 bits
    label: str  # where they are from
    notes: tuple[str, ...]  # what was done to them, a sentence each


def load(
    data: Data, facts: ModelFacts, *, limit: int | None, fit: bool, title: str | None = None
) -> Pictures:
    """The first `limit` pictures of `data` in 8 bits, at the model's size and in its colours.

    `data` is a path that `inputs.find` takes, or a sequence of what `encode` takes, such as an
    array (n, h, w) or (n, h, w, 3). Greys become RGB by repeating them, RGB becomes grey by the
    luma of ITU-R BT.601, and with `fit` another size becomes the model's by Lanczos resampling.
    `title` is what the report calls them; by default the file's name.

    Raises:
        PslError: `limit` is not positive, there is no picture, one is of another size and `fit` is
            not given, or what `find` and `encode` raise for one, naming it.
        TooLarge: the pictures exceed `MAX_BYTES`.
    """
    if limit is not None and limit < 1:
        raise PslError(f"limit={limit}: expected a positive number of pictures")
    shape = (facts.height, facts.width, facts.channels)
    most = MAX_BYTES // int(np.prod(shape))
    images: list[Images] = []
    changes = {"colour": 0, "size": 0}
    for name, read in each(data):
        if len(images) == limit:
            break
        if len(images) == most:
            raise TooLarge(
                f"more than {most} pictures of {shape[1]} x {shape[0]} pixels do not fit the "
                f"memory of an evaluation: pass limit={most} (--limit) or less"
            )
        try:
            images.append(_fitted(read(), facts, changes, fit=fit))
        except PslError as error:
            sentence = str(error)
            raise type(error)(sentence if name in sentence else f"{name}: {sentence}") from error
    if not images:
        raise PslError("there are no pictures to evaluate on: pass at least one")
    stack = np.stack(images)
    return Pictures(
        stack[..., 0] if facts.channels == 1 else stack,
        title or title_of(data),
        _notes(changes, facts),
    )


def each(data: Data) -> Iterator[tuple[str, Callable[[], object]]]:
    """A name for messages and a way to read it, for each picture."""
    if isinstance(data, (str, os.PathLike)):
        for item in find([data]):
            yield item.name, item.load
    else:
        for i in range(len(data)):
            yield f"picture {i}", partial(data.__getitem__, i)


def _fitted(picture: object, facts: ModelFacts, changes: dict[str, int], *, fit: bool) -> Images:
    """One picture (h, w, c) as the model takes it; counts what had to change."""
    pixels = to_8_bit(as_array(picture))
    height, width, channels = pixels.shape
    if channels != facts.channels:
        changes["colour"] += 1
        pixels = np.repeat(pixels, 3, axis=2) if facts.channels == 3 else _luma(pixels)
    if (width, height) != (facts.width, facts.height):
        if not fit:
            raise PslError(
                f"{width} x {height} pixels, model {facts.name!r} takes {facts.width} x "
                f"{facts.height}: pass resize=True to fit it"
            )
        changes["size"] += 1
        return to_8_bit(resize(pixels, facts.width, facts.height))
    return pixels


def _luma(pixels: Images) -> Images:
    return np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]


def title_of(data: Data) -> str:
    """What a report calls the pictures: the name of their file."""
    if isinstance(data, (str, os.PathLike)):
        return label(Path(data).absolute().name)
    return "pictures in memory"


def _notes(changes: dict[str, int], facts: ModelFacts) -> tuple[str, ...]:
    notes = []
    if changes["colour"]:
        colour = "grey" if facts.channels == 1 else "RGB"
        notes.append(f"{changes['colour']:,} pictures were converted to {colour} first.")
    if changes["size"]:
        size = f"{facts.width} x {facts.height}"
        notes.append(
            f"{changes['size']:,} pictures of another size were resized to {size} first, and all "
            "figures are of the resized ones."
        )
    return tuple(notes)
