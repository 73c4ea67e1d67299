"""Generator and inverse generator with one flat latent vector, for small pictures of one size.

Both have a linear path beside the convolutions. It starts as the Karhunen-Loeve transform, and the
nets add to it from zero, so training starts on the Gaussian rate-distortion curve and improves on
it instead of climbing up to it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.errors import PslError
from pseudocodec.nets.blocks import Residual, klt

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


def initialise_linear(analysis: Analysis, synthesis: Synthesis, images: Tensor) -> Tensor:
    """Set both linear paths to the KLT of `images` (N, C, H, W) and silence the nets beside them.

    The linear paths stay fixed: steps that suit the nets would shake every pixel through them, and
    trained, they kept the nets from learning at all.

    Returns the component variances (latents,), decreasing.
    """
    flat = images.flatten(1)
    mean, basis, variances = klt(flat, analysis.linear.out_features)
    with torch.no_grad():
        analysis.linear.weight.copy_((basis / variances.sqrt()).T)
        analysis.linear.bias.copy_(-(mean @ basis) / variances.sqrt())
        nn.init.zeros_(analysis.head.weight)
        nn.init.zeros_(analysis.head.bias)
        synthesis.linear.weight.copy_(basis * variances.sqrt())
        synthesis.linear.bias.copy_(mean)
        nn.init.zeros_(synthesis.out.weight)
        if synthesis.out.bias is not None:
            nn.init.zeros_(synthesis.out.bias)
    for path in (analysis.linear, synthesis.linear):
        path.requires_grad_(False)
    return variances
