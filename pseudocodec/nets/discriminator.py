"""The discriminator of adversarial training: is each patch of a picture an original's?

Training needs it, decoding does not: it is not part of a model file.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pseudocodec.nets.blocks import RateEmbedding
from pseudocodec.nets.grid import GridConfig

WIDTH, MOST_WIDTH = 48, 192  # of the first features, doubled from layer to layer, and of the last
CONDITION = 64  # width of what is told of the rate
SLOPE = 0.2  # of the leaky ReLU


class Discriminator(nn.Module):
    """Strided convolutions down to one logit a patch of the generator's grid (Isola et al. 2017).

    Each layer is divided by its spectral norm (Miyato et al. 2018), so that the logits cannot
    change faster than the picture. The rate enters by projection (Miyato & Koyama 2018): a picture
    may be a good one of 20 bytes and a poor one of 200.
    """

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        halvings = config.patch.bit_length() - 1
        widths = [min(WIDTH << i, MOST_WIDTH) for i in range(halvings)]
        inputs = [config.channels, *widths[:-1]]
        self.layers = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, width, 4, stride=2, padding=1))
            for before, width in zip(inputs, widths, strict=True)
        )
        self.layers.append(spectral_norm(nn.Conv2d(widths[-1], widths[-1], 3, padding=1)))
        self.head = spectral_norm(nn.Conv2d(widths[-1], 1, 1))
        self.rate = RateEmbedding(CONDITION)
        self.project = spectral_norm(nn.Linear(CONDITION, widths[-1], bias=False))

    def forward(self, images: Tensor, level: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Images (B, C, H, W), nominally in [0, 1], and levels (B,) as `GridTransform` has them.

        Returns logits (B, 1, rows, columns), positive for an original, and the features of every
        layer, each (B, width, ...).
        """
        h, features = 2 * images - 1, []
        for layer in self.layers:
            h = F.leaky_relu(layer(h), SLOPE)
            features.append(h)
        expected = self.project(self.rate(level))[:, :, None, None]
        logits: Tensor = self.head(h) + (h * expected).sum(1, keepdim=True)
        return logits, features
