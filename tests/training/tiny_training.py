"""Pictures and nets so small that a training step takes a hundredth of a second."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pseudocodec.nets.grid import GridConfig
from pseudocodec.training.loop import Recipe, Trainer
from pseudocodec.training.plan import Plan
from pseudocodec.training.team import Team

SIDE = 16
CPU = Team(torch.device("cpu"))
PLAN = Plan(
    GridConfig(
        SIDE,
        SIDE,
        1,
        patch=4,
        shared=8,
        local=0,
        latents=48,
        coarse=8,
        fine=8,
        coarse_blocks=1,
        fine_blocks=0,
        hidden=16,
    ),
    flip=True,
    shrink=0.1,
    payload_bytes=(2, 32),
    batch=16,
)


def bars() -> np.ndarray:
    """200 pictures, uint8 (N, 16, 16): a triangle rolled about, in changing brightness."""
    triangle = np.tri(SIDE, SIDE, -9) * 255
    rolled = [np.roll(triangle, (i % SIDE, i % 7), axis=(0, 1)) for i in range(200)]
    brightness = 0.5 + np.arange(200) / 400
    return (np.array(rolled) * brightness[:, None, None]).astype(np.uint8)


def trainer(plan: Plan = PLAN, **recipe: Any) -> Trainer:
    images = torch.from_numpy(bars())[:, None]
    return Trainer(images[:180], images[180:], plan, Recipe(**recipe), CPU)
