"""Squares of training photographs, coded as files are: what some parts of a model learn from."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo.encoder import Encoder
from pseudocodec.photo.pictures import Latents, filtered_by
from pseudocodec.photo.tensors import level_tensor
from pseudocodec.training.job import OnNote


class CodedSquare(NamedTuple):
    """A square of one tile, at a level."""

    level: int

    price: float
    """What a squared step of error, pixels being in [0, 1], is worth in bits."""

    latents: Latents
    """Gained: (latents, h, w)."""

    shown: Tensor
    """What they decode to, with a margin: see `unfiltered`."""

    rest: Tensor
    """What is left of the square when they are filtered: see `Encoder.rest`."""


def coded_squares(
    model: PhotoModel,
    squares: Tensor,
    first: int,
    *,
    effort: int,
    shown: int,
    seed: int,
    device: str,
    on_note: OnNote,
    every: float,
    what: str,
) -> Iterator[CodedSquare]:
    """At most `shown` of the squares, uint8 (N, 3, S, S), at random levels from `first` on.

    `on_note` hears how many every `every` seconds, and `what` is learnt from them.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(squares))[:shown].tolist()
    levels = rng.integers(first, model.code.top + 1, len(chosen)).tolist()
    said = time.monotonic()
    for number, (i, level) in enumerate(zip(chosen, levels, strict=True), 1):
        picture = squares[i].permute(1, 2, 0).cpu().numpy()
        encoder = Encoder(model, picture, effort=effort, device=device)
        [content] = encoder.encode(level).contents
        latents = content.latents[: model.code.latents]
        pixels = encoder.shown(0, level, [latents])
        rest = encoder.rest(0, filtered_by(model, pixels, level, content.filter))
        price = float(encoder.price(level_tensor(level, encoder.device)))
        yield CodedSquare(level, price, latents, pixels, rest)
        if time.monotonic() - said >= every:
            said = time.monotonic()
            on_note(f"{number:,} of {len(chosen):,} squares coded, of which {what} are learnt")
