"""Pictures of one size and colour for training, held in memory as uint8, and a part held out."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pseudocodec._text import label
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import as_array, resize, to_8_bit
from pseudocodec.inputs import Input, find

MAX_TRAINING_BYTES = 8 << 30
"""Bytes of pixels above which a set is refused; while it loads it may need twice as much."""

MAX_PICTURES = 4_000_000
"""Pictures a set may hold."""

MIN_SIDE, MAX_SIDE = 16, 256
"""Pixels a side of a training picture may have."""

FEWEST = 64
"""Pictures below which nothing can be learned."""

HELD_OUT, MOST_HELD_OUT = 0.05, 2_000
"""The share of the pictures held out unless told otherwise, and how many at most."""

_WORKERS = min(8, os.cpu_count() or 1)
_AHEAD = 32 * _WORKERS
_COLOUR = {1: "grey", 3: "RGB"}

Bytes: TypeAlias = npt.NDArray[np.uint8]
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Pictures:
    """A set of pictures ready for training, and what its owner should know of it."""

    pixels: Tensor
    """uint8 (N, C, H, W), contiguous; C is 1 (grey) or 3 (RGB)."""

    notes: tuple[str, ...] = ()
    """Sentences: what was left out, resized, converted, or found twice."""


@dataclass(slots=True)
class _Found:
    """What `find` gave, decoded: each picture at its own size, (H, W, 1) where r = g = b."""

    pixels: list[Bytes] = field(default_factory=list)
    stored: Counter[int] = field(default_factory=Counter)  # channels in the files
    bad: list[str] = field(default_factory=list)  # names of the pictures left out
    reason: str = ""  # for the first of them


def load_pictures(
    data: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    skip_bad: bool = False,
    like: Pictures | None = None,
) -> Pictures:
    """All pictures of `data`, made one size and one colour.

    - The commonest size is taken, of equally common ones the first; other pictures are resized to
      it by `image.resize`.
    - One colour picture makes the set RGB and grey ones are repeated in its 3 channels; pictures
      stored as RGB that are all grey make a grey set.
    - 16-bit pictures are rounded to 8 bits.

    Args:
        data: what `inputs.find` takes, or several of it.
        skip_bad: leave out pictures that cannot be used and say so in the notes.
        like: take size and colour from this set instead, and any number of pictures from 1 on.

    Raises:
        PslError: a picture is unreadable, transparent, or has a side outside `MIN_SIDE` to
            `MAX_SIDE` (it is named); there are fewer than `FEWEST`; or `like` is grey and a picture
            is not.
        TooLarge: beyond `MAX_TRAINING_BYTES` or `MAX_PICTURES`.
    """
    paths = [data] if isinstance(data, (str, os.PathLike)) else data
    found = _decode_all(find(paths), skip_bad=skip_bad)
    _check_count(found, FEWEST if like is None else 1)
    channels, height, width = _common_shape(found) if like is None else like.pixels.shape[1:]
    notes = _notes(found, channels, height, width, given=like is not None)
    pixels = _stack(found.pixels, channels, height, width)
    copies = len(pixels) - len(np.unique(_first_copies(pixels)))
    if copies:
        notes.append(f"{copies} of {len(pixels)} pictures are exact copies of others")
    return Pictures(pixels, tuple(notes))


def hold_out(
    pictures: Pictures,
    holdout: float | str | os.PathLike[str] | None = None,
    seed: int = 0,
    *,
    skip_bad: bool = False,
) -> tuple[Tensor, Tensor]:
    """The training part and the held-out part, each uint8 (N, C, H, W), with no picture in both.

    Args:
        pictures: the set to be divided.
        holdout: the share held out, between 0 and 0.5, also as text; None for `HELD_OUT`, at most
            `MOST_HELD_OUT`; or the path of a set to hold out, loaded like `pictures`, in which
            case pictures that are in it too are taken out of the training part.
        seed: of the random choice.
        skip_bad: as in `load_pictures`, for a path.

    Raises:
        PslError: the share is out of range, the path holds no usable set, or nothing is left to
            train on.
    """
    pixels = pictures.pixels
    if holdout is None:
        return split(pixels, seed)
    share = share_of(holdout)
    if share is not None:
        return split(pixels, seed, share, most=len(pixels))
    held = load_pictures(str(holdout), skip_bad=skip_bad, like=pictures).pixels
    known = set(_digests(held))
    training = pixels[torch.tensor([digest not in known for digest in _digests(pixels)])]
    if len(training) < FEWEST:
        raise PslError(
            f"{label(holdout)} leaves {len(training)} training pictures that are not in it too: at "
            f"least {FEWEST} are needed"
        )
    return training, held


def split(
    pixels: Tensor, seed: int, share: float = HELD_OUT, most: int = MOST_HELD_OUT
) -> tuple[Tensor, Tensor]:
    """The training part and the held-out part of `pixels`, uint8 (N, C, H, W).

    A random `share` of the pictures is held out, at most `most` and at least 1. Identical pictures
    stay together, so that no held-out one was trained on: a little less than the share may be held
    out, or more where even the rarest picture has more copies.

    Raises:
        PslError: all pictures are identical.
    """
    first = _first_copies(pixels)
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(seed)).numpy()
    wanted = max(1, min(most, round(share * len(pixels))))
    is_held = np.isin(first, _chosen(first, order, wanted))[order]
    return pixels[torch.from_numpy(order[~is_held])], pixels[torch.from_numpy(order[is_held])]


def share_of(holdout: float | str | os.PathLike[str]) -> float | None:
    """The share that `holdout` is, None when it is a path."""
    try:
        share = float(holdout)  # type: ignore[arg-type]  # a path object is no number: TypeError
    except (TypeError, ValueError):
        return None
    if not 0 < share < 0.5:
        raise PslError(f"holdout={holdout}: give a share between 0 and 0.5, or a path of pictures")
    return share


def _chosen(first: npt.NDArray[np.int64], order: npt.NDArray[np.int64], wanted: int) -> list[int]:
    """Groups of identical pictures, taken in `order`, that make up `wanted` as far as they fit."""
    groups, counts = np.unique(first, return_counts=True)
    if len(groups) < 2:
        raise PslError("all the training pictures are identical: give different ones")
    size = dict(zip(groups.tolist(), counts.tolist(), strict=True))
    shuffled = list(dict.fromkeys(first[order].tolist()))
    chosen = []
    for group in shuffled:
        if size[group] <= wanted:
            chosen.append(group)
            wanted -= size[group]
        if wanted == 0:
            break
    return chosen or [min(shuffled, key=size.__getitem__)]


def _first_copies(pixels: Tensor) -> npt.NDArray[np.int64]:
    """For each picture the index of the first that is identical to it, shape (N,)."""
    seen: dict[bytes, int] = {}
    first = [seen.setdefault(digest, i) for i, digest in enumerate(_digests(pixels))]
    return np.array(first, np.int64)


def _digests(pixels: Tensor) -> Iterator[bytes]:
    for picture in pixels.contiguous().numpy():
        yield hashlib.blake2b(picture, digest_size=16).digest()


def _decode_all(items: Iterable[Input], *, skip_bad: bool) -> _Found:
    found, total = _Found(), 0
    for item, result in _in_threads(_decode, items):
        if isinstance(result, PslError):
            if not skip_bad:
                raise type(result)(f"{result}; skip_bad=True (--skip-bad) leaves such pictures out")
            found.bad.append(item.name)
            found.reason = found.reason or str(result)
            continue
        pixels, stored = result
        found.pixels.append(pixels)
        found.stored[stored] += 1
        total += pixels.nbytes
        _check_memory(len(found.pixels) + len(found.bad), total)
    return found


def _decode(item: Input) -> tuple[Input, tuple[Bytes, int] | PslError]:
    """The pixels (H, W, C) of a picture and its channels as stored, or what is wrong with it."""
    try:
        loaded = item.load()
        height, width = loaded.shape[:2] if isinstance(loaded, np.ndarray) else loaded.size[::-1]
        if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
            raise PslError(
                f"{item.name} has {width} x {height} pixels, but training takes sides of "
                f"{MIN_SIDE} to {MAX_SIDE}: scale the pictures, or cut large ones into tiles"
            )
        pixels = to_8_bit(as_array(loaded))
    except PslError as error:
        sentence = str(error)
        named = sentence if item.name in sentence else f"{item.name}: {sentence}"
        return item, type(error)(named)
    stored = pixels.shape[2]
    if stored == 3 and (pixels == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1].copy()
    return item, (pixels, stored)


def _in_threads(work: Callable[[_T], _R], items: Iterable[_T]) -> Generator[_R, None, None]:
    """`map(work, items)` in threads, in order, `_AHEAD` items ahead of the reader."""
    pool = ThreadPoolExecutor(_WORKERS)
    waiting: deque[Future[_R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_memory(count: int, size: int) -> None:
    if count > MAX_PICTURES:
        raise TooLarge(f"there are more than {MAX_PICTURES} pictures: train on a part of them")
    if size > MAX_TRAINING_BYTES:
        raise TooLarge(
            f"the pictures need more than {MAX_TRAINING_BYTES} bytes: scale them down, or train on "
            f"a part of them"
        )


def _check_count(found: _Found, fewest: int) -> None:
    if len(found.pixels) >= fewest:
        return
    left_out = f", {len(found.bad)} were left out, the first since {found.reason}"
    raise PslError(
        f"{len(found.pixels)} pictures{left_out if found.bad else ''}: at least {fewest} are needed"
    )


def _common_shape(found: _Found) -> tuple[int, int, int]:
    ((height, width), _), *_ = Counter(p.shape[:2] for p in found.pixels).most_common(1)
    return max(p.shape[2] for p in found.pixels), height, width


def _notes(found: _Found, channels: int, height: int, width: int, *, given: bool) -> list[str]:
    notes = []
    count = len(found.pixels)
    whose = "of the training pictures" if given else "most of them have"
    if found.bad:
        more = ", ..." if len(found.bad) > 3 else ""
        every = count + len(found.bad)
        names = ", ".join(found.bad[:3]) + more
        notes.append(f"{len(found.bad)} of {every} pictures were left out: {names}")
    resized = sum(p.shape[:2] != (height, width) for p in found.pixels)
    if resized:
        notes.append(
            f"{resized} of {count} pictures were resized to {width} x {height}, the size {whose}"
        )
    if channels == 3 and found.stored[1]:
        notes.append(f"{found.stored[1]} of {count} pictures are grey and are taken as RGB")
    if channels == 1 and found.stored[3]:
        notes.append(f"{found.stored[3]} of {count} pictures are grey stored as RGB: taken as grey")
    return notes


def _stack(pictures: list[Bytes], channels: int, height: int, width: int) -> Tensor:
    """`pictures`, which is emptied to save memory, as uint8 (N, channels, height, width)."""
    most = max(p.shape[2] for p in pictures)
    if most > channels:
        raise PslError(
            f"the pictures are {_COLOUR[most]} but the training pictures {_COLOUR[channels]}: "
            f"convert them first"
        )
    shape = (len(pictures), channels, height, width)
    _check_memory(len(pictures), int(np.prod(shape)))
    stacked = np.empty(shape, np.uint8)
    for i in reversed(range(len(pictures))):
        stacked[i] = resize(pictures.pop(), width, height).transpose(2, 0, 1)
    return torch.from_numpy(stacked)
