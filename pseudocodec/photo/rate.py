"""Which level meets a target: bytes never above what was asked, PSNR never below."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import TypeVar

import numpy as np

from pseudocodec._pixels import Pixels
from pseudocodec.errors import PslError
from pseudocodec.image import to_8_bit
from pseudocodec.metrics import psnr as psnr_of
from pseudocodec.model.base import AnySizeModel
from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo.encoder import Coded, Encoder
from pseudocodec.photo.progress import OnProgress
from pseudocodec.rate import Target

CLOSE_BYTES = 0.005  # of the size asked for: near enough to stop searching
CLOSE_PSNR = 0.02  # dB
EQUAL = 200.0  # dB that equal pictures count for: the search needs numbers
MOST_TRIES = 14
CORRECTIONS = 4  # with steps of refinement
USUAL_RATIO = 3.5  # natural logarithm of how much larger files are at the top than at level 0
USUAL_DECIBELS = 14.0  # by which the top is better

T = TypeVar("T")


@singledispatch
def encode_pixels(
    model: AnySizeModel,
    pixels: Pixels,
    target: Target,
    *,
    overhead: int = 0,
    effort: int,
    device: str,
    on_progress: OnProgress = None,
) -> bytes:
    """The payload of a picture (H, W, 1 or 3) for a target, by the kind of the model.

    `overhead` bytes of the file are not payload. `on_progress` is called on the way by encoders
    that take long. Raises PslError for an effort outside 0 to 9 and a target out of reach.
    """
    raise TypeError(f"{type(model).__name__} has no encoder")


@encode_pixels.register(PhotoModel)
def _(
    model: PhotoModel,
    pixels: Pixels,
    target: Target,
    *,
    overhead: int = 0,
    effort: int,
    device: str,
    on_progress: OnProgress = None,
) -> bytes:
    encoder = Encoder(model, pixels, effort=effort, device=device)
    return encode_to(encoder, target, overhead).payload


def encode_to(encoder: Encoder, target: Target, overhead: int) -> Coded:
    """The picture coded for `target`; `overhead` bytes of the file are not payload.

    The level is searched without steps of refinement, and corrected with them.
    Raises PslError for a size or PSNR that no level reaches.
    """
    if target.quality is not None:
        return encoder.encode(round(target.quality / 100 * encoder.model.code.top))
    if target.psnr is not None:
        return _for_psnr(encoder, target.psnr)
    budget = target.bytes_for(encoder.grid.width * encoder.grid.height)
    assert budget is not None
    return _for_bytes(encoder, budget - overhead, overhead)


def _for_bytes(encoder: Encoder, budget: int, overhead: int) -> Coded:
    """The finest level of at most `budget` bytes of payload."""
    plain, top = encoder.plain, encoder.model.code.top
    smallest = plain.encode(0)
    if len(smallest.payload) > budget:
        raise PslError(
            f"a file of {budget + overhead} bytes was asked for; this picture of "
            f"{encoder.grid.width} x {encoder.grid.height} pixels takes at least "
            f"{len(smallest.payload) + overhead} with model {encoder.model.facts.name!r}: "
            "ask for more, or scale it down first"
        )

    def excess(coded: Coded) -> float:
        return float(np.log(len(coded.payload) / budget))

    def close(error: float) -> bool:
        return -CLOSE_BYTES <= error <= 0

    found = _search(plain.encode, excess, (0, smallest), top, close)
    return _corrected(encoder, found, excess, USUAL_RATIO / top, close)


def _for_psnr(encoder: Encoder, target: float) -> Coded:
    """The coarsest level that decodes at `target` dB or more."""
    plain, top = encoder.plain, encoder.model.code.top
    wanted = to_8_bit(encoder.pixels)

    def lack(coded: Coded) -> float:
        return target - min(psnr_of(wanted, encoder.decode(coded)), EQUAL)

    def close(error: float) -> bool:
        return -CLOSE_PSNR <= error <= 0

    finest = plain.encode(top)
    missing = lack(finest)
    if missing > 0:
        raise PslError(
            f"psnr={target}: model {encoder.model.facts.name!r} reaches {target - missing:.1f} dB "
            "on this picture at most; ask for less, or for quality=100"
        )
    # Levels counted down from the top: the finest fits, and the search is for the last that does.
    found = _search(lambda down: plain.encode(top - down), lack, (0, finest), top, close)
    return _corrected(encoder, found, lack, -USUAL_DECIBELS / top, close)


def _corrected(
    encoder: Encoder,
    plain: Coded,
    excess: Callable[[Coded], float],
    slope: float,
    close: Callable[[float], bool],
) -> Coded:
    """With steps of refinement, a level near that of `plain` whose excess is not above zero.

    `slope` is how the excess usually grows with the level; what is returned fits in any case.
    """
    if encoder.plain is encoder:
        return plain
    top, level = encoder.model.code.top, plain.level
    best: tuple[float, Coded] | None = None
    for _ in range(CORRECTIONS):
        found = encoder.encode(level)
        error = excess(found)
        if error <= 0 and (best is None or error > best[0]):
            best = error, found
        step = -round(error / slope)
        if close(error) or not step:
            break
        level = min(max(level + step, 0), top)
    return best[1] if best else plain


def _search(
    make: Callable[[int], T],
    excess: Callable[[T], float],
    fits: tuple[int, T],
    top: int,
    close: Callable[[float], bool],
) -> T:
    """The last of `make(0)` ... `make(top)` whose excess is not above zero, or one close to it.

    `excess` rises with the number, nearly everywhere. Interpolates between what is known and
    halves when that stalls (Illinois). What is returned fits, whatever the shape.
    """
    low, best = fits
    below = reached = excess(best)
    last = make(top)
    above = excess(last)
    if above <= 0:
        return last
    high = top
    side = 0
    for _ in range(MOST_TRIES):
        if close(reached) or high - low <= 1:
            break
        share = below / (below - above)
        middle = min(max(low + round(share * (high - low)), low + 1), high - 1)
        found = make(middle)
        error = excess(found)
        if error <= 0:
            low, best, below, reached = middle, found, error, error
            above = above / 2 if side == 1 else above
            side = 1
        else:
            high, above = middle, error
            below = below / 2 if side == -1 else below
            side = -1
    return best
