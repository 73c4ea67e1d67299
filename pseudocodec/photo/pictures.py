"""What decodes from a block of latents, a filter and details, before it is made whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.hyperprior import Decoded
from pseudocodec.photo.tensors import level_tensor
from pseudocodec.photo.tiles import PATCH, Box

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pseudocodec.model.photo import PhotoModel

Latents = NDArray[np.float32]
Values = NDArray[np.int32]


def unfiltered(
    model: PhotoModel, block: Latents, part: Box, level: int, device: torch.device
) -> Tensor:
    """What the latents of a block decode to in `part` and MARGIN pixels around, (1, 3, H, W).

    Beyond the block's edge, which is the picture's, pixels are those at the edge. `block` are
    gained latents, with or without the details behind them (C, H, W).
    """
    import torch
    import torch.nn.functional as F

    from pseudocodec.nets.hyperprior import MARGIN

    t = model.transform(device)
    with torch.inference_mode():
        at = level_tensor(level, device)
        gained = torch.from_numpy(block[: model.code.latents]).to(device)[None]
        whole = Box(0, 0, *(PATCH * side for side in block.shape[1:]))
        wanted = part.scaled(PATCH)
        seen = wanted.grown(MARGIN, whole)
        out = t.synthesise(gained / t.gain(at), at)[..., *seen.slices]
        around = [MARGIN - abs(a - b) for a, b in zip(wanted, seen, strict=True)]
        top, left, bottom, right = around
        return F.pad(out, (left, right, top, bottom), mode="replicate") if any(around) else out


def filtered_by(model: PhotoModel, shown: Tensor, level: int, values: Values) -> Tensor:
    """What `unfiltered` gave, filtered and without the margin: (1, 3, 16 h, 16 w)."""
    import torch

    from pseudocodec.nets.filters import filtered, middle

    if not values.any():
        return middle(shown)
    filters, whole = model.filters(shown.device), torch.from_numpy(values).to(shown.device)
    with torch.inference_mode():
        return filtered(shown, filters.weights(whole, level_tensor(level, shown.device)))


def pictured(
    model: PhotoModel, content: Decoded, part: Box, level: int, device: torch.device
) -> Tensor:
    """The pixels (1, 3, 16 h, 16 w) of `part` of a block, around 0 to 1, not clipped.

    `content` has the block's latents, and the filter of the tile that `part` belongs to.
    """
    import torch

    block, values = content
    out = filtered_by(model, unfiltered(model, block, part, level, device), level, values)
    details = block[model.code.latents :, *part.slices]
    if len(details):
        with torch.inference_mode():
            numbers = torch.from_numpy(np.ascontiguousarray(details)).to(device)[None]
            out = out + model.details(device).synthesise(numbers, level_tensor(level, device))
    return out
