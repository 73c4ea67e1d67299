"""What suits a set of pictures: nets, latents, rates and whether mirror images help.

The linear path alone says much about a set: how well a transform fitted to one part of the pictures
codes another, by reverse water-filling. What cannot be known from so few pictures, and whether
their mirror images are pictures of the same kind, is decided by that measure on held-out pictures.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.nets.grid import GridConfig

SIZES = ("small", "base", "large")
MOST_GLOBAL = 1_536  # values that go through the global transform
MOST_DIMS = 4_096
SHRINKS = (0.0, 0.1, 0.3, 0.6, 1.0)
TRIED_PICTURES = 6_000  # to choose by; the linear path is fitted to up to FITTED_PICTURES
FITTED_PICTURES = 20_000
FIT_BYTES = 2 << 30  # of pictures as floats while the linear path is fitted
RATE_POINTS = 5
FLIP_MUST_GAIN = 0.02  # dB
LARGE_BATCH_PIXELS = 40 * 40  # larger pictures learn faster from more steps of SMALL_BATCH
LARGE_BATCH, SMALL_BATCH = 128, 32
BYTES_AT_ONE_SAMPLE = 2.29  # largest payload: this times the root of a picture's samples ...
SMALLEST_SHARE = 32  # ... and the smallest, a fraction of it: 2 to 64 bytes for a digit


@dataclass(frozen=True)
class Plan:
    """What a run trains, and for which rates."""

    config: GridConfig
    flip: bool  # mirror images are pictures of the same kind
    shrink: float  # of the global covariance, see LinearPath.fit
    payload_bytes: tuple[int, int]  # smallest and largest useful payload of one picture
    batch: int  # pictures a step and process

    @property
    def train_bits(self) -> tuple[float, float]:
        """Rates drawn in training: somewhat beyond those to be used."""
        low, high = self.payload_bytes
        return 8 * low * 0.6, 8 * high * 1.15

    def describe(self) -> str:
        """What was chosen, in a phrase for people."""
        c, (low, high) = self.config, self.payload_bytes
        return (
            f"{c.width} x {c.height} pixels, {'grey' if c.channels == 1 else 'RGB'}, patches of "
            f"{c.patch}, {c.dims:,} latents, {low} to {high} bytes a picture, "
            f"{'with' if self.flip else 'without'} mirror images, shrinkage {self.shrink:g}"
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)


def plan_for(images: Tensor, held_out: Tensor, size: str = "base") -> Plan:
    """A plan for uint8 pictures (N, C, H, W), chosen with the help of held-out ones.

    Raises PslError for an unknown size and for pictures the nets cannot take.
    """
    if size not in SIZES:
        raise PslError(f"size={size!r}: expected one of {', '.join(SIZES)}")
    _, channels, height, width = images.shape
    config = _config(height, width, channels, size)
    payload = payload_range(height * width * channels)
    tried = images[: _affordable(images, TRIED_PICTURES, copies=2)].float() / 255
    judged = held_out[: _affordable(held_out, TRIED_PICTURES)].float() / 255
    best = (-math.inf, False, 0.0)
    for flip in (False, True):
        shown = torch.cat([tried, tried.flip(3)]) if flip else tried
        for shrink, score in _scores(config, shown, judged, payload).items():
            # Mirroring doubles what is learnt, but must not cost: it has to gain clearly.
            best = max(best, (score - FLIP_MUST_GAIN * flip, flip, shrink))
    batch = LARGE_BATCH if height * width <= LARGE_BATCH_PIXELS else SMALL_BATCH
    return Plan(config, best[1], best[2], payload, batch)


def payload_range(samples: int) -> tuple[int, int]:
    """Smallest and largest payload in bytes for pictures of so many samples (pixels x channels)."""
    largest = max(32, 32 * round(BYTES_AT_ONE_SAMPLE * math.sqrt(samples) / 32))
    return max(1, largest // SMALLEST_SHARE), largest


def fitting_pictures(images: Tensor, plan: Plan) -> Tensor:
    """What a linear path is fitted to: floats in [0, 1], mirrored where the plan says so."""
    copies = 1 + plan.flip
    count = _affordable(images, FITTED_PICTURES // copies, copies)
    shown = images[:count].float() / 255
    return torch.cat([shown, shown.flip(3)]) if plan.flip else shown


def _config(height: int, width: int, channels: int, size: str) -> GridConfig:
    side = max(height, width)
    patch = 4 if side <= 40 else 8 if side <= 128 else 16
    places = -(-height // patch) * -(-width // patch)
    components = channels * patch**2
    shared = min(components, max(1, MOST_GLOBAL // places))
    latents = shared * places
    local = min(components - shared, max(0, (MOST_DIMS - latents) // places), 3 * shared)
    scale = {"small": 0.625, "base": 1.0, "large": 1.5}[size]
    coarse, fine = (96, 32) if patch == 4 else (192, 128) if patch == 8 else (192, 96)
    return GridConfig(
        height,
        width,
        channels,
        patch=patch,
        shared=shared,
        local=local if patch > 4 else 0,
        latents=min(latents, 256 * (1 + (channels > 1)) if patch == 4 else MOST_GLOBAL),
        coarse=round(coarse * scale / 8) * 8,
        fine=round(fine * scale / 8) * 8,
        coarse_blocks=(patch > 4) + (size == "large"),
        fine_blocks=1,
        hidden=round(512 * scale) if patch == 4 else 0,
    )


def _affordable(images: Tensor, most: int, copies: int = 1) -> int:
    return max(1, min(len(images), most, FIT_BYTES // (4 * copies * images[0].numel())))


def _scores(
    config: GridConfig, shown: Tensor, judged: Tensor, payload: tuple[int, int]
) -> dict[float, float]:
    """For each shrinkage, the mean PSNR of the linear path over the rates on `judged`."""
    path = config.linear_path()
    out = {}
    low, high = (math.log2(8 * size) for size in payload)
    rates = [2 ** (low + (high - low) * i / (RATE_POINTS - 1)) for i in range(RATE_POINTS)]
    for shrink in SHRINKS:
        variances = path.fit(shown, shrink).double()
        padded = path.pad(judged)
        energies = path.to_coefficients(path.to_maps(padded)).double().square().mean(0)
        lost = float((padded - path.mean).double().square().sum((1, 2, 3)).mean() - energies.sum())
        errors = [_distortion(variances, energies, bits) + lost for bits in rates]
        out[shrink] = -sum(10 * math.log10(e / padded[0].numel()) for e in errors) / len(errors)
    return out


def _distortion(variances: Tensor, energies: Tensor, bits: float) -> float:
    """Error of components of mean energies `energies`, coded as if of variances `variances`."""
    logs = variances.log2()
    ordered = logs.sort(descending=True).values
    levels = (ordered.cumsum(0) - 2 * bits) / torch.arange(1, len(ordered) + 1)
    level = levels[int(torch.nonzero(ordered > levels)[-1])]
    rho = 2.0 ** (level - logs).clamp(max=0)
    return float((rho.square() * energies + rho * (1 - rho) * variances).sum())
