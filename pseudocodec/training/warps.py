"""Small deformations of training pictures, so that a seed of a few does not learn them by heart.

Rotation, scale, shear, shift, and a smooth displacement of each place (Simard et al. 2003): what
handwriting does by itself.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ANGLE, SCALE, SHEAR = 0.10, 0.07, 0.12  # at most: radians, and shares of the size
SHIFT, ELASTIC = 0.03, 0.025  # of half a side: at most, and the deviation of the displacement
KNOTS = 4  # a side of the displacement's grid


def warp(pictures: Tensor, strength: float) -> Tensor:
    """Pictures (B, C, H, W) in [-1, 1], each deformed in its own way; the borders become -1."""
    if not strength:
        return pictures
    count, device = len(pictures), pictures.device

    def uniform(most: float) -> Tensor:
        return (torch.rand(count, device=device) * 2 - 1) * most * strength

    angle, shear = uniform(ANGLE), uniform(SHEAR)
    wide, high = 1 + uniform(SCALE), 1 + uniform(SCALE)
    rows = (
        torch.stack([wide * angle.cos(), shear - angle.sin(), uniform(SHIFT)], 1),
        torch.stack([angle.sin(), high * angle.cos(), uniform(SHIFT)], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1), list(pictures.shape), align_corners=False)
    knots = torch.randn(count, 2, KNOTS, KNOTS, device=device) * ELASTIC * strength
    size = pictures.shape[2:]
    moved = F.interpolate(knots, size=size, mode="bicubic", align_corners=False)
    places = grid + moved.permute(0, 2, 3, 1)
    # Bicubic: linear interpolation blurs, and the generator would learn that.
    warped = F.grid_sample(pictures + 1, places, mode="bicubic", align_corners=False)
    return (warped - 1).clamp(-1, 1).contiguous(memory_format=torch.channels_last)
