"""Nets for photographs of any size: transforms to a sixteenth of the side and a hyperprior.

A mean-scale hyperprior (Minnen, Balle & Toderici 2018), whose nets know no serial context, one set
for all rates (gain units; Cui et al. 2021). As in the nets for pictures of one kind, a fixed linear
path, the Karhunen-Loeve transform of 16 x 16 patches, runs beside the nets, which start at zero:
training begins with a working transform codec. All layers see a bounded neighbourhood and nothing
of the whole picture, so that tiles with a halo decode as the whole does.

The hyper-synthesis is trained here, in floats; files are coded with its integer form
(`pseudocodec.photo.integer`), which `HyperSynthesis.layers` feeds.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.errors import PslError
from pseudocodec.hyperprior.integer import LOWEST_SCALE, SCALE_STEP, SCALES
from pseudocodec.nets.precision import autocast_off
from pseudocodec.nets.shrinkage import SEEN, Shrinkage

PATCH = 16  # pixels a latent, along each side
GROUP = 4  # latents a hyper-latent, along each side
STAGES, MAPS = 3, 20  # of shrinkage, in new models
MARGIN = 3  # pixels that a filter of files looks beyond its own: see `nets.filters`
LEAK = 0.1  # slope of the ReLUs below zero
UNIT_KNEE = 0.1  # deviation above which units grow with the root only


@dataclass(frozen=True)
class HyperpriorConfig:
    """Sizes of the nets."""

    latents: int = 192  # channels at 1/16 of the side
    hyper: int = 64  # channels at 1/64
    hidden: int = 128  # of the hyper nets
    deep: int = 192  # features at 1/16,
    coarse: int = 160  # at 1/8,
    fine: int = 64  # at 1/4
    deep_blocks: int = 1
    coarse_blocks: int = 2
    fine_blocks: int = 1
    rows: int = 17  # levels that have gains and biases of their own; others lie between two
    condition: int = 64
    channels: int = 3
    stages: int = 0  # of shrinkage, which models had none of once,
    maps: int = 1  # and filters of each
    lowest: float = 0.0006  # lambda of level 0: bits a pixel worth of squared error (0..255)
    highest: float = 0.12  # and of the last level

    def __post_init__(self) -> None:
        """Refuse sizes no net has: configs come from model files."""
        for key, value in asdict(self).items():
            low, high = (1e-6, 10.0) if key in ("lowest", "highest") else (1, 1024)
            if key.endswith("blocks") or key == "stages":
                low = 0
            if not low <= value <= high:
                raise PslError(f"hyperprior nets: {key}={value}, expected {low} to {high}")
        if self.rows < 2 or self.channels != 3 or self.latents > 3 * PATCH**2:
            raise PslError("hyperprior nets: expected 2 or more rows, 3 channels, 768 latents")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    def with_shrinkage(self) -> HyperpriorConfig:
        """The same, with as much shrinkage as new models have where there is none."""
        return self if self.stages else replace(self, stages=STAGES, maps=MAPS)

    @property
    def reach(self) -> int:
        """How far, in latents, a transform looks beyond a place, a filter behind it included.

        Both transforms look equally far.
        """
        pixels = 4 * (1 + 2 * self.fine_blocks) + 16 * self.coarse_blocks + SEEN * self.stages
        return 2 * self.deep_blocks + 1 + math.ceil((pixels + MARGIN) / PATCH)

    @property
    def top(self) -> int:
        """The highest level; levels are 0 to `top`, fractions included."""
        return self.rows - 1

    def price(self, level: Tensor) -> Tensor:
        """Lambda at levels (B,): bits a pixel that one squared step of 255 is worth."""
        return self.lowest * (self.highest / self.lowest) ** (level / self.top)


class Rows(nn.Module):
    """A learnt vector for each level, linear in between: levels (B,) -> (B, width)."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.values = nn.Parameter(start)

    def forward(self, level: Tensor) -> Tensor:
        """Between the rows below and above."""
        return between(self.values, level)


def between(rows: Tensor, level: Tensor) -> Tensor:
    """Rows (R, width) at levels (B,) in [0, R - 1]: linear interpolation, (B, width)."""
    low = level.floor().clamp(0, len(rows) - 2).long()
    return torch.lerp(rows[low], rows[low + 1], (level - low)[:, None])


class Output(nn.Module):
    """A convolution that starts at zero, scaled so that steps of Adam move its output little.

    Adam moves all weights alike; over a wide fan-in the changes of one step add up to noise far
    above a quantiser step. With outputs divided by a quarter of the root of the fan-in they do
    not, and yet learn within minutes.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        nn.init.zeros_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)  # type: ignore[arg-type]
        self.scale = 4 * (inputs * kernel**2) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        out: Tensor = self.conv(x) * self.scale
        return out


def conv(inputs: int, outputs: int, kernel: int, *, relu: bool = False) -> nn.Conv2d:
    """A convolution that keeps the variance, of what a ReLU follows if so (He et al. 2015)."""
    made = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.kaiming_normal_(made.weight, nonlinearity="relu" if relu else "linear")
    nn.init.zeros_(made.bias)  # type: ignore[arg-type]
    return made


class Block(nn.Module):
    """x + conv(leaky(film(conv(x)))): residual, without norms, which would see all places at once.

    The ReLU leaks: beside a linear path that already codes well, plain ones were all pushed below
    zero in the first minutes of training, and stayed there.

    It starts as the identity.
    """

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.first = conv(channels, channels, 3, relu=True)
        self.second = conv(channels, channels, 3)
        nn.init.zeros_(self.second.weight)
        self.film = nn.Linear(condition, 2 * channels) if condition else None
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """(B, C, H, W) [and (B, condition)] -> (B, C, H, W)."""
        h = self.first(x)
        if self.film is not None and condition is not None:
            scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
            if torch.is_inference_mode_enabled():
                h.mul_(1 + scale).add_(shift)
            else:
                h = h * (1 + scale) + shift
        if torch.is_inference_mode_enabled():  # of a large tile, each copy has 20 MB
            out: Tensor = self.second(F.leaky_relu(h, LEAK, inplace=True)).add_(x)
        else:
            out = x + self.second(F.leaky_relu(h, LEAK))
        return out


class LevelEmbedding(nn.Module):
    """What the nets are told of the rate: levels (B,) as fractions of the top -> (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, width), nn.Linear(width, width)

    def forward(self, share: Tensor) -> Tensor:
        """Shares in [0, 1] -> (B, width)."""
        h = F.gelu(self.first(2 * share[:, None] - 1))
        return F.gelu(self.second(h))


class Analysis(nn.Module):
    """Pictures (B, 3, H, W), centred, of whole patches -> features (B, latents, H/16, W/16)."""

    def __init__(self, c: HyperpriorConfig) -> None:
        super().__init__()
        self.stem = conv(16 * c.channels, c.fine, 3)
        self.fine = nn.Sequential(*(Block(c.fine) for _ in range(c.fine_blocks)))
        self.to_coarse = conv(4 * c.fine, c.coarse, 1)
        self.coarse = nn.Sequential(*(Block(c.coarse) for _ in range(c.coarse_blocks)))
        self.to_deep = conv(4 * c.coarse, c.deep, 1)
        self.deep = nn.Sequential(*(Block(c.deep) for _ in range(c.deep_blocks)))
        self.out = Output(c.deep, c.latents, 3)

    def forward(self, centred: Tensor) -> Tensor:
        """As the class says."""
        h = self.fine(self.stem(F.pixel_unshuffle(centred, 4)))
        h = self.coarse(self.to_coarse(F.pixel_unshuffle(h, 2)))
        h = self.deep(self.to_deep(F.pixel_unshuffle(h, 2)))
        out: Tensor = self.out(h)
        return out


class Synthesis(nn.Module):
    """Scaled latents (B, latents, h, w) and a condition -> what the linear path leaves out."""

    def __init__(self, c: HyperpriorConfig) -> None:
        super().__init__()
        self.stem = conv(c.latents, c.deep, 3)
        self.deep = nn.ModuleList(Block(c.deep, c.condition) for _ in range(c.deep_blocks))
        self.to_coarse = conv(c.deep, 4 * c.coarse, 1)
        self.coarse = nn.ModuleList(Block(c.coarse, c.condition) for _ in range(c.coarse_blocks))
        self.to_fine = conv(c.coarse, 4 * c.fine, 1)
        self.fine = nn.ModuleList(Block(c.fine, c.condition) for _ in range(c.fine_blocks))
        self.out = Output(c.fine, 16 * c.channels, 3)

    def forward(self, scaled: Tensor, condition: Tensor) -> Tensor:
        """(B, latents, h, w) and (B, condition) -> (B, 3, 16 h, 16 w)."""
        h = self.stem(scaled)
        for block in self.deep:
            h = block(h, condition)
        h = F.pixel_shuffle(self.to_coarse(h), 2)
        for block in self.coarse:
            h = block(h, condition)
        h = F.pixel_shuffle(self.to_fine(h), 2)
        for block in self.fine:
            h = block(h, condition)
        return F.pixel_shuffle(self.out(h), 4)


class HyperAnalysis(nn.Module):
    """Gained latents (B, latents, h, w), h and w multiples of 4 -> (B, hyper, h/4, w/4)."""

    def __init__(self, c: HyperpriorConfig) -> None:
        super().__init__()
        self.first = nn.Conv2d(c.latents, c.hidden, 3, padding=1)
        self.second = nn.Conv2d(4 * c.hidden, c.hidden, 1)
        self.middle = Block(c.hidden)
        self.out = nn.Conv2d(4 * c.hidden, c.hyper, 1)

    def forward(self, gained: Tensor) -> Tensor:
        """Magnitudes count on a log scale: latents range from fractions to thousands."""
        h = self.first(gained.sign() * torch.log1p(gained.abs()))
        h = self.middle(self.second(F.pixel_unshuffle(F.relu(h), 2)))
        out: Tensor = self.out(F.pixel_unshuffle(F.relu(h), 2))
        return out


class HyperSynthesis(nn.Module):
    """Rounded hyper-latents and levels -> mean and scale of each latent.

    Layers of convolution, a bias of the level, ReLU; two of them are followed by a pixel shuffle.
    This is all that the integer form needs to know.
    """

    SHUFFLED = (True, True, False, False)

    def __init__(self, c: HyperpriorConfig) -> None:
        super().__init__()
        sizes = [
            (c.hyper, 4 * c.hidden, 3),
            (c.hidden, 4 * c.hidden, 3),
            (c.hidden, c.hidden, 3),
            (c.hidden, 2 * c.latents, 1),
        ]
        self.convs = nn.ModuleList(
            nn.Conv2d(i, o, k, padding=k // 2, bias=False) for i, o, k in sizes
        )
        self.biases = nn.ModuleList(Rows(torch.zeros(c.rows, o)) for _, o, _ in sizes)
        last = self.convs[-1].weight
        assert isinstance(last, nn.Parameter)
        nn.init.zeros_(last)

    def forward(self, rounded: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """(B, hyper, h, w), (B,) -> means, in `deviations * gain`, and table indices, not rounded.

        Both are (B, latents, 4 h, 4 w).
        """
        h = rounded
        last = len(self.convs) - 1
        for i, (conv, bias) in enumerate(zip(self.convs, self.biases, strict=True)):
            h = conv(h) + bias(level)[:, :, None, None]
            if i < last:
                h = F.relu(h)
            if self.SHUFFLED[i]:
                h = F.pixel_shuffle(h, 2)
        mean, scale = h.chunk(2, dim=1)
        return mean, scale / SCALE_STEP


class HyperpriorTransform(nn.Module):
    """All nets of a photo model."""

    mean: Tensor
    basis: Tensor
    deviations: Tensor  # of the linear coefficients
    units: Tensor  # of what the net adds to a latent: less for the strongest

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        c = self.config = config
        self.register_buffer("mean", torch.full((c.channels,), 0.5))
        self.register_buffer("basis", torch.zeros(c.channels * PATCH**2, c.latents))
        self.register_buffer("deviations", torch.ones(c.latents))
        self.register_buffer("units", torch.ones(c.latents))
        self.analysis = Analysis(c)
        self.synthesis = Synthesis(c)
        self.embedding = LevelEmbedding(c.condition)
        self.shrinkage = Shrinkage(c.stages, c.maps, c.channels, c.condition)
        self.hyper_analysis = HyperAnalysis(c)
        self.hyper_synthesis = HyperSynthesis(c)
        self.log_gain = Rows(torch.zeros(c.rows, c.latents))
        # Deviations of hyper-latents, as logarithms above the lowest, and their means.
        self.hyper_scale = Rows(torch.full((c.rows, c.hyper), -math.log(LOWEST_SCALE)))
        self.hyper_mean = Rows(torch.zeros(c.rows, c.hyper))

    @torch.no_grad()
    def fit_linear(self, patches: Tensor) -> None:
        """Start at the KLT of patches (N, 3, 16, 16) in [0, 1]; steps and tables to match.

        At high rates an orthonormal transform wants one step for all coefficients, and the step
        that is best at a price lambda is sqrt(6 / (ln 2 lambda)).
        """
        c = self.config
        self.mean.copy_(patches.mean((0, 2, 3)))
        flat = F.pixel_unshuffle(patches - self.mean[:, None, None], PATCH).flatten(1)
        values, vectors = torch.linalg.eigh((flat.T @ flat / len(flat)).double())
        self.basis.copy_(vectors.flip(1)[:, : c.latents].float())
        deviations = values.flip(0)[: c.latents].clamp(min=1e-8).sqrt().float()
        self.deviations.copy_(deviations)
        self.units.copy_(torch.minimum(deviations, (deviations * UNIT_KNEE).sqrt()))
        price = c.price(torch.arange(c.rows, dtype=torch.float32)) * 255**2 / c.channels
        gain = (price * math.log(2) / 6).sqrt()[:, None].expand(-1, c.latents)
        self.log_gain.values.copy_(gain.log())
        scale = ((gain * deviations).clamp(min=LOWEST_SCALE) / LOWEST_SCALE).log()
        bias = self.hyper_synthesis.biases[-1]
        assert isinstance(bias, Rows)
        bias.values[:, c.latents :] = scale

    def analyse(self, images: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [0, 1], sides multiples of 16 -> latents (B, latents, h, w).

        The same for all rates. Outside the linear path in bfloat16 under `autocast`.
        """
        centred = images - self.mean[:, None, None]
        with autocast_off(images.device):
            patches = F.pixel_unshuffle(centred, PATCH)
            linear = F.conv2d(patches, self.basis.T[:, :, None, None])
        out: Tensor = linear + self.analysis(centred).float() * self.units[:, None, None]
        return out

    def synthesise(self, latents: Tensor, level: Tensor) -> Tensor:
        """Latents (B, latents, h, w) and levels (B,) -> pictures (B, 3, 16 h, 16 w), unclipped."""
        condition = self.embedding(level / self.config.top)
        # The nets first: their features are the most that is held.
        detail = self.synthesis(latents / self.deviations[:, None, None], condition)
        with autocast_off(latents.device):
            patches = F.conv2d(latents, self.basis[:, :, None, None])
            picture = F.pixel_shuffle(patches, PATCH).add_(self.mean[:, None, None])
        picture.add_(detail.float())
        del patches, detail  # of a large tile they have 20 MB each
        out: Tensor = self.shrinkage(picture, condition)
        return out

    def gain(self, level: Tensor) -> Tensor:
        """Inverse quantiser steps at levels (B,): (B, latents, 1, 1)."""
        return between(self.log_gain.values.exp(), level)[:, :, None, None]

    def hyper_analyse(self, gained: Tensor) -> Tensor:
        """Gained latents (B, latents, h, w) -> hyper-latents (B, hyper, ceil(h/4), ceil(w/4))."""
        extra = (0, -gained.shape[3] % GROUP, 0, -gained.shape[2] % GROUP)
        out: Tensor = self.hyper_analysis(F.pad(gained, extra))
        return out

    def predict(self, rounded: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Hyper-latents -> means of the gained latents and real-valued table indices."""
        mean, scale = self.hyper_synthesis(rounded, level)
        unit = self.deviations[:, None, None] * self.gain(level)
        return mean * unit, scale.clamp(0, SCALES - 1)

    def predict_hyper(self, level: Tensor) -> tuple[Tensor, Tensor]:
        """Means and real-valued table indices of hyper-latents: (B, hyper, 1, 1) each."""
        scale = (self.hyper_scale(level) / SCALE_STEP).clamp(0, SCALES - 1)
        return self.hyper_mean(level)[:, :, None, None], scale[:, :, None, None]
