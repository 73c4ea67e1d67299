"""The squared error of what decodes from a tile's latents, with its gradient.

What `HyperpriorTransform.synthesise` computes, at one level and in an order that is cheap to
repeat: what the level and the deviations scale is folded into the weights, and the picture stays
unshuffled by two, as shrinkage has it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.nets.hyperprior import LEAK, PATCH, Block, HyperpriorTransform
from pseudocodec.nets.precision import autocast, fast_type
from pseudocodec.nets.shrinkage import HALF

FINE = 4  # pixels, along each side, that the nets' last layer makes at a place,
SIDE = PATCH // FINE  # and the places of a latent


class Scene(NamedTuple):
    """What a tile is seen in: its pixels and latents with those around it."""

    images: Tensor
    """(1, 3, 16 H, 16 W) in [0, 1]."""

    mask: Tensor
    """(1, 1, 16 H, 16 W), 1 where errors count: beyond the picture's edge they do not."""

    latents: Tensor
    """(1, latents, H, W), not gained, of the tile and its surroundings."""

    inner: tuple[slice, slice]
    """Where in them the tile is."""


class Distortion:
    """Gained latents of a tile (1, latents, h, w) -> summed squared error, what is around it fixed.

    Errors are of pixels in [0, 1]. Convolutions are computed as under `autocast`. Fastest for
    latents that lie channels last.
    """

    def __init__(self, transform: HyperpriorTransform, scene: Scene, level: Tensor) -> None:
        gain = transform.gain(level)
        height, width = scene.latents.shape[2:]
        self._nets = _Folded(transform, level, (height, width), fast_type(gain.device))
        self._shrinkage, self._condition = transform.shrinkage, self._nets.condition
        self._around = (scene.latents * gain).contiguous(memory_format=torch.channels_last)
        self._inner = scene.inner
        order = _unshuffled(torch.arange(3 * PATCH**2).view(1, 3, PATCH, PATCH))
        order = order[0].permute(1, 2, 0).flatten().to(gain.device)
        self._basis = (transform.basis[order] / gain.flatten()).T.contiguous()
        self._mean = transform.mean.repeat_interleave(PATCH**2)[order]
        self._target = F.pixel_unshuffle(scene.images, HALF)
        mask = F.pixel_unshuffle(scene.mask.expand_as(scene.images), HALF)
        self._mask = None if bool(mask.all()) else mask

    def __call__(self, gained: Tensor) -> Tensor:
        """A scalar."""
        if gained.shape != self._around.shape:
            tile, gained = gained, self._around.clone()
            gained[..., *self._inner] = tile
        height, width = gained.shape[2:]
        linear = torch.addmm(self._mean, gained[0].flatten(1).T, self._basis)
        picture = self._nets(gained).float() + _scattered(linear, height, width)
        with autocast(gained.device):
            decoded = self._shrinkage.run(F.pixel_shuffle(picture, HALF), self._condition)
        rest = decoded - self._target
        if self._mask is not None:
            rest = rest * self._mask
        error: Tensor = rest.flatten().dot(rest.flatten())
        return error


def _unshuffled(images: Tensor) -> Tensor:
    """Pictures (1, 3, H, W) -> (1, 48, H / 4, W / 4), of which a pixel shuffle makes halves."""
    return F.pixel_unshuffle(F.pixel_unshuffle(images, HALF), FINE // HALF)


def _scattered(patches: Tensor, height: int, width: int) -> Tensor:
    """What the linear path makes (h w, 768) -> (1, 48, 4 h, 4 w): copies of whole rows."""
    rows = patches.view(height, width, SIDE, SIDE, -1).transpose(1, 2)
    return rows.reshape(1, height * SIDE, width * SIDE, -1).permute(0, 3, 1, 2)


class _Folded:
    """The synthesis nets at one level, up to their last pixel shuffle, scales in the weights.

    Their last channels are in the order of `_unshuffled`.
    """

    def __init__(
        self,
        transform: HyperpriorTransform,
        level: Tensor,
        size: tuple[int, int],
        dtype: torch.dtype,
    ) -> None:
        nets, self._size, self._dtype = transform.synthesis, size, dtype
        condition = self.condition = transform.embedding(level / transform.config.top)[0]
        scale = 1 / (transform.gain(level)[0] * transform.deviations[:, None, None])
        self._stem = self._cast(nets.stem.weight * scale, nets.stem.bias)
        self._deep = self._blocks(nets.deep, condition)
        self._to_coarse = self._shuffled(nets.to_coarse, 2)
        self._coarse = self._blocks(nets.coarse, condition)
        self._to_fine = self._shuffled(nets.to_fine, 4)
        self._fine = self._blocks(nets.fine, condition)
        last, by = nets.out.conv, nets.out.scale
        assert last.bias is not None
        order = torch.arange(3 * FINE**2, device=last.weight.device)
        order = _unshuffled(F.pixel_shuffle(order.view(1, -1, 1, 1), FINE)).flatten()
        self._out = self._cast((last.weight * by)[order], (last.bias * by)[order])

    def __call__(self, gained: Tensor) -> Tensor:
        """(1, latents, h, w) -> (1, 48, 4 h, 4 w)."""
        h = _conv(gained.to(self._dtype), self._stem)
        h = _finer(self._through(self._deep, h), self._to_coarse)
        h = _finer(self._through(self._coarse, h), self._to_fine)
        return _conv(self._through(self._fine, h), self._out)

    @staticmethod
    def _through(blocks: list[tuple[_Weights, _Weights]], h: Tensor) -> Tensor:
        for first, second in blocks:
            h = h + _conv(F.leaky_relu(_conv(h, first), LEAK), second)
        return h

    def _blocks(self, blocks: nn.ModuleList, condition: Tensor) -> list[tuple[_Weights, _Weights]]:
        folded = []
        for block in blocks:
            assert isinstance(block, Block) and block.film is not None
            scale, shift = block.film(condition).chunk(2)
            first, second = block.first, block.second
            assert first.bias is not None
            weight = first.weight * (1 + scale[:, None, None, None])
            bias = first.bias * (1 + scale) + shift
            folded.append((self._cast(weight, bias), self._cast(second.weight, second.bias)))
        return folded

    def _shuffled(self, layer: nn.Conv2d, by: int) -> _Weights:
        """A layer of kernel 1 whose output is pixel-shuffled by 2, as a transposed convolution.

        Its biases are one for each of four places: added as what they come to everywhere, in a
        picture `by` times as large as the latents.
        """
        assert layer.bias is not None
        weight = layer.weight.view(-1, 2, 2, layer.in_channels).permute(3, 0, 1, 2)
        height, width = (by * side // 2 for side in self._size)
        return self._cast(weight, layer.bias.view(1, -1, 2, 2).repeat(1, 1, height, width))

    def _cast(self, weight: Tensor, bias: Tensor | None) -> _Weights:
        assert bias is not None
        kernel = weight.detach().to(self._dtype, memory_format=torch.channels_last)
        bias = bias.detach().to(self._dtype)
        return kernel, bias.contiguous(
            memory_format=torch.channels_last
        ) if bias.ndim == 4 else bias


_Weights = tuple[Tensor, Tensor]


def _finer(x: Tensor, weights: _Weights) -> Tensor:
    return F.conv_transpose2d(x, weights[0], stride=2).add_(weights[1])


def _conv(x: Tensor, weights: _Weights) -> Tensor:
    return F.conv2d(x, *weights, padding=weights[0].shape[2] // 2)
