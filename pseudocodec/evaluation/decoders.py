"""Photo models that differ in their decoders alone, on the same payloads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pseudocodec.container import read_single
from pseudocodec.metrics import Images, ms_ssim, psnr
from pseudocodec.metrics.sharpness import sharpness
from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo.codec import decode_photo, encode_photo
from pseudocodec.rate import Target

MEASURES = ("psnr", "ms_ssim", "sharpness")


def compare_decoders(
    models: Mapping[str, PhotoModel],
    pictures: Sequence[Images],
    targets: Sequence[Target],
    *,
    effort: int = 0,
    device: str = "auto",
) -> list[dict[str, Any]]:
    """A row for each target and model: "model", "bpp", "psnr", "ms_ssim" and "sharpness".

    Files are written by the first model and decoded by every one: their latents must be the same.
    Values are means over the pictures, uint8 (H, W, 3); "ms_ssim" is None where one is too small.
    Raises PslError as `encode` does.
    """
    rows = []
    for target in targets:
        found: dict[str, list[list[float]]] = {name: [] for name in models}
        bits = []
        for picture in pictures:
            first = next(iter(models.values()))
            file = encode_photo(first, picture, target, effort=effort, device=device)
            bits.append(8 * len(file) / (picture.shape[0] * picture.shape[1]))
            for name, model in models.items():
                decoded = decode_photo(model, read_single(file), device=device)
                found[name].append(_measures(picture, decoded))
        for name, values in found.items():
            means = np.mean(values, axis=0).tolist()
            measured = {
                k: None if math.isnan(v) else v for k, v in zip(MEASURES, means, strict=True)
            }
            rows.append({"model": name, "bpp": float(np.mean(bits)), **measured})
    return rows


def _measures(picture: Images, decoded: Images) -> list[float]:
    """MEASURES; NaN for what cannot be measured."""
    pair = picture[None], decoded[None]
    structure = ms_ssim(*pair)
    return [psnr(*pair), math.nan if structure is None else structure, sharpness(*pair)]
