"""Weights of the FID's Inception network that nobody trained, and pictures, from integers alone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from pseudocodec.nets.inception import Inception


@lru_cache(maxsize=1)
def weights() -> dict[str, torch.Tensor]:
    """A state dict in which every weight counts, and every layer leaves features of unit size."""
    with torch.device("meta"):
        state = Inception().state_dict()
    made = {}
    for i, (name, like) in enumerate(state.items()):
        noise = (np.arange(like.numel()) * 2654435761 + i * 40503) % 65521 / 65521 - 0.5
        values = torch.from_numpy(noise).reshape(like.shape)
        if like.ndim == 4:
            values = values * (24 / like[0].numel()) ** 0.5
        elif name.endswith(("bn.weight", "running_var")):
            values = values / 2 + 1
        else:
            values = values / 8
        made[name] = values.float() if like.is_floating_point() else torch.tensor(0)
    return made


def hollow() -> dict[str, torch.Tensor]:
    """A state dict of the right names and shapes, all zero, which takes next to no room."""
    with torch.device("meta"):
        state = Inception().state_dict()
    return {name: torch.zeros(()).expand(like.shape) for name, like in state.items()}


def pictures() -> NDArray[np.uint8]:
    """Two pictures, a smooth and a busy one, (2, 40, 50, 3)."""
    k, i, j, c = np.ogrid[:2, :40, :50, :3]
    waves = (i * i // 99 + j * 3 + c * 40) % 256
    return np.where(k, (i * 31 + j * 17 * c + i * j) % 256, waves).astype(np.uint8)
