"""Building blocks shared by the networks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Residual(nn.Module):
    """Pre-activation residual block of two 3x3 convolutions (He et al. 2016).

    With `condition` > 0 a vector (B, condition) scales and shifts the normalised features
    (FiLM, Perez et al. 2018). It starts as the identity: the second convolution is zero.
    """

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        self.film = nn.Linear(condition, 2 * channels) if condition else None
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, H, W) [and (B, condition)] -> (B, C, H, W)."""
        h: Tensor = self.norm(x)
        if self.film is not None and condition is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        out: Tensor = x + self.second(F.gelu(self.first(F.gelu(h))))
        return out


def klt(images: Tensor, latents: int) -> tuple[Tensor, Tensor, Tensor]:
    """Karhunen-Loeve transform of flattened images (N, D).

    Returns the mean (D,), the basis (D, latents) and the variances (latents,) of the largest
    components, decreasing, at least 1e-6.
    """
    mean = images.mean(0)
    centred = (images - mean).double()
    variances, basis = torch.linalg.eigh(centred.T @ centred / len(images))
    variances = variances.flip(0)[:latents].clamp(min=1e-6)
    return mean, basis.flip(1)[:, :latents].float(), variances.float()
