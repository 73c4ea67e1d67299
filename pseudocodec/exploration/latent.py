"""Change the latents of a photograph before they are rounded, and code what results for real.

After section 4 of "Latent space in image compression" (EPFL, 2021). The changed latents are coded
as an encoder codes its own: rounded once, to the nearest values that the model has, into a payload
that decodes to the picture shown. Were they rounded before the change, those that an operation
keeps would be rounded twice; and times 100, most would remain the zeros that they were.

What latents cost depends on their hyper-latents, too, from which the decoder predicts them. Either
these are made anew, of the changed latents, or they remain those of the picture. Both payloads are
counted, and the picture decodes from the first: the decoded latents of the two differ by rounding.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.evaluation.rows import OnProgress, silent
from pseudocodec.exploration.coder import WholeCoder
from pseudocodec.exploration.operations import UNCHANGED, USUAL, Latents, operation
from pseudocodec.image import to_8_bit
from pseudocodec.metrics import ms_ssim, psnr
from pseudocodec.model import Model, PhotoModel, load_model
from pseudocodec.picture import as_picture
from pseudocodec.rate import DEFAULT_MODEL, DEFAULT_QUALITY, Target

Bytes = NDArray[np.uint8]

FARTHEST = 1.0  # steps to what is coded: rounding takes a half of one, the rest is for float32


class Changed(NamedTuple):
    """What one change of the latents did."""

    operation: str

    pixels: Bytes
    """The decoded picture, (H, W) or (H, W, 3)."""

    psnr: float
    """Against the picture itself in 8 bits, in dB; infinite when they are equal."""

    ms_ssim: float | None
    """Likewise; None where a side is shorter than `metrics.MS_SSIM_SIDE`."""

    nbytes: int
    """Of the payload, its hyper-latents made of the changed latents."""

    bpp: float
    """The same in bits a pixel."""

    bpp_old_prior: float
    """Bits a pixel with the hyper-latents of the unchanged picture."""

    clipped: int
    """Latents beyond the largest residual that can be coded, 65,535 steps, and cut to it."""


def explore_latent(
    image: object,
    operations: Sequence[str] = USUAL,
    *,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    quality: float = DEFAULT_QUALITY,
    device: str = "auto",
    on_progress: OnProgress = silent,
) -> list[Changed]:
    """What decodes from the unchanged latents, and then from those that each operation changes.

    Args:
        image: one that `pseudocodec.encode` takes; its transparency is not looked at.
        operations: names, as in `exploration.operations`; each is done once.
        model: a photo model: its name, its file or a `Model`.
        quality: 0 to 100, as of `pseudocodec.encode`; the effort is 0.
        device: "auto", "cpu", "cuda" ...
        on_progress: called with each operation before it is done.

    Raises PslError for an unknown operation, quality out of range, a model of one kind of pictures,
    an image that is none; OutOfRange for channels, rows or columns that the latents do not have;
    TooLarge for a picture of more than `exploration.coder.MOST_PIXELS`.
    """
    chosen = [operation(name) for name in (UNCHANGED, *operations)]
    Target.of(quality=quality)  # raises for one out of range
    loaded = _photo_model(model)
    pixels = as_picture(image).pixels
    coder = WholeCoder(loaded, pixels, round(quality / 100 * loaded.code.top), device)
    changes = {each.name: each.apply(coder.latents) for each in chosen}
    results = []
    for done, (name, changed) in enumerate(changes.items()):
        on_progress(name, done, len(changes))
        results.append(_measure(coder, to_8_bit(pixels), name, changed))
    return results


def _photo_model(model: str | os.PathLike[str] | Model) -> PhotoModel:
    loaded = load_model(model)
    if not isinstance(loaded, PhotoModel):
        raise PslError(
            f"model {loaded.facts.name!r} is not one for photographs: take 'photo', or another for "
            "pictures of any size"
        )
    return loaded


def _measure(coder: WholeCoder, original: Bytes, name: str, changed: Latents) -> Changed:
    data, coded = coder.encode(changed, prior=changed)
    old_prior, _ = coder.encode(changed, prior=coder.latents)
    pixels = coder.decode(coded)
    if coder.grey:
        original, pixels = original[:, :, 0], pixels[:, :, 0]
    bits = 8 / (coder.grid.width * coder.grid.height)
    return Changed(
        name,
        pixels,
        psnr(original, pixels),
        ms_ssim(original[None], pixels[None]),
        len(data),
        bits * len(data),
        bits * len(old_prior),
        int(np.count_nonzero(np.abs(coded - changed) > FARTHEST)),
    )
