"""The same cost as `engine` computes, with autograd: for GPUs, and to test the kernels against."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pseudocodec.overfit.design import COARSER, LEVELS, OWN, TAPS
from pseudocodec.overfit.laplace import OCTAVE, SCALE_ONE, SCALES

_LEAST = 2.0**-24


def rate(symbols: Sequence[Tensor], nets: dict[str, Tensor]) -> Tensor:
    """Bits of symbols, a plane (h, w) a level."""
    bits = symbols[0].new_zeros(())
    for k, plane in enumerate(symbols):
        height, width = plane.shape
        own = F.pad(plane, (3, 3, 2, 0))
        parts = [own[2 + y : 2 + y + height, 3 + x : 3 + x + width] for y, x in OWN]
        if k < LEVELS - 1:
            coarser = interpolated(symbols[k + 1], height, width)
        else:
            coarser = plane.new_zeros(height + 1, width + 1)
        parts += [coarser[y : y + height, x : x + width] for y, x in COARSER]
        c = torch.stack([part.reshape(-1) for part in parts], 1)
        h1 = F.relu(F.linear(c, nets["context.1"], nets["context.bias.1"][k]))
        h2 = F.relu(F.linear(h1, nets["context.2"], nets["context.bias.2"]) + h1)
        out = F.linear(torch.cat([h2, c], 1), nets["context.3"], nets["context.bias.3"])
        bits = bits + laplace_bits(plane.reshape(-1) - out[:, 0], out[:, 1])
    return bits


def laplace_bits(d: Tensor, log_scale: Tensor) -> Tensor:
    """Bits of symbols `d` from their means, scales by their log2."""
    t = torch.exp2(-log_scale.clamp(-SCALE_ONE / OCTAVE, (SCALES - 1 - SCALE_ONE) / OCTAVE))
    a = d.abs()
    outside = (-(a - 0.5).clamp(min=0) * t) + torch.log1p(-torch.exp(-t)) - math.log(2)
    b = a.clamp(max=0.5)
    inside = 1 - 0.5 * (torch.exp(-(0.5 + b) * t) + torch.exp(-(0.5 - b) * t))
    logs = torch.where(a > 0.5, outside, inside.clamp(min=_LEAST).log())
    return -logs.clamp(min=-24 * math.log(2)).sum() / math.log(2)


def interpolated(coarser: Tensor, height: int, width: int) -> Tensor:
    """See `context.interpolated`, in units of the latents: (height + 1, width + 1)."""

    def places(count: int, most: int) -> tuple[Tensor, Tensor]:
        x = torch.arange(count + 1, device=coarser.device)
        near = (x >> 1).clamp(max=most - 1)
        return near, ((x >> 1) + 2 * (x & 1) - 1).clamp(0, most - 1)

    p, q = places(height, coarser.shape[0])
    r, s = places(width, coarser.shape[1])
    rows = 3 * coarser[p] + coarser[q]
    return (3 * rows[:, r] + rows[:, s]) / 16


def colours(symbols: Sequence[Tensor], nets: dict[str, Tensor]) -> Tensor:
    """The picture (3, h, w) of symbols, in units of 16."""
    stack = symbols[-1][None]
    for k in range(LEVELS - 2, -1, -1):
        stack = torch.cat([symbols[k][None], _finer(stack, nets["upsampling"][k], symbols[k])])
    u = stack.flatten(1)
    h = F.relu(nets["synthesis.1"] @ u + nets["synthesis.bias.1"][:, None])
    mixed = (nets["synthesis.2"] @ h + nets["synthesis.bias.2"][:, None]).view(3, *symbols[0].shape)
    smoothed = F.relu(_residual(mixed, nets["synthesis.3"], nets["synthesis.bias.3"]))
    return _residual(smoothed, nets["synthesis.4"], nets["synthesis.bias.4"])


def _residual(planes: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    padded = F.pad(planes[None], (1, 1, 1, 1), mode="replicate")
    return planes + F.conv2d(padded, weight, bias)[0]


def _finer(stack: Tensor, taps: Tensor, like: Tensor) -> Tensor:
    """Planes (n, h', w') at the size of `like`: down the columns, then along the rows."""
    even = torch.stack([taps[3], taps[1], taps[0], taps[2]])  # p - 2 .. p + 1
    odd = torch.stack([taps[2], taps[0], taps[1], taps[3]])  # p - 1 .. p + 2

    def widened(x: Tensor, size: int) -> Tensor:
        padded = F.pad(x[None], (2, 2, 0, 0), mode="replicate")[0]
        windows = padded.unfold(2, TAPS, 1)  # p - 2 ..
        out = torch.stack([windows[:, :, :-1] @ even, windows[:, :, 1:] @ odd], 3)
        return out.flatten(2)[:, :, :size]

    height, width = like.shape
    down = widened(stack.transpose(1, 2), height).transpose(1, 2)
    return widened(down, width)
