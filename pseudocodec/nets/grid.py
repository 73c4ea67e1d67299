"""Generator and inverse generator on a grid of patches, for pictures of one size, 16 to 256 pixels.

Both have a fixed linear path (`LinearPath`). Convolutions on the same grid add to it from zero, so
training starts on the Gaussian rate-distortion curve and improves on it instead of climbing up to
it. Both are told the rate: the encoder, too, may aim at what the decoder can make of so many bits.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.errors import PslError
from pseudocodec.nets.blocks import Mixer, RateEmbedding, Residual, Whiten, check_dims
from pseudocodec.nets.linear import LinearPath

PATCHES = (4, 8, 16)  # pixels
MIN_SIDE, MAX_SIDE = 8, 256
MAX_WIDTH = 4096  # of any layer: a model file must not ask for unbounded memory
MAX_FEATURES, MAX_BLOCKS, MAX_HIDDEN = 512, 8, 1024  # for the same reason
MAX_DIMS = 1 << 15
DENSE_MAPS = 32


@dataclass(frozen=True)
class GridConfig:
    """Shape of the two nets.

    Sides need not be multiples of `patch` pixels: pictures are padded. `shared`, `local` and
    `latents` are those of `LinearPath`. `coarse` is the width of the features on the grid, where
    generator and inverse generator have `coarse_blocks` residual blocks, `fine` that of the
    features at twice its resolution, with `fine_blocks`. `hidden` is the width of dense layers from
    the latents to the grid in the generator (0: none), `condition` that of what is told of the
    rate.
    """

    height: int
    width: int
    channels: int
    patch: int
    shared: int
    local: int
    latents: int
    coarse: int
    fine: int
    coarse_blocks: int
    fine_blocks: int
    hidden: int = 0
    condition: int = 64

    def __post_init__(self) -> None:
        """Refuse sizes the nets cannot take, before anything is allocated."""
        least = {"local": 0, "fine_blocks": 0, "coarse_blocks": 0, "hidden": 0}
        most = {"coarse": MAX_FEATURES, "fine": MAX_FEATURES, "condition": MAX_FEATURES}
        most |= {"coarse_blocks": MAX_BLOCKS, "fine_blocks": MAX_BLOCKS, "hidden": MAX_HIDDEN}
        for field in fields(self):
            value, low = getattr(self, field.name), least.get(field.name, 1)
            high = most.get(field.name, MAX_WIDTH)
            if type(value) is not int or not low <= value <= high:
                raise PslError(
                    f"{field.name}={value!r}: expected a whole number from {low} to {high}"
                )
        for name, side in (("height", self.height), ("width", self.width)):
            if not MIN_SIDE <= side <= MAX_SIDE:
                raise PslError(
                    f"{name}={side}: this net takes {MIN_SIDE} to {MAX_SIDE} pixels; "
                    "resize the pictures"
                )
        if self.channels not in (1, 3):
            raise PslError(f"channels={self.channels}: expected 1 (grey) or 3 (RGB)")
        if self.patch not in PATCHES:
            raise PslError(f"patch={self.patch}: expected one of {PATCHES}")
        size = self.channels * self.patch**2
        if self.shared + self.local > size or self.latents > self.shared * self.places:
            raise PslError(
                f"shared={self.shared}, local={self.local}, latents={self.latents}: a patch has "
                f"{size} components, {self.places} patches of {self.shared} give no more latents "
                "than that"
            )
        if self.dims > MAX_DIMS or self.shared * self.places > MAX_WIDTH:
            raise PslError(
                f"{self.dims} latents, {self.shared * self.places} of them global before they are "
                f"chosen: at most {MAX_DIMS} and {MAX_WIDTH} are supported"
            )

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    def linear_path(self) -> LinearPath:
        """The fixed linear path of these shapes, not yet fitted."""
        return LinearPath(
            self.grid,
            patch=self.patch,
            channels=self.channels,
            shared=self.shared,
            local=self.local,
            latents=self.latents,
        )

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return -(-self.height // self.patch), -(-self.width // self.patch)

    @property
    def places(self) -> int:
        """Patches of one picture."""
        return self.grid[0] * self.grid[1]

    @property
    def dims(self) -> int:
        """Values of one latent vector."""
        return self.latents + self.local * self.places

    @property
    def fine_patch(self) -> int:
        """Pixels along a place of the fine features."""
        return self.patch // 2


class Analysis(nn.Module):
    """The convolutions of the inverse generator: what they add to the whitened linear path."""

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        c = config
        self.rate = RateEmbedding(c.condition)
        self.patch = c.fine_patch
        self.stem = nn.Conv2d(c.channels * c.fine_patch**2, c.fine, 3, padding=1)
        self.fine_blocks = _blocks(c.fine_blocks, c.fine, c.condition)
        self.down = nn.Conv2d(c.fine, c.coarse, 2, stride=2)
        self.place = nn.Parameter(torch.zeros(c.coarse, *c.grid))
        self.coarse_blocks = _blocks(c.coarse_blocks, c.coarse, c.condition)
        self.mix = Mixer(c.coarse, c.places)
        self.last = Residual(c.coarse, c.condition)
        self.norm = nn.GroupNorm(1, c.coarse)
        self.head = nn.Conv2d(c.coarse, c.shared + c.local, 1)
        # Adam moves every weight by the learning rate: without this scale, so many of them would
        # move a latent by more than the noise it is to be coded with.
        self.scale = c.coarse**-0.5
        for tensor in (self.head.weight, self.head.bias):
            nn.init.zeros_(_given(tensor))

    def forward(self, padded: Tensor, level: Tensor) -> Tensor:
        """Padded pictures (B, C, H, W) and levels (B,) -> maps (B, shared + local, rows, cols)."""
        e = self.rate(level)
        h = self.stem(F.pixel_unshuffle(padded, self.patch))
        for block in self.fine_blocks:
            h = block(h, e)
        h = self.down(h) + self.place
        for block in self.coarse_blocks:
            h = block(h, e)
        h = self.last(self.mix(h), e)
        maps: Tensor = self.head(F.gelu(self.norm(h))) * self.scale
        return maps


class Dense(nn.Module):
    """From latents to features of the grid, all at once: what small pictures have room for."""

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        c = config
        self.shape = (DENSE_MAPS, *c.grid)
        self.first = nn.Linear(c.latents + c.condition, c.hidden)
        self.second = nn.Linear(c.hidden, c.hidden)
        self.third = nn.Linear(c.hidden, DENSE_MAPS * c.places)
        self.widen = nn.Conv2d(DENSE_MAPS, c.coarse, 1)
        for layer in (self.first, self.second, self.third, self.widen):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # keeps the signal's scale

    def forward(self, latents: Tensor, condition: Tensor) -> Tensor:
        """(B, dims), whose global part is used, and (B, condition) -> (B, coarse, rows, cols)."""
        given = latents[:, : self.first.in_features - condition.shape[1]]
        h = F.gelu(self.first(torch.cat([given, condition.to(given.dtype)], dim=1)))
        h = h + F.gelu(self.second(h))
        out: Tensor = self.widen(self.third(h).view(-1, *self.shape))
        return out


class Synthesis(nn.Module):
    """The convolutions of the generator: what they add to the picture of the linear path."""

    map_scales: Tensor

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        c = config
        maps = c.shared + c.local
        self.rate = RateEmbedding(c.condition)
        self.patch = c.fine_patch
        self.register_buffer("map_scales", torch.ones(maps))
        self.stem = nn.Conv2d(2 * maps, c.coarse, 1)
        self.place = nn.Parameter(torch.zeros(c.coarse, *c.grid))
        self.dense = Dense(c) if c.hidden else None
        self.first = Residual(c.coarse, c.condition)
        self.mix = Mixer(c.coarse, c.places)
        self.coarse_blocks = _blocks(c.coarse_blocks, c.coarse, c.condition)
        self.up = nn.Conv2d(c.coarse, 4 * c.fine, 1)
        nn.init.kaiming_normal_(self.up.weight, nonlinearity="relu")  # keeps the signal's scale
        self.fine_blocks = _blocks(c.fine_blocks, c.fine, c.condition)
        self.norm = nn.GroupNorm(1, c.fine)
        self.out = nn.Conv2d(c.fine, c.channels * c.fine_patch**2, 3, padding=1)
        self.scale = (9 * c.fine) ** -0.5  # as in Analysis
        for tensor in (self.out.weight, self.out.bias):
            nn.init.zeros_(_given(tensor))

    def forward(self, latents: Tensor, maps: Tensor, white: Tensor, level: Tensor) -> Tensor:
        """Padded (B, C, H, W) from latents, the same as maps, whitened and not, and levels (B,)."""
        e = self.rate(level)
        h = torch.cat([maps * self.map_scales[:, None, None], white], dim=1)
        h = self.stem(h) + self.place
        if self.dense is not None:
            h = h + self.dense(latents, e)
        h = self.mix(self.first(h, e))
        for block in self.coarse_blocks:
            h = block(h, e)
        h = F.pixel_shuffle(self.up(h), 2)
        for block in self.fine_blocks:
            h = block(h, e)
        detail: Tensor = self.out(F.gelu(self.norm(h)))
        return F.pixel_shuffle(detail * self.scale, self.patch)


class GridTransform(nn.Module):
    """Analysis and synthesis of one model with the linear path they share.

    Levels are log2 of the code's water level, relative to the largest latent variance (0: nothing
    was coded, -10: about 5 bits a component), so that one pair of nets serves every rate.
    """

    order: Tensor

    def __init__(self, config: GridConfig) -> None:
        super().__init__()
        c = config
        self.config = c
        self.linear = c.linear_path()
        self.analysis, self.synthesis = Analysis(c), Synthesis(c)
        self.whiten = Whiten(c.dims)
        self.register_buffer("order", torch.arange(c.dims))

    def check(self, dims: Collection[int]) -> None:
        """Refuse, by PslError, a model file's order that is none, and codes of other `dims`."""
        if not torch.equal(self.order.sort().values, torch.arange(self.config.dims)):
            raise PslError("the order of the latents names some twice or not at all")
        check_dims(self.config.dims, dims)

    def analyse(self, images: Tensor, level: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] -> latents (B, dims) of unit variance, float32."""
        out: Tensor = self.whiten(self.raw(images, level))[:, self.order]
        return out

    def raw(self, images: Tensor, level: Tensor) -> Tensor:
        """The latents before they are whitened and put in order, float32."""
        padded = self.linear.pad(images)
        added = self.analysis(padded, level)
        with torch.autocast(images.device.type, enabled=False):
            linear = self.linear.to_coefficients(self.linear.to_maps(padded.float()))
            return linear / self.linear.deviations + self.linear.to_coefficients(added.float())

    def synthesise(self, latents: Tensor, level: Tensor) -> Tensor:
        """Latents (B, dims) -> images (B, C, H, W), float32, nominally in [0, 1], not clipped."""
        with torch.autocast(latents.device.type, enabled=False):
            coefficients = torch.empty_like(latents).index_copy(1, self.order, latents)
            maps = self.linear.from_coefficients(coefficients * self.linear.deviations)
            white = self.linear.from_coefficients(coefficients)
            picture = self.linear.from_maps(maps)
        detail: Tensor = self.synthesis(coefficients, maps, white, level).float()
        return (picture + detail)[:, :, : self.config.height, : self.config.width]

    def fit_linear(self, images: Tensor, shrink: float = 0.0) -> Tensor:
        """Fit the linear path to pictures (N, C, H, W) in [0, 1]; the variances (dims,)."""
        variances = self.linear.fit(images, shrink)
        with torch.no_grad():
            maps = self.linear.to_maps(self.linear.pad(images))
            spread = maps.square().mean((0, 2, 3)).clamp(min=1e-7)
            self.synthesis.map_scales.copy_(spread.rsqrt())
        return variances


def _blocks(count: int, channels: int, condition: int) -> nn.ModuleList:
    return nn.ModuleList(Residual(channels, condition) for _ in range(count))


def _given(tensor: Tensor | None) -> Tensor:
    assert tensor is not None
    return tensor
