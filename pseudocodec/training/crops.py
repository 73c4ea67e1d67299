"""Photographs for training: squares cut from pictures of any size, held in memory as uint8."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import as_array, to_8_bit
from pseudocodec.inputs import Input, find
from pseudocodec.training.data import MAX_TRAINING_BYTES, share_of, split
from pseudocodec.training.run import RunRecipe

SIDE = 256  # pixels of a square kept in memory; crops of a step are cut from it
MOST_OF_ONE = 64  # squares of one picture
FEWEST = 64
HELD_OUT, MOST_HELD_OUT = 0.01, 24  # of the squares, unless told otherwise

Bytes = npt.NDArray[np.uint8]


def load_crops(
    data: str | os.PathLike[str],
    *,
    side: int = SIDE,
    fewest: int = FEWEST,
    skip_bad: bool = False,
) -> tuple[Tensor, tuple[str, ...]]:
    """Squares (N, 3, side, side), uint8, of all pictures of `data`, and notes for their owner.

    A picture gives as many squares as fit beside each other, at most MOST_OF_ONE, from its middle;
    smaller pictures are left out, grey ones repeated in three channels.

    Raises PslError for an unreadable picture (unless `skip_bad`) and for less than `fewest`
    squares, TooLarge for more than MAX_TRAINING_BYTES.
    """
    squares: list[Bytes] = []
    small = bad = 0
    for item in find([data]):
        try:
            pixels = to_8_bit(as_array(item.load()))
        except PslError as error:
            if not skip_bad:
                raise type(error)(
                    f"{_named(item, error)}; skip_bad=True (--skip-bad) leaves such pictures out"
                ) from error
            bad += 1
            continue
        before = len(squares)
        squares.extend(_squares(pixels, side))
        small += len(squares) == before
        if len(squares) * 3 * side**2 > MAX_TRAINING_BYTES:
            raise TooLarge(
                f"the squares need more than {MAX_TRAINING_BYTES} bytes: train on a part of them"
            )
    if len(squares) < fewest:
        raise PslError(
            f"{data}: {len(squares)} squares of {side} x {side} pixels, at least {fewest} are "
            f"needed ({small} pictures are smaller, {bad} could not be read)"
        )
    notes = []
    if small:
        notes.append(f"{small} pictures are smaller than {side} x {side} pixels and were left out")
    if bad:
        notes.append(f"{bad} pictures could not be read and were left out")
    stacked = np.empty((len(squares), 3, side, side), np.uint8)
    for i, square in enumerate(squares):
        stacked[i] = square.transpose(2, 0, 1)
    return torch.from_numpy(stacked), tuple(notes)


def load_split(
    data: str | os.PathLike[str],
    holdout: float | str | os.PathLike[str] | None,
    seed: int,
    *,
    skip_bad: bool,
    on_note: Callable[[str], None],
) -> tuple[Tensor, Tensor]:
    """Squares to learn from and held-out ones, each (N, 3, SIDE, SIDE), uint8.

    `holdout` is a share below 0.5, also as text, or where other photographs are; None for HELD_OUT,
    at most MOST_HELD_OUT. Raises PslError as `load_crops`, and for a share out of range.
    """
    squares, notes = load_crops(data, skip_bad=skip_bad)
    share = None if holdout is None else share_of(holdout)
    if share is not None:
        squares, held_out = split(squares, seed, share, most=len(squares))
    elif holdout is not None:
        held_out, others = load_crops(str(holdout), fewest=1, skip_bad=skip_bad)
        notes += others
    else:
        squares, held_out = split(squares, seed, HELD_OUT, MOST_HELD_OUT)
    for sentence in notes:
        on_note(sentence)
    on_note(f"{len(squares):,} squares to learn from, {len(held_out):,} held out")
    return squares, held_out


@dataclass(frozen=True)
class CropRecipe(RunRecipe):
    """A recipe of runs on random crops of photographs: see `Crops`."""

    crop: int = 128  # pixels a side
    batch: int = 8  # crops a step and process
    most_shrink: float = 2.0
    unshrunk: float = 0.25  # share of the steps that take crops as they are


class Crops:
    """Random crops (batch, 3, crop, crop) in [0, 1] of squares held as uint8 (N, 3, S, S).

    All crops of a step are first cut larger by one random factor up to `most_shrink` and scaled
    down, so that compression artefacts of the sources vanish; a share `unshrunk` of the steps takes
    them as they are. Crops are mirrored and transposed at random.
    """

    def __init__(
        self, squares: Tensor, *, crop: int, batch: int, most_shrink: float, unshrunk: float
    ) -> None:
        self.squares, self.crop, self.batch = squares, crop, batch
        self.most_shrink, self.unshrunk = most_shrink, unshrunk

    @staticmethod
    def of(squares: Tensor, recipe: CropRecipe) -> Crops:
        """As the recipe says."""
        return Crops(
            squares,
            crop=recipe.crop,
            batch=recipe.batch,
            most_shrink=recipe.most_shrink,
            unshrunk=recipe.unshrunk,
        )

    def draw(self) -> Tensor:
        """The crops of a step, on the device of the squares, channels last."""
        size = self.squares.shape[2]
        shrink = 1.0
        if float(torch.rand(())) >= self.unshrunk:
            shrink += float(torch.rand(())) * (min(self.most_shrink, size / self.crop) - 1)
        side = min(size, round(self.crop * shrink))
        pick = torch.randint(len(self.squares), (self.batch,)).tolist()
        corners = torch.randint(size - side + 1, (2, self.batch)).tolist()
        cut = [
            self.squares[i, :, y : y + side, x : x + side]
            for i, y, x in zip(pick, *corners, strict=True)
        ]
        images = torch.stack(cut).float() / 255
        if side != self.crop:
            to = (self.crop, self.crop)
            images = F.interpolate(images, to, mode="bicubic", antialias=True).clamp(0, 1)
        if float(torch.rand(())) < 0.5:
            images = images.flip(3)
        if float(torch.rand(())) < 0.5:
            images = images.transpose(2, 3)
        return images.contiguous(memory_format=torch.channels_last)


def _squares(pixels: Bytes, side: int) -> Iterator[Bytes]:
    """Squares (side, side, 3) of a picture (H, W, 1 or 3)."""
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    top, left = (pixels.shape[0] - rows * side) // 2, (pixels.shape[1] - columns * side) // 2
    for number in range(min(rows * columns, MOST_OF_ONE)):
        y = top + number // columns * side
        x = left + number % columns * side
        square = pixels[y : y + side, x : x + side]
        yield np.broadcast_to(square, (side, side, 3)).copy()


def _named(item: Input, error: PslError) -> str:
    sentence = str(error)
    return sentence if item.name in sentence else f"{item.name}: {sentence}"
