"""Pictures whose records differ in length, and what a length means to the nets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.base import LatentCode

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def by_length(lengths: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each of the lengths (n,) once, increasing, and where it stands: codes take one at a time."""
    for bits in np.unique(lengths).tolist():
        yield bits, np.flatnonzero(lengths == bits)


def told(
    code: LatentCode, lengths: NDArray[np.int64], device: torch.device
) -> tuple[Tensor, Tensor]:
    """What lengths (n,) in bits mean to the nets: levels (n,) and errors of the latents (n, d).

    The errors are those that the code will leave, fractions of a component's variance.
    """
    import torch

    level = np.empty(len(lengths), np.float32)
    rho = np.empty((len(lengths), code.dims), np.float32)
    for bits, members in by_length(lengths):
        level[members], rho[members] = code.level(bits), code.distortions(bits)
    return torch.from_numpy(level).to(device), torch.from_numpy(rho).to(device)


def squared_errors(decoded: Tensor, images: Tensor) -> NDArray[np.float32]:
    """Squared error (n,) of each of two sets of pictures (n, C, H, W)."""
    errors: NDArray[np.float32] = (decoded - images).square().sum((1, 2, 3)).cpu().numpy()
    return errors
