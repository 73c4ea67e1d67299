"""Which lengths the pictures of an archive will need, before they are coded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.allocation import allocate
from pseudocodec.latent.base import LatentCode
from pseudocodec.lengths import squared_errors, told

if TYPE_CHECKING:
    from pseudocodec.model.vectors import VectorModel

SEED = 0  # of the noise: an encoder gives the same file every time
LEAST_ERROR = 1e-6  # of a picture: its logarithm is taken


def windows(
    model: VectorModel,
    code: LatentCode,
    images: Sequence[Pixels],
    *,
    bits: float,
    ladder: Sequence[int],
    width: int,
    device: str,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lengths (n, k) to try for each picture, parts of the `ladder`; the likely one's column (n,).

    At most `width` lengths each. The likely ones are `bits` or less in the mean.
    """
    rungs = np.array(ladder, np.int64)
    errors = _expected(model, code, images, rungs, device)
    likely = allocate(errors, np.broadcast_to(rungs, errors.shape), bits)
    width = min(width, len(rungs))
    first = np.clip(likely - width // 2, 0, len(rungs) - width)
    return rungs[first[:, None] + np.arange(width)], likely - first


def _expected(
    model: VectorModel,
    code: LatentCode,
    images: Sequence[Pixels],
    rungs: NDArray[np.int64],
    device: str,
) -> NDArray[np.float32]:
    """The errors (n, k) that the lengths `rungs` (k,) will leave.

    Those at both ends are measured through the Gaussian channel; between them the error falls as a
    power of the length. (A third point in the middle made the shares worse: noise between points
    that are close says little of the way from one to the other.)
    """
    import torch

    from pseudocodec.inversion.refine import heard
    from pseudocodec.nets.precision import autocast

    ends = [np.empty((0, 2), np.float32)]
    for part in model.tensors(images, device):
        transform, pair = model.transform(part.device), []
        noise = torch.randn(code.dims, generator=torch.Generator().manual_seed(SEED))
        for length in (rungs[0], rungs[-1]):
            level, rho = told(code, np.full(len(part), length), part.device)
            with torch.inference_mode(), autocast(part.device):
                latents = heard(transform.analyse(part, level), rho, noise.to(part.device))
                pair.append(squared_errors(transform.synthesise(latents, level).clamp(0, 1), part))
        ends.append(np.stack(pair, 1))
    logs = np.log(np.maximum(np.concatenate(ends), LEAST_ERROR))
    share = np.log(rungs / rungs[0]) / np.log(rungs[-1] / rungs[0])
    out: NDArray[np.float32] = np.exp(logs[:, :1] + (logs[:, 1:] - logs[:, :1]) * share)
    return out
