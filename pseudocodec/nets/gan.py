"""Generator, inverse generator and discriminator of the thesis' system, for small pictures.

Deep convolutional nets after Radford, Metz & Chintala (DCGAN, 2016): strided convolutions down to a
few places, transposed ones up from them. The latent vector is one sequence of a pseudo-random
generator, values in [-1, 1] (L. Monchieri, "Image embedding in pseudorandom latent space", 2024).
Inside, pictures are in [-1, 1] too, as the thesis has them; a transform takes and gives [0, 1].
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pseudocodec.errors import PslError
from pseudocodec.nets.blocks import check_dims

MAX_SIDE = 256
MAX_WIDTH = 4096  # of any layer: a model file must not ask for unbounded memory
MAX_LATENTS = 1 << 14
MAX_WEIGHTS = 1 << 28  # of both nets, for the same reason
FEWEST_PLACES = 4  # a side of the deepest feature maps, at least
WIDENINGS = 3  # halvings of the sides that double the features; further ones keep them
SLOPE = 0.2  # of the leaky ReLU


@dataclass(frozen=True)
class GanConfig:
    """Shape of the nets.

    `base` is the features at half resolution, doubled with each further halving, and `encoder_base`
    those of the inverse generator; `hidden` the width of fully connected layers between the latents
    and the feature maps (0: none, as in a DCGAN), `depth` how many.
    """

    height: int
    width: int
    channels: int
    latents: int
    base: int = 32
    hidden: int = 0
    depth: int = 2
    encoder_base: int = 32
    bounded: bool = True  # latents lie in [-1, 1], as sequences do; else they are any numbers

    def __post_init__(self) -> None:
        """Refuse sizes the nets cannot take, before anything is allocated."""
        limits = {"latents": MAX_LATENTS, "hidden": MAX_WIDTH, "base": MAX_WIDTH >> WIDENINGS}
        limits |= {"encoder_base": MAX_WIDTH >> WIDENINGS, "depth": 8}
        for name, value in asdict(self).items():
            if name == "bounded":
                continue
            least, most = int(name != "hidden"), limits.get(name, MAX_SIDE)
            if type(value) is not int or not least <= value <= most:
                raise PslError(f"{name}={value!r}: expected a whole number from {least} to {most}")
        if type(self.bounded) is not bool:
            raise PslError(f"bounded={self.bounded!r}: expected true or false")
        if self.channels not in (1, 3):
            raise PslError(f"channels={self.channels}: expected 1 (grey) or 3 (RGB)")
        if not self.halvings:
            raise PslError(
                f"pictures of {self.width} x {self.height} pixels: this net takes even sides from "
                f"{2 * FEWEST_PLACES} pixels on; resize or pad the pictures"
            )

        if self.weights > MAX_WEIGHTS:
            raise PslError(
                f"nets of {self.weights:,} weights: at most {MAX_WEIGHTS:,} are supported"
            )

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)

    @property
    def halvings(self) -> int:
        """How often both sides are halved between a picture and the deepest feature maps."""
        count, height, width = 0, self.height, self.width
        while not (height % 2 or width % 2) and min(height, width) // 2 >= FEWEST_PLACES:
            count, height, width = count + 1, height // 2, width // 2
        return count

    @property
    def places(self) -> tuple[int, int]:
        """Rows and columns of the deepest feature maps."""
        return self.height >> self.halvings, self.width >> self.halvings

    @property
    def weights(self) -> int:
        """Weights of generator and inverse generator, without biases."""
        count = self.hidden * (self.latents + (self.depth - 1) * self.hidden)
        for base, vector in (
            (self.base, self.hidden or self.latents),
            (self.encoder_base, self.latents),
        ):
            widths = self.widths(base)
            count += widths[-1] * self.places[0] * self.places[1] * vector
            count += 16 * sum(a * b for a, b in itertools.pairwise([self.channels, *widths]))
        return count

    def widths(self, base: int) -> list[int]:
        """Features from half resolution down to the deepest maps."""
        return [base << min(i, WIDENINGS) for i in range(self.halvings)]


class Generator(nn.Module):
    """Latents (B, latents) -> pictures (B, C, H, W) in [-1, 1]."""

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        c = config
        self.deepest = (c.widths(c.base)[-1], *c.places)
        area = c.places[0] * c.places[1]
        sizes = [c.latents, *([c.hidden] * c.depth if c.hidden else [])]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(sizes))
        self.project = nn.Linear(sizes[-1], self.deepest[0] * area)
        steps = [*reversed(c.widths(c.base)), c.channels]
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in steps[:-1])
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 4, stride=2, padding=1) for a, b in itertools.pairwise(steps)
        )
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, latents: Tensor) -> Tensor:
        """Pictures, float32."""
        h = latents
        for i, layer in enumerate(self.hidden):
            new = F.gelu(layer(h))
            h = h + new if i else new
        h = self.project(h).view(-1, *self.deepest)
        for norm, up in zip(self.norms, self.ups, strict=True):
            h = up(F.relu(norm(h)))
        return torch.tanh(h.float())


class InverseGenerator(nn.Module):
    """Pictures (B, C, H, W) in [-1, 1] -> latents (B, latents), in [-1, 1] where they are bounded.

    The mirror image of the generator; the encoder of an autoencoder, too.
    """

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        c = config
        widths = c.widths(c.encoder_base)
        self.downs = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1)
            for a, b in itertools.pairwise([c.channels, *widths])
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.head = nn.Linear(widths[-1] * c.places[0] * c.places[1], c.latents)
        self.bounded = c.bounded

    def forward(self, pictures: Tensor) -> Tensor:
        """Latents, float32."""
        h = pictures
        for down, norm in zip(self.downs, self.norms, strict=True):
            h = F.leaky_relu(norm(down(h)), SLOPE)
        z = self.head(h.flatten(1)).float()
        return torch.tanh(z) if self.bounded else z


class GanDiscriminator(nn.Module):
    """Pictures (B, C, H, W) in [-1, 1] -> logits (B,), positive for originals.

    Each layer is divided by its spectral norm (Miyato et al. 2018), which keeps every loss stable
    and needs no statistics of the batch; `plain` leaves them as they are, for the gradient penalty
    of Wasserstein's loss. Training needs it, decoding does not.
    """

    def __init__(self, config: GanConfig, *, plain: bool = False) -> None:
        super().__init__()
        c = config
        widths = c.widths(c.base)

        def bounded(layer: nn.Module) -> nn.Module:
            return layer if plain else spectral_norm(layer)

        self.downs = nn.ModuleList(
            bounded(nn.Conv2d(a, b, 4, stride=2, padding=1))
            for a, b in itertools.pairwise([c.channels, *widths])
        )
        self.head = bounded(nn.Linear(widths[-1] * c.places[0] * c.places[1], 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, float32."""
        h = pictures
        for down in self.downs:
            h = F.leaky_relu(down(h), SLOPE)
        out: Tensor = self.head(h.flatten(1)).float()[:, 0]
        return out


class GanTransform(nn.Module):
    """Inverse generator and generator of one model. Neither is told a rate."""

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        self.config = config
        self.inverse, self.generator = InverseGenerator(config), Generator(config)

    def check(self, dims: Collection[int]) -> None:
        """Refuse, by PslError, latent codes of other `dims`."""
        check_dims(self.config.latents, dims)

    def analyse(self, images: Tensor, level: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] -> latents (B, latents), the same at every level."""
        out: Tensor = self.inverse(2 * images - 1)
        return out

    def synthesise(self, latents: Tensor, level: Tensor) -> Tensor:
        """Latents (B, latents) -> images (B, C, H, W) in [0, 1]."""
        out: Tensor = (self.generator(latents) + 1) / 2
        return out
