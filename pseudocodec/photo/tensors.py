"""Pixels and levels as the nets take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pseudocodec._pixels import Pixels
from pseudocodec.hyperprior import LEVEL_STEPS
from pseudocodec.photo.tiles import Box

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def window(pixels: Pixels, box: Box) -> Pixels:
    """Pixels of `box`, the picture's last row and column repeated beyond its end."""
    height, width, _ = pixels.shape
    part = pixels[box.top : box.bottom, box.left : box.right]
    below, beside = max(0, box.bottom - height), max(0, box.right - width)
    if below or beside:
        part = np.pad(part, ((0, below), (0, beside), (0, 0)), mode="edge")
    return part


def tensor_of(pixels: Pixels, device: torch.device) -> Tensor:
    """(H, W, 1 or 3) -> (1, 3, H, W), float32 in [0, 1]; grey three times."""
    import torch

    scaled = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    images = torch.from_numpy(scaled).to(device).permute(2, 0, 1)[None]
    return images.expand(1, 3, *images.shape[2:]).contiguous(memory_format=torch.channels_last)


def level_tensor(level: int, device: torch.device) -> Tensor:
    """A level of a file as the nets take it: (1,), in rows."""
    import torch

    return torch.full((1,), level / LEVEL_STEPS, dtype=torch.float32, device=device)
