"""Shrinkage: what quantisation leaves in a picture, taken out of it in learnt stages.

A stage filters the picture, limits what the filters find, and adds a filtered sum of that to it:
one step of a trainable nonlinear diffusion (Chen & Pock 2017), with a limit for the influence
function. Filters begin as differences of neighbours. Small ones, most of which are the doing of
rounded latents, are taken back as they are; large ones are edges, and count no more than the limit.
Convolutions with ReLUs hardly learn this: in the same minutes those that were tried had a fifth of
the gain at most.

Pictures lie unshuffled by two while it runs, (B, 12, H / 2, W / 2), where a filter of 5 x 5 pixels
is one of 3 x 3 places: convolutions of few channels and many places are slow.
"""

from __future__ import annotations

from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.nets.precision import autocast_off

SIDE = 5  # pixels of a filter; that of 3 places, `HALF` pixels each, has room for it
HALF = 2
PLACES = 3
SEEN = 2 * (SIDE // 2)  # pixels that a stage looks beyond its own
STEEPNESS = 50.0  # of a difference at first: the limit is at 1, which is 5 steps of 255
STEP = 0.02  # what a limited difference is worth, likewise
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0))
NOISE = 0.3  # deviation of the filters that are no differences
ROWS = 32  # computed at a time: maps of a whole picture take much memory, and long to get it
MIDDLE = 0.5  # of pixels in [0, 1]


class Stage(nn.Module):
    """One step, with `maps` filters whose strengths before and after the limit are the level's."""

    _to_maps: Tensor
    _to_pixels: Tensor

    def __init__(self, maps: int, channels: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Parameter(_differences(maps, channels))
        self.last = nn.Parameter(torch.zeros(channels, maps, SIDE, SIDE))
        self.film = nn.Linear(condition, 2 * maps)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        self.register_buffer("_to_maps", _places(maps, channels), persistent=False)
        self.register_buffer("_to_pixels", _places(channels, maps), persistent=False)

    def forward(self, halves: Tensor, condition: Tensor) -> Tensor:
        """Unshuffled pictures of one level, whose condition is (condition,)."""
        first, last = self._filters(condition)
        height, sums = halves.shape[2], []
        for top in range(0, height, ROWS):
            bottom = min(top + ROWS, height)
            above, below = max(top - 1, 0), min(bottom + 1, height)  # rows that the sums see
            around = halves[:, :, max(above - 1, 0) : below + 1]
            edges = (1, 1, int(above == 0), int(below == height))
            with autocast_off(halves.device):  # differences of nearly equal numbers
                found = F.conv2d(F.pad(around, edges, mode="replicate"), first)
            found = F.hardtanh(found, inplace=torch.is_inference_mode_enabled())
            sums.append(F.conv2d(found, last, padding=1)[:, :, top - above : bottom - above])
        total = torch.cat(sums, dim=2)
        del sums  # of a large tile they have 20 MB
        return total.float().add_(halves)

    def _filters(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Both sets, as unshuffled pictures have them, strengths included."""
        before, after = self.film(condition).float().exp()[:, None, None, None].chunk(2)
        first = self.first * before * STEEPNESS
        last = self.last * after.transpose(0, 1) * STEP
        return _unshuffled(first, self._to_maps), _unshuffled(last, self._to_pixels)


class Shrinkage(nn.Module):
    """The stages. They start as the identity."""

    def __init__(self, stages: int, maps: int, channels: int, condition: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(Stage(maps, channels, condition) for _ in range(stages))

    def forward(self, images: Tensor, condition: Tensor) -> Tensor:
        """Pictures (B, channels, H, W), sides even, and (B, condition) -> such pictures."""
        if not len(self.stages):
            return images
        pairs = zip(torch.split(images, 1), condition, strict=True)
        each = [self.run(F.pixel_unshuffle(one, HALF), of) for one, of in pairs]
        return F.pixel_shuffle(torch.cat(each), HALF)

    def run(self, halves: Tensor, condition: Tensor) -> Tensor:
        """Unshuffled pictures (B, 4 channels, H / 2, W / 2) of one level -> the same after."""
        if len(self.stages):
            halves = halves.contiguous(memory_format=torch.channels_last) - MIDDLE
            for stage in self.stages:
                halves = stage(halves, condition)
            halves = halves + MIDDLE
        return halves


def _differences(maps: int, channels: int) -> Tensor:
    """Filters (maps, channels, SIDE, SIDE): of neighbours in each channel, and noise of mean 0."""
    centre = SIDE // 2
    out = torch.randn(maps, channels, SIDE, SIDE) * NOISE
    out -= out.mean((1, 2, 3), keepdim=True)
    for number, ((down, right), channel) in enumerate(product(NEIGHBOURS, range(channels))):
        if number < maps:
            out[number] = 0
            out[number, channel, centre, centre] = -1
            out[number, channel, centre + down, centre + right] = 1
    return out


def _places(outputs: int, inputs: int) -> Tensor:
    """Where filters (outputs, inputs, SIDE, SIDE), flat, are in those of unshuffled pictures.

    (4 outputs, 4 inputs, PLACES, PLACES); where there is none, at the zero that follows them.
    """
    number = torch.arange(outputs * inputs * SIDE**2).view(outputs, inputs, SIDE, SIDE)
    out = torch.full((outputs, HALF, HALF, inputs, HALF, HALF, PLACES, PLACES), number.numel())
    for y, x, i, j in product(range(HALF), range(HALF), range(SIDE), range(SIDE)):
        down, right = y + i - SIDE // 2, x + j - SIDE // 2
        at = (down % HALF, right % HALF, down // HALF + 1, right // HALF + 1)
        out[:, y, x, :, *at] = number[..., i, j]
    return out.view(4 * outputs, 4 * inputs, PLACES, PLACES)


def _unshuffled(filters: Tensor, places: Tensor) -> Tensor:
    """Filters as `_places` has them."""
    return F.pad(filters.flatten(), (0, 1))[places].contiguous(memory_format=torch.channels_last)
