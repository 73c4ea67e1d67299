"""What serving every rate with one model costs, against a model trained for one rate alone.

Models of the shape of `digits` are trained from scratch on MNIST, one after the other: one with the
rate drawn at random, the others at one rate each. All take 6,000 steps and see as many pictures, so
the first sees few of each rate. PSNR on 2,000 held-out training pictures, through the ideal channel
at that rate. An hour and a half of one core; a run that is ended goes on from the checkpoints in
benchmarks/.cache (delete them to start afresh). `--quick`: 20 steps, which say nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import bounds
import data
from harness import Row, log, run
from pseudocodec.training.data import split
from pseudocodec.training.loop import Recipe, Trainer
from pseudocodec.training.plan import plan_for
from pseudocodec.training.team import Team

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATES = (48, 128, 256)  # bits a picture: 6, 16 and 32 bytes
STEPS, QUICK_STEPS = 6_000, 20
COLUMNS = {"bits": "d", "steps": "d", "every_rate": ".2f", "this_rate": ".2f", "cost": "+.3f"}


def measure(quick: bool) -> list[Row]:
    """A row a rate."""
    rates = RATES[1:2] if quick else RATES
    every = trained(None, quick)
    rows = []
    for rate in rates:
        both = every.psnr(rate), trained(rate, quick).psnr(rate)
        row = {"bits": rate, "steps": every.step, "every_rate": both[0], "this_rate": both[1]}
        rows.append(row | {"cost": both[1] - both[0]})
    return rows


def trained(rate: int | None, quick: bool) -> Trainer:
    """A model for one rate, or for all of them; from its checkpoint where there is one."""
    import torch

    pixels = torch.from_numpy(data.mnist("train"))[:, None]
    images, held_out = split(pixels, seed=0)
    recipe = Recipe(budget=math.inf, steps=QUICK_STEPS if quick else STEPS, fixed_bits=rate)
    trainer = Trainer(images, held_out, plan_for(images, held_out), recipe, Team.join("cpu"))
    name = f"{rate} bits" if rate else "every rate"
    checkpoint = None if quick else bounds.CACHE / f"one_model, {name}.checkpoint"
    if checkpoint and checkpoint.exists():
        trainer.load(checkpoint)
    elif checkpoint:
        checkpoint.parent.mkdir(exist_ok=True)
    trainer.run(checkpoint, lambda at: log.print(f"{name}, step {at.step:,}: {at.describe()}"))
    return trainer


def draw(axes: Axes, rows: list[Row]) -> None:
    """The cost at each rate."""
    axes.bar([f"{row['bits'] // 8} bytes" for row in rows], [row["cost"] for row in rows])
    axes.set_ylabel("one model for every rate costs, dB")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch",))
