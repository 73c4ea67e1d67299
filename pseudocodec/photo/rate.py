"""Which level meets a target: bytes never above what was asked, PSNR never below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import Generic, NamedTuple, TypeVar

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

EQUAL = 200.0  # dB that equal pictures count for: the search needs numbers
MOST_TRIES = 14
CORRECTIONS = 5  # tries with steps of refinement


class Usual(NamedTuple):
    """What is usual of one kind of target: where a search begins and how long its steps are.

    Distances are logarithms of bytes, or dB.
    """

    close: float  # below what was asked: near enough to stop searching
    rough: float  # either side, where steps of refinement follow
    rise: float  # from the lowest level to the top
    refined: float  # what refinement adds


SIZE = Usual(close=0.005, rough=0.04, rise=3.0, refined=0.07)
QUALITY = Usual(close=0.03, rough=0.15, rise=12.5, refined=-1.0)
LEAST_BPP, LEAST_PSNR = 0.08, 26.5  # usual at the lowest level


T = TypeVar("T")


@dataclass(frozen=True)
class Found(Generic[T]):
    """A number that was tried, how far above what was asked it is, and what it gave."""

    number: int
    error: float
    coded: T


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

    def make(encoder: Encoder, level: int) -> tuple[float, Coded]:
        coded = encoder.encode(level)
        return float(np.log(len(coded.payload) / max(budget, 1))), coded

    pixels = encoder.grid.width * encoder.grid.height
    expected = float(np.log(max(budget, 1) * 8 / (pixels * LEAST_BPP)))
    found = _last(encoder, make, SIZE, expected)
    if found is None:
        smallest = len(encoder.plain.encode(0).payload) + overhead
        raise PslError(
            f"a file of {budget + overhead} bytes was asked for; this picture of "
            f"{encoder.grid.width} x {encoder.grid.height} pixels takes at least "
            f"{smallest} with model {encoder.model.facts.name!r}: "
            "ask for more, or scale it down first"
        )
    return found


def _for_psnr(encoder: Encoder, target: float) -> Coded:
    """The coarsest level that decodes at `target` dB or more."""
    top, wanted = encoder.model.code.top, to_8_bit(encoder.pixels)

    # Levels are counted down from the top: the search is for the last that is still good enough.
    def make(encoder: Encoder, down: int) -> tuple[float, Coded]:
        coded = encoder.encode(top - down)
        return target - min(psnr_of(wanted, encoder.decode(coded)), EQUAL), coded

    found = _last(encoder, make, QUALITY, QUALITY.rise - (target - LEAST_PSNR))
    if found is None:
        missing, _ = make(encoder, 0)
        raise PslError(
            f"psnr={target}: model {encoder.model.facts.name!r} reaches {target - missing:.1f} dB "
            "on this picture at most; ask for less, or for quality=100"
        )
    return found


def _last(
    encoder: Encoder,
    make: Callable[[Encoder, int], tuple[float, Coded]],
    usual: Usual,
    expected: float,
) -> Coded | None:
    """The last number that gives no more than what was asked, or one that is close below it.

    Searched without steps of refinement; where the encoder takes some, only roughly, and then with
    them. `expected` is how far up the usual rise it is. None where not even 0 fits.
    """
    plain, top = partial(make, encoder.plain), encoder.model.code.top
    steep, exact = usual.rise / top, (-usual.close, 0.0)
    start = round(expected / steep)
    if encoder.plain is not encoder:
        near = (-usual.rough, usual.rough)
        rough = _search(plain, top, steep=steep, start=start, close=near)
        start = round(rough.number - (rough.error + usual.refined) / steep) if rough else 0
        refined = partial(make, encoder)
        found = _search(refined, top, steep=steep, start=start, close=exact, tries=CORRECTIONS)
        if found:
            return found.coded
    last = _search(plain, top, steep=steep, start=start, close=exact)
    if last:
        return last.coded
    error, least = plain(0)
    return least if error <= 0 else None


def _search(
    make: Callable[[int], tuple[float, T]],
    top: int,
    *,
    steep: float,
    start: int,
    close: tuple[float, float],
    tries: int = MOST_TRIES,
) -> Found[T] | None:
    """The last of 0 to `top` whose error is at most `close[1]`, or one with an error in `close`.

    `make` gives errors, which rise with the number nearly everywhere, by about `steep` each. From
    `start` on, steps are as long as the last two errors say, then between what is too low and too
    high (regula falsi, as Illinois: what stays is halved). What is returned fits, whatever the
    shape; None where none that was tried does.
    """
    aim = sum(close) / 2
    low: Found[T] | None = None  # the last that fits
    high, above, below = top + 1, 0.0, 0.0  # the first that does not; distances from the aim
    side, number, last = 0, min(max(start, 0), top), None
    for _ in range(tries):
        error, made = make(number)
        distance = error - aim
        fits = error <= close[1]
        if fits:
            low, below = Found(number, error, made), distance
            above = above / 2 if side == 1 else above
        else:
            high, above = number, distance
            below = below / 2 if side == -1 else below
        done = close[0] <= error <= close[1]
        if done or number == (top if fits else 0) or high - (low.number if low else -1) <= 1:
            break
        side = 1 if fits else -1
        if low and high <= top:
            number = round(low.number - below * (high - low.number) / (above - below))
        else:
            if last and last[0] != number:
                slope = (error - last[1]) / (number - last[0])
                steep = min(max(slope, steep / 3), 3 * steep)
            last = number, error
            number -= round(distance / steep)
        number = min(max(number, low.number + 1 if low else 0), high - 1)
    return low
