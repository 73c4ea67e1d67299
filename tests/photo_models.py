"""A photo model of a few thousand weights, none of them zero, and pictures for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pseudocodec.hyperprior.contexts import untaught
from pseudocodec.hyperprior.details import CONTEXTS, FIRST, INDEX
from pseudocodec.hyperprior.filters import INDEX as FILTER_INDEX
from pseudocodec.hyperprior.integer import ACTIVATION
from pseudocodec.nets.hyperprior import HyperpriorConfig, HyperpriorTransform
from pseudocodec.training.export_photo import code_tensors, export_photo

CONFIG = HyperpriorConfig(
    latents=24,
    hyper=8,
    hidden=16,
    deep=16,
    coarse=16,
    fine=8,
    coarse_blocks=1,
    rows=5,
    condition=8,
    stages=2,
    maps=8,
)


def smooth(height: int, width: int, *, seed: int = 0, channels: int = 3) -> NDArray[np.uint8]:
    """A picture (H, W, channels) of soft waves with an edge across, uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(float)
    planes = []
    for _ in range(channels):
        plane = np.zeros((height, width))
        for _ in range(6):
            fy, fx, phase = rng.uniform((-0.12, -0.12, 0), (0.12, 0.12, 6.3))
            plane += np.sin(fy * y + fx * x + phase) * rng.uniform(5, 25)
        planes.append(128 + plane + 30 * (y + 0.6 * x > 0.7 * height))
    return np.stack(planes, axis=-1).clip(0, 255).round().astype(np.uint8)


def squares(count: int) -> torch.Tensor:
    """Pictures like those the tests encode, and others: uint8 (count, 3, 96, 96)."""
    made = [smooth(96, 96, seed=100 + s) for s in range(count)]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2)


def transform() -> HyperpriorTransform:
    """Nets that do something everywhere: a KLT of smooth patches, and noise for weights."""
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    nets = HyperpriorTransform(CONFIG)
    pictures = [torch.from_numpy(smooth(256, 256, seed=s)).float() / 255 for s in range(8)]
    patches = torch.stack(pictures).permute(0, 3, 1, 2)
    patches = patches.unfold(2, 16, 16).unfold(3, 16, 16).permute(0, 2, 3, 1, 4, 5)
    nets.fit_linear(patches.reshape(-1, 3, 16, 16))
    with torch.no_grad():
        for name, parameter in nets.named_parameters():
            last = name.startswith(("analysis.out", "synthesis.out", "log_gain", "hyper_scale"))
            last |= name.endswith(".last")
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise, alpha=0.002 if last else 0.05)
    return nets.eval()


def detailed() -> dict[str, NDArray[Any]]:
    """The tensors of the code of `transform` with six details, from level 100 on, untaught."""
    tensors = code_tensors(transform())
    rows, tables = len(tensors["gain"]), len(tensors["scales.widths"])
    index = np.linspace(0, 20 << ACTIVATION, 6 * rows, dtype=np.int64).reshape(rows, 6)
    contexts = {f"{CONTEXTS}{k}": v for k, v in untaught(6, tables).items()}
    return tensors | {FIRST: np.array([100]), INDEX: index} | contexts


def finished() -> dict[str, NDArray[Any]]:
    """As `detailed`, with filters of ten values."""
    rows = len(detailed()["gain"])
    index = np.linspace(0, 15 << ACTIVATION, 10 * rows, dtype=np.int64).reshape(rows, 10)
    return detailed() | {FILTER_INDEX: index}


def write(path: Path) -> bytes:
    """The model file of `transform`; returns the model's id."""
    return export_photo(transform(), "tiny photo", path)
