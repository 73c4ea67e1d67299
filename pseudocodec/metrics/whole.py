"""What a row of figures says of a whole set of pictures."""

from __future__ import annotations

import math

from pseudocodec.metrics.pairs import Images
from pseudocodec.metrics.similarity import ssim
from pseudocodec.metrics.squared import psnr


def score(images: Images, decoded: Images) -> dict[str, float | None]:
    """PSNR and SSIM of a whole set, as the columns `psnr` and `ssim` of a row.

    The squared error is averaged over all pictures before the logarithm, so that the PSNR compares
    with a rate-distortion bound; None for a lossless result, since JSON has no infinity.
    """
    value = psnr(images, decoded)
    return {"psnr": value if math.isfinite(value) else None, "ssim": ssim(images, decoded)}
