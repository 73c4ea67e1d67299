"""Building blocks shared by the networks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.errors import PslError


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


class Mixer(nn.Module):
    """Residual mixing of all places of a grid, each channel alike (Tolstikhin et al. 2021).

    What convolutions cannot know in pictures that are alike: where on the picture they are, and
    what is far away. Starts as the identity.
    """

    def __init__(self, channels: int, places: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, channels)
        self.first = nn.Linear(places, places)
        self.second = nn.Linear(places, places)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        h = self.norm(x).flatten(2)
        out: Tensor = x + self.second(F.gelu(self.first(h))).view_as(x)
        return out


class RateEmbedding(nn.Module):
    """What the nets are told of the rate: levels (B,), log2 of the water level -> (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, width), nn.Linear(width, width)

    def forward(self, level: Tensor) -> Tensor:
        """Levels from -10 to 0 are spread over -1 to 1."""
        h = F.gelu(self.first(level[:, None] / 5 + 1))
        out: Tensor = F.gelu(self.second(h))
        return out


class Whiten(nn.Module):
    """Latents (B, d) to zero mean and unit variance over the training set.

    As batch renormalisation (Ioffe 2017) with no limits: running statistics in the forward pass, in
    training too, where those of a batch would be noise as strong as what a code leaves; the
    gradient is that of batch normalisation, so that a latent gains nothing by growing.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, dims: int, momentum: float = 0.02) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(dims))
        self.register_buffer("variance", torch.ones(dims))

    def forward(self, latents: Tensor) -> Tensor:
        """(B, d) -> (B, d)."""
        deviation = (self.variance + 1e-6).sqrt()
        if not self.training:
            return (latents - self.mean) / deviation
        mean, variance = latents.mean(0), latents.var(0, correction=0) + 1e-6
        with torch.no_grad():
            ratio = variance.sqrt() / deviation
            shift = (mean - self.mean) / deviation
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance, self.momentum)
        return (latents - mean) * variance.rsqrt() * ratio + shift

    @torch.no_grad()
    def recalibrate(self, batches: Iterable[Tensor]) -> None:
        """Set the statistics to those of whole `batches` of raw latents."""
        count, total, squares = 0, torch.zeros_like(self.mean), torch.zeros_like(self.mean)
        for part in batches:
            count += len(part)
            total += part.sum(0)
            squares += part.square().sum(0)
        self.mean.copy_(total / count)
        # Rounding can leave a little less than nothing where a latent hardly varies.
        self.variance.copy_((squares / count - self.mean.square()).clamp(min=0))


def check_dims(latents: int, dims: Collection[int]) -> None:
    """Raises PslError when latent codes of `dims` values do not fit nets of so many `latents`."""
    for found in dims:
        if found != latents:
            raise PslError(
                f"the nets have {latents} latents, a latent code of the model {found}; "
                "the model file is damaged"
            )
