"""What decodes from a block of latents and details, before it is made whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.photo.tensors import level_tensor
from pseudocodec.photo.tiles import PATCH, Box

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pseudocodec.model.photo import PhotoModel


def pictured(
    model: PhotoModel, block: NDArray[np.float32], part: Box, level: int, device: torch.device
) -> Tensor:
    """The pixels (1, 3, 16 h, 16 w) of `part` of a block, around 0 to 1, not clipped.

    `block` are gained latents, with or without the details behind them (C, H, W).
    """
    import torch

    t, count = model.transform(device), model.code.latents
    with torch.inference_mode():
        at = level_tensor(level, device)
        gained = torch.from_numpy(block[:count]).to(device)[None]
        out = t.synthesise(gained / t.gain(at), at)[..., *part.scaled(PATCH).slices]
        if len(block) > count:
            values = torch.from_numpy(block[count:, *part.slices]).to(device)[None]
            out = out + model.details(device).synthesise(values, at)
        return out
