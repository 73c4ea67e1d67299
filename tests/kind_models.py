"""Models of one kind of pictures, 16 x 12 grey, of a few thousand weights, and files of theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import photo_models
import torch
from numpy.typing import NDArray

from pseudocodec.container import ArchiveWriter, write_single
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.seed import SeedCode
from pseudocodec.model import VectorModel, load_model
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.nets.grid import GridConfig, GridTransform
from pseudocodec.prng import THESIS

WIDTH, HEIGHT, DIMS = 16, 12, 8
LCG = THESIS["lcg-5101"]
SHAPE = {"patch": 4, "shared": 4, "local": 0, "latents": DIMS, "coarse": 8, "fine": 8}


def write(path: Path, *, seeds: bool, name: str = "tiny", noise: int = 1) -> VectorModel:
    """A model file: of the seed code, or of composition with a dense scalar code."""
    torch.manual_seed(noise)
    config = GridConfig(HEIGHT, WIDTH, 1, **SHAPE, coarse_blocks=0, fine_blocks=0, condition=8)
    nets = GridTransform(config)
    pictures = [photo_models.smooth(HEIGHT, WIDTH, seed=s, channels=1) for s in range(64)]
    nets.fit_linear(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255)
    codes = _codes(seeds)
    tensors: dict[str, NDArray[Any]] = {k: t.numpy() for k, t in nets.state_dict().items()}
    for prefix, code in codes.items():
        tensors |= {f"{prefix}.{key}": table for key, table in code.tables().items()}
    described = {prefix: code.describe() for prefix, code in codes.items()}
    sizes = (2, 2) if seeds else (2, 12)
    facts = ModelFacts(
        name, "grid", config.as_dict(), described["code"], sizes, described.get("dense")
    )
    write_model(path, facts, tensors, overwrite=False)
    loaded = load_model(path)
    assert isinstance(loaded, VectorModel)
    return loaded


def payloads(
    model: VectorModel, count: int, *, bits: int, dense: bool = False, seed: int = 0
) -> list[tuple[bytes, int]]:
    """Payloads of random points, all of so many bits."""
    rng = np.random.default_rng(seed)
    code = model.code_for(dense)
    if isinstance(code, SeedCode):
        symbols = rng.integers(0, code.lcg.m, (count, 1))
    else:
        z = rng.standard_normal((count, code.dims)).astype(np.float32)
        symbols = code.encode(z, bits, effort=0)
    return code.pack(symbols, bits)


def single(path: Path, model: VectorModel, payload: tuple[bytes, int], dense: bool = False) -> Path:
    """The .psl file of a payload of whole bytes."""
    assert payload[1] % 8 == 0
    path.write_bytes(write_single(model.id, payload[0], dense=dense))
    return path


def archive(
    path: Path, model: VectorModel, found: list[tuple[bytes, int]], dense: bool = False
) -> Path:
    """The .psl file of payloads."""
    with path.open("wb+") as file, ArchiveWriter(file, model.id, dense=dense) as writer:
        for payload in found:
            writer.add(*payload)
    return path


def _codes(seeds: bool) -> dict[str, LatentCode]:
    if seeds:
        return {"code": SeedCode(LCG, DIMS, epsilon=5)}
    variances = np.linspace(1, 0.25, DIMS)
    levels = ideal_levels(variances, 96, 0.85)
    schedule = Schedule(np.rint(variances * UNIT).astype(np.int64), levels)
    return {"code": Composition(LCG, schedule), "dense": Scalar(schedule)}
