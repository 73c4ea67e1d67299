"""Generator and inverse generator with one flat latent vector, for small pictures of one size.

Both have a linear path, the Karhunen-Loeve transform, beside the convolutions. New models are of
the family `grid`, which is told the rate on both sides and has more room; this one decodes the
files of the first.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.errors import PslError
from pseudocodec.nets.blocks import Residual, check_dims

SIDE_MULTIPLE = 4  # two factors of two between a picture and the deepest feature maps
MAX_SIDE = 64  # one flat vector serves small pictures only
MAX_WIDTH = 4096  # of any layer: a model file must not ask for unbounded memory


@dataclass(frozen=True)
class FlatConfig:
    """Shape of the two nets; widths are channels at half and at quarter resolution."""

    height: int
    width: int
    channels: int
    latents: int = 128
    half: int = 32
    quarter: int = 96
    hidden: int = 512
    seed_maps: int = 32
    condition: int = 64

    def __post_init__(self) -> None:
        """Refuse sizes the nets cannot take, before anything is allocated."""
        for name, value in asdict(self).items():
            if type(value) is not int or not 1 <= value <= MAX_WIDTH:
                raise PslError(f"{name}={value!r}: expected a whole number from 1 to {MAX_WIDTH}")
        for name, side in (("height", self.height), ("width", self.width)):
            if side % SIDE_MULTIPLE or not SIDE_MULTIPLE <= side <= MAX_SIDE:
                raise PslError(
                    f"{name}={side}: this net takes multiples of {SIDE_MULTIPLE} "
                    f"up to {MAX_SIDE} pixels; resize or pad the pictures"
                )
        if self.channels not in (1, 3):
            raise PslError(f"channels={self.channels}: expected 1 (grey) or 3 (RGB)")

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @property
    def pixels(self) -> int:
        """Samples of one picture."""
        return self.height * self.width * self.channels

    @property
    def quarter_area(self) -> int:
        """Positions of the deepest feature maps."""
        return (self.height // 4) * (self.width // 4)


class Analysis(nn.Module):
    """Inverse generator: images (B, C, H, W) in [0, 1] -> latents (B, latents) of unit variance."""

    def __init__(self, config: FlatConfig) -> None:
        super().__init__()
        c = config
        self.stem = nn.Conv2d(4 * c.channels, c.half, 3, padding=1)
        self.half_block = Residual(c.half)
        self.down = nn.Conv2d(c.half, c.quarter, 2, stride=2)
        self.quarter_block = Residual(c.quarter)
        self.norm = nn.GroupNorm(1, c.quarter)
        self.head = nn.Linear(c.quarter * c.quarter_area, c.latents)
        self.linear = nn.Linear(c.pixels, c.latents)
        self.whiten = nn.BatchNorm1d(c.latents, affine=False, momentum=0.05)

    def forward(self, images: Tensor) -> Tensor:
        """Latents with zero mean and unit variance over the training set, float32."""
        h = self.half_block(self.stem(F.pixel_unshuffle(images, 2)))
        h = F.gelu(self.norm(self.quarter_block(self.down(h))))
        z = (self.head(h.flatten(1)) + self.linear(images.flatten(1))).float()
        with torch.autocast(z.device.type, enabled=False):
            out: Tensor = self.whiten(z)
        return out


class Synthesis(nn.Module):
    """Generator: latents (B, latents) and the code's level (B,) -> images (B, C, H, W).

    The level is log2 of the water level, relative to the largest latent variance (0: nothing was
    coded, -10: about 5 bits a component), so that one net serves every rate. The output is not
    clipped; pictures are its values clipped to [0, 1].
    """

    def __init__(self, config: FlatConfig) -> None:
        super().__init__()
        c = config
        self.shape = (c.channels, c.height, c.width)
        self.quarter_shape = (c.seed_maps, c.height // 4, c.width // 4)
        self.rate = nn.Sequential(
            nn.Linear(1, c.condition), nn.GELU(), nn.Linear(c.condition, c.condition), nn.GELU()
        )
        self.first = nn.Linear(c.latents + c.condition, c.hidden)
        self.second = nn.Linear(c.hidden, c.hidden)
        self.third = nn.Linear(c.hidden, c.seed_maps * c.quarter_area)
        self.widen = nn.Conv2d(c.seed_maps, c.quarter, 1)
        self.quarter_block = Residual(c.quarter, c.condition)
        self.up = nn.Conv2d(c.quarter, 4 * c.half, 1)
        self.half_block = Residual(c.half, c.condition)
        self.norm = nn.GroupNorm(1, c.half)
        self.out = nn.Conv2d(c.half, 4 * c.channels, 3, padding=1)
        self.linear = nn.Linear(c.latents, c.pixels)
        for layer in (self.first, self.second, self.third, self.widen, self.up):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # keeps the signal's scale

    def forward(self, latents: Tensor, level: Tensor) -> Tensor:
        """Images (B, C, H, W), float32, nominally in [0, 1], not clipped."""
        e = self.rate(level[:, None] / 5 + 1)  # levels -10..0 become -1..1
        h = F.gelu(self.first(torch.cat([latents, e], dim=1)))
        h = h + F.gelu(self.second(h))
        h = self.widen(self.third(h).view(-1, *self.quarter_shape))
        h = self.half_block(F.pixel_shuffle(self.up(self.quarter_block(h, e)), 2), e)
        detail = F.pixel_shuffle(self.out(F.gelu(self.norm(h))), 2).float()
        images: Tensor = detail + self.linear(latents).float().view(-1, *self.shape)
        return images


class FlatTransform(nn.Module):
    """Analysis and synthesis of one model. The first shipped models were of this family."""

    def __init__(self, config: FlatConfig) -> None:
        super().__init__()
        self.analysis, self.synthesis = Analysis(config), Synthesis(config)

    def check(self, dims: Collection[int]) -> None:
        """Refuse, by PslError, latent codes of other `dims`."""
        check_dims(self.synthesis.linear.in_features, dims)

    def analyse(self, images: Tensor, level: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] -> latents (B, latents), the same at every level."""
        out: Tensor = self.analysis(images)
        return out

    def synthesise(self, latents: Tensor, level: Tensor) -> Tensor:
        """Latents (B, latents) and levels (B,) -> images (B, C, H, W), not clipped."""
        out: Tensor = self.synthesis(latents, level)
        return out
