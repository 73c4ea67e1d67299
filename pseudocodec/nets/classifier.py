"""A small classifier of handwritten digits, whose features and judgements measure pictures of them.

Measuring needs it, encoding and decoding do not: it is not part of a model file.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIDE = 28  # pixels a side of MNIST's digits
CLASSES = 10
FEATURES = 96
WIDTHS = (16, 32, 64, FEATURES)  # channels after each convolution
STRIDES = (2, 2, 1, 1)  # 28 -> 14 -> 7 pixels a side


class DigitClassifier(nn.Module):
    """Convolutions of 3 x 3, each normalised over the batch (Ioffe & Szegedy 2015), then a mean.

    The mean over all places, as in Lin et al. (2014), leaves the last matrix little to learn by
    heart, and makes the features nearly independent of where a digit stands.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width, stride in zip((1, *WIDTHS[:-1]), WIDTHS, STRIDES, strict=True):
            layers += [
                nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(FEATURES, CLASSES)

    def features(self, images: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) in [0, 1] -> what `head` sees, (B, FEATURES), from 0 up."""
        out: Tensor = self.layers(2 * images - 1).mean((2, 3))
        return out

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 1, 28, 28) in [0, 1] -> logits (B, 10)."""
        out: Tensor = self.head(self.features(images))
        return out


def pixels(images: Tensor) -> Tensor:
    """Digits uint8 (B, 28, 28) -> (B, 1, 28, 28) in [0, 1], as the classifier takes them."""
    return (images[:, None].float() / 255).contiguous(memory_format=torch.channels_last)
