"""A model of one seed a picture so small that it is trained in a moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pseudocodec.latent.seed import SeedCode
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.nets.gan import GanConfig, GanTransform, Generator
from pseudocodec.prng import THESIS, Lcg
from pseudocodec.training.gan import calibrate
from pseudocodec.training.inverse import InverseRecipe, InverseRun
from pseudocodec.training.sequences import Sequences
from pseudocodec.training.team import Team

SIDE, LATENTS = 16, 6
CONFIG = GanConfig(SIDE, SIDE, 1, latents=LATENTS, base=4, encoder_base=8)
LCG = THESIS["lcg-5101"]
CPU = Team(torch.device("cpu"))


def generator(config: GanConfig = CONFIG, lcg: Lcg = LCG) -> Generator:
    """An untrained generator, the same each time, whose pictures differ from seed to seed."""
    torch.manual_seed(3)
    net = Generator(config)
    with torch.no_grad():
        for up in net.ups:
            up.weight.mul_(6)
    calibrate(net, [Sequences("lcg", config.latents, lcg).draw(256, 0) for _ in range(2)])
    return net.requires_grad_(False)


def transform(steps: int = 60, config: GanConfig = CONFIG, lcg: Lcg = LCG) -> GanTransform:
    """That generator with an inverse that knows it a little."""
    recipe = InverseRecipe(steps=steps, warmup=5, rate=8e-3, batch=64, lcg=lcg)
    run = InverseRun(generator(config, lcg), config, recipe, CPU)
    for _ in range(steps):
        run.train_step()
    return run.averaged()


def write(path: Path, *, dense: bool = True) -> None:
    """The model's file; without `dense` as one that has no dense code."""
    code = SeedCode(LCG, LATENTS).describe()
    facts = ModelFacts("seeds", "gan", CONFIG.as_dict(), code, (2, 2), code if dense else None)
    tensors: dict[str, Any] = {k: v.numpy() for k, v in transform().state_dict().items()}
    write_model(path, facts, tensors, overwrite=False)


def pictures(count: int) -> NDArray[np.uint8]:
    """Pictures (count, SIDE, SIDE) of the kind: what lies between the sequences."""
    net = generator()
    latents = torch.rand(count, LATENTS, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        values = (net(latents)[:, 0] + 1) * 127.5
    return values.round().to(torch.uint8).numpy()
