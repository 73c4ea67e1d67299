"""Tiny models of each family, quick enough to decode hundreds of files a second."""

from __future__ import annotations

import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.scalar import Scalar
from pseudocodec.latent.schedule import Schedule, ideal_levels
from pseudocodec.latent.seed import SeedCode
from pseudocodec.latent.trellis import Trellis
from pseudocodec.model import Model, load_model
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.prng import THESIS, Lcg

ROOT = Path(__file__).parents[1]
SMALL, LARGE = THESIS["lcg-5101"], THESIS["lcg-524287"]
DIMS = 12
FLAT = {"height": 8, "width": 8, "channels": 1, "latents": DIMS, "half": 4, "quarter": 4}
FLAT |= {"hidden": 8, "seed_maps": 2, "condition": 4}
GRID = {"height": 10, "width": 9, "channels": 3, "patch": 4, "shared": 4, "local": 0}
GRID |= {"latents": DIMS, "coarse": 4, "fine": 4, "coarse_blocks": 1, "fine_blocks": 1}


def schedule(bits: int, dims: int = DIMS) -> Schedule:
    """Variances that fall by half from each component to the next, for `bits` bits."""
    variances = 2.0 ** -np.arange(dims)
    units = np.maximum(1, np.rint(variances * (1 << 30))).astype(np.int64)
    return Schedule(units, ideal_levels(variances, bits, 0.9))


@cache
def codes() -> dict[str, LatentCode]:
    """A latent code of each kind, and of composition each variant."""
    return {
        "composition": Composition(SMALL, schedule(84)),
        "composition-blocks": Composition(SMALL, schedule(112), shuffle=True, blocks=2),
        "composition-weights": Composition(Lcg(5, 3, 16), schedule(72), weight_bits=4),
        "scalar": Scalar(schedule(96)),
        "seed": SeedCode(SMALL, DIMS),
        "seed-64": SeedCode(Lcg(6364136223846793005, 1442695040888963407, 1 << 64), DIMS),
        "trellis": Trellis(LARGE, schedule(100), state_bits=8),
    }


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where the models lie until the process ends."""
    return tempfile.TemporaryDirectory(prefix="psl-fuzz-")


@cache
def models() -> tuple[Model, ...]:
    """Five loaded models: two of one kind of pictures each, with two codes, a seed's, two photos'.

    The nets of the last are fitted to each picture.
    """
    folder = Path(_folder().name)
    made = [
        _vector(folder / "flat.safetensors", "flat", FLAT, "composition", "trellis"),
        _vector(folder / "grid.safetensors", "grid", GRID, "composition-blocks", "scalar"),
        _vector(folder / "seed.safetensors", "flat", FLAT, "seed", None),
        _of_the_tests("photo_models", folder / "photo.safetensors"),
        _of_the_tests("overfit_models", folder / "fitted.safetensors"),
    ]
    return tuple(load_model(path) for path in made)


@cache
def finished() -> HyperpriorCode:
    """The code of the first photo model, with filters, and six details from level 100 on."""
    return HyperpriorCode(_tests("photo_models").finished())


def _vector(path: Path, family: str, net: dict[str, int], code: str, dense: str | None) -> Path:
    import torch

    from pseudocodec.nets.registry import build_transform

    torch.manual_seed(1)
    weights = build_transform(family, net).state_dict()
    stream, other = codes()[code], codes()[dense] if dense else None
    tensors = {name: value.numpy() for name, value in weights.items()}
    tensors |= {f"code.{name}": table for name, table in stream.tables().items()}
    if other:
        tensors |= {f"dense.{name}": table for name, table in other.tables().items()}
    described = other.describe() if other else None
    size = (2, 2) if code == "seed" else (1, 12)
    facts = ModelFacts(path.stem, family, dict(net), stream.describe(), size, described)
    write_model(path, facts, tensors, overwrite=True)
    return path


def _of_the_tests(module: str, path: Path) -> Path:
    """One that a module of the tests writes."""
    _tests(module).write(path)
    return path


def _tests(module: str) -> ModuleType:
    """A module of the tests."""
    sys.path.append(str(ROOT / "tests"))
    return import_module(module)
