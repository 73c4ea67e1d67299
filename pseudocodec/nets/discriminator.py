"""The discriminator of adversarial training: is each patch of a picture an original's?

Training needs it, decoding does not: it is not part of a model file.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pseudocodec.nets.blocks import RateEmbedding
from pseudocodec.nets.grid import GridConfig
from pseudocodec.nets.hyperprior import PATCH, HyperpriorConfig, LevelEmbedding

WIDTH, PHOTO_WIDTH = 48, 32  # of the first features, doubled from layer to layer
MOST_WIDTH = 192
CONDITION = 64  # width of what is told of the rate
SLOPE = 0.2  # of the leaky ReLU


class Discriminator(nn.Module):
    """Strided convolutions down to one logit a patch of the generator's grid (Isola et al. 2017).

    Each layer is divided by its spectral norm (Miyato et al. 2018), so that the logits cannot
    change faster than the picture. The rate enters by projection (Miyato & Koyama 2018): a picture
    may be a good one of 20 bytes and a poor one of 200. Where `shown` channels are more than none,
    it also sees what the file says of each picture (Mentzer et al. 2020): an original is to be
    likely given that.

    Args:
        rate: what makes a vector (B, CONDITION) of levels (B,).
        channels: of the pictures.
        patch: pixels a logit, a power of two.
        width: of the first features.
        shown: channels of what else it sees.
    """

    def __init__(
        self, rate: nn.Module, channels: int, patch: int, *, width: int = WIDTH, shown: int = 0
    ) -> None:
        super().__init__()
        halvings = patch.bit_length() - 1
        widths = [min(width << i, MOST_WIDTH) for i in range(halvings)]
        inputs = [channels + shown, *widths[:-1]]
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1))
            for before, width in zip(inputs, widths, strict=True)
        )
        self.layers.append(spectral_norm(nn.Conv2d(widths[-1], widths[-1], 3, padding=1)))
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.rate = rate
        self.project = spectral_norm(nn.Linear(CONDITION, widths[-1], bias=False))

    @staticmethod
    def of_grid(config: GridConfig) -> Discriminator:
        """For pictures of one kind; levels as `GridTransform` has them."""
        return Discriminator(RateEmbedding(CONDITION), config.channels, config.patch)

    @staticmethod
    def of_photos(config: HyperpriorConfig) -> Discriminator:
        """For photographs, shown beside a plain decoder's; levels are shares of the highest."""
        rate, channels = LevelEmbedding(CONDITION), config.channels
        return Discriminator(rate, channels, PATCH, width=PHOTO_WIDTH, shown=channels)

    def forward(
        self, images: Tensor, level: Tensor, shown: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """Images (B, C, H, W) and `shown` (B, shown, H, W), nominally in [0, 1], and levels (B,).

        Returns logits (B, 1, rows, columns), positive for an original, and the features of every
        layer, each (B, width, ...).
        """
        seen = images if shown is None else torch.cat([images, shown], 1)
        h, features = 2 * seen - 1, []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), SLOPE)
            features.append(h)
        expected = self.project(self.rate(level))[:, :, None, None]
        logits: Tensor = self.head(h) + (h * expected).sum(1, keepdim=True)
        return logits, features
