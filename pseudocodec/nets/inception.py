"""The Inception network whose features the FID is defined on, as a torch module.

C. Szegedy et al.: Rethinking the Inception architecture for computer vision. CVPR 2016, as it lies
in the TensorFlow graph of 2015-12-05 that Heusel et al. (2017) took for the FID. The graph departs
from the paper and from torchvision in its pooling, and layers are named as in the weights that were
made of it for PyTorch. The libraries that have it need torchvision, each build of which loads
beside one build of torch alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 299  # pixels a side of the pictures it takes
FEATURES = 2048
CLASSES = 1008  # of the graph's last layer, which the FID does not use


class Kernel(NamedTuple):
    """Of a convolution: how many there are, and their size."""

    channels: int
    rows: int = 1
    columns: int = 1


Step = Kernel | tuple[Kernel, Kernel]
"""A convolution, or two over the same features whose channels are joined."""


class Convolution(nn.Module):
    """Convolution, normalisation, ReLU; without `pad`, inside the features only."""

    def __init__(self, before: int, kernel: Kernel, *, stride: int = 1, pad: bool = True) -> None:
        super().__init__()
        size = (kernel.rows, kernel.columns)
        padding = (kernel.rows // 2, kernel.columns // 2) if pad else 0
        self.conv = nn.Conv2d(before, kernel.channels, size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(kernel.channels, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, channels, H', W')."""
        out: Tensor = self.bn(self.conv(x)).relu_()
        return out


class Mixed(nn.Module):
    """Branches over the same features, and one that pools them; the channels are joined in order.

    Args:
        before: channels that come in.
        branches: the steps of each by its name, as the weights call it.
        pooled: channels of a convolution behind the pooling; 0 for a block that halves the sides
            and has none.
        largest: whether maxima are pooled in place of means.
    """

    def __init__(
        self,
        before: int,
        branches: Mapping[str, Sequence[Step]],
        *,
        pooled: int = 0,
        largest: bool = False,
    ) -> None:
        super().__init__()
        self.halves, self.largest = not pooled, largest
        self.chains = [self._add(before, name, steps) for name, steps in branches.items()]
        if pooled:
            self.branch_pool = Convolution(before, Kernel(pooled))

    def _add(self, before: int, branch: str, steps: Sequence[Step]) -> list[list[str]]:
        """Make the convolutions of a branch; returns the names of those of each step."""
        chain = []
        for i, step in enumerate(steps, 1):
            kernels = [step] if isinstance(step, Kernel) else list(step)
            name = branch if len(steps) == 1 else f"{branch}_{i}"
            names = [name] if len(kernels) == 1 else [f"{name}a", f"{name}b"]
            last = self.halves and i == len(steps)
            for name, kernel in zip(names, kernels, strict=True):
                layer = Convolution(before, kernel, stride=1 + last, pad=not last)
                self.add_module(name, layer)
            before = sum(kernel.channels for kernel in kernels)
            chain.append(names)
        return chain

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, channels of all branches, H', W')."""
        parts = []
        for chain in self.chains:
            h = x
            for names in chain:
                h = torch.cat([self.get_submodule(name)(h) for name in names], 1)
            parts.append(h)
        return torch.cat([*parts, self._pool(x)], 1)

    def _pool(self, x: Tensor) -> Tensor:
        if self.halves:
            return F.max_pool2d(x, 3, stride=2)
        if self.largest:
            around = F.max_pool2d(x, 3, stride=1, padding=1)
        else:  # of what lies inside the features, unlike torchvision
            around = F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
        out: Tensor = self.branch_pool(around)
        return out


def _fives(before: int, pooled: int) -> Mixed:
    threes = [Kernel(64), Kernel(96, 3, 3), Kernel(96, 3, 3)]
    fives = [Kernel(48), Kernel(64, 5, 5)]
    branches = {"branch1x1": [Kernel(64)], "branch5x5": fives, "branch3x3dbl": threes}
    return Mixed(before, branches, pooled=pooled)


def _sevens(width: int) -> Mixed:
    across, down = Kernel(width, 1, 7), Kernel(width, 7, 1)
    branches = {
        "branch1x1": [Kernel(192)],
        "branch7x7": [Kernel(width), across, Kernel(192, 7, 1)],
        "branch7x7dbl": [Kernel(width), down, across, down, Kernel(192, 1, 7)],
    }
    return Mixed(768, branches, pooled=192)


def _forks(before: int, *, largest: bool) -> Mixed:
    fork = (Kernel(384, 1, 3), Kernel(384, 3, 1))
    branches: dict[str, list[Step]] = {
        "branch1x1": [Kernel(320)],
        "branch3x3": [Kernel(384), fork],
        "branch3x3dbl": [Kernel(448), Kernel(384, 3, 3), fork],
    }
    return Mixed(before, branches, pooled=192, largest=largest)


def _first_halving() -> Mixed:
    deep = [Kernel(64), Kernel(96, 3, 3), Kernel(96, 3, 3)]
    return Mixed(288, {"branch3x3": [Kernel(384, 3, 3)], "branch3x3dbl": deep})


def _second_halving() -> Mixed:
    sevens = [Kernel(192), Kernel(192, 1, 7), Kernel(192, 7, 1), Kernel(192, 3, 3)]
    return Mixed(768, {"branch3x3": [Kernel(192), Kernel(320, 3, 3)], "branch7x7x3": sevens})


class Inception(nn.Module):
    """Pictures of any size to the 2,048 features of the last pooling; for evaluation only."""

    def __init__(self) -> None:
        super().__init__()
        threes = (3, 3)
        self.Conv2d_1a_3x3 = Convolution(3, Kernel(32, *threes), stride=2, pad=False)
        self.Conv2d_2a_3x3 = Convolution(32, Kernel(32, *threes), pad=False)
        self.Conv2d_2b_3x3 = Convolution(32, Kernel(64, *threes))
        self.Conv2d_3b_1x1 = Convolution(64, Kernel(80))
        self.Conv2d_4a_3x3 = Convolution(80, Kernel(192, *threes), pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = map(_fives, (192, 256, 288), (32, 64, 64))
        self.Mixed_6a = _first_halving()
        self.Mixed_6b, self.Mixed_6c = _sevens(128), _sevens(160)
        self.Mixed_6d, self.Mixed_6e = _sevens(160), _sevens(192)
        self.Mixed_7a = _second_halving()
        self.Mixed_7b = _forks(1280, largest=False)
        self.Mixed_7c = _forks(FEATURES, largest=True)  # perhaps a slip of its authors
        self.fc = nn.Linear(FEATURES, CLASSES)  # in the weights, and not used

    def forward(self, images: Tensor) -> Tensor:
        """Float (B, 3, H, W) from 0 to 255 -> (B, 2048)."""
        h = (resized(images) - 128) / 128
        h = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(h)))
        h = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(h, 3, stride=2)))
        h = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(F.max_pool2d(h, 3, stride=2))))
        h = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(h)))
        h = self.Mixed_7a(self.Mixed_6e(self.Mixed_6d(h)))
        out: Tensor = self.Mixed_7c(self.Mixed_7b(h)).mean((2, 3))
        return out


def resized(images: Tensor) -> Tensor:
    """Float (B, C, H, W) -> (B, C, 299, 299) by the bilinear resampling of TensorFlow 1.

    Pixel i is taken from place i * size / 299, not from pixel centre to pixel centre, and nothing
    is smoothed where the picture shrinks. Published FIDs rest on that: other resampling moves them
    (Parmar, Zhang, Zhu: On aliased resizing and surprising subtleties in GAN evaluation, 2022).
    """
    columns, right, across = _places(images.shape[3], images.device)
    rows, below, down = _places(images.shape[2], images.device)
    wide = torch.lerp(images[..., columns], images[..., right], across)
    return torch.lerp(wide[:, :, rows], wide[:, :, below], down[:, None])


def _places(size: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of the 299 pixels: the one before it of `size`, the one behind, and its share."""
    place = torch.arange(SIDE, dtype=torch.float32, device=device) * (size / SIDE)
    before = place.long()
    return before, (before + 1).clamp(max=size - 1), place - before
