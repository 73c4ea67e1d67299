"""What serving every rate with one model costs, against a model trained for one rate alone.

Models of the shape of `digits` are trained from scratch on MNIST side by side, step for step: one
with the rate drawn at random, the others at one rate each. All see as many pictures, so the first
sees few of each rate. PSNR on 2,000 held-out training pictures, through the ideal channel at that
rate; 6,000 steps (`--quick`: 20, which says nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.progress import track

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
    import torch

    pixels = torch.from_numpy(data.mnist("train"))[:, None]
    images, held_out = split(pixels, seed=0)
    plan, team = plan_for(images, held_out), Team.join("cpu")
    steps = QUICK_STEPS if quick else STEPS
    rates = (None, *(RATES[1:2] if quick else RATES))
    trainers = [
        Trainer(images, held_out, plan, Recipe(budget=1.0, fixed_bits=rate), team) for rate in rates
    ]
    for step in track(range(steps), "training", console=log):
        for trainer in trainers:
            trainer.seconds = step / steps  # of a budget of 1: the schedule follows the steps
            trainer.train_step()
    every = trainers[0]
    rows = []
    for trainer, rate in zip(trainers[1:], rates[1:], strict=True):
        assert rate is not None
        both = every.psnr(rate), trainer.psnr(rate)
        row = {"bits": rate, "steps": steps, "every_rate": both[0], "this_rate": both[1]}
        rows.append(row | {"cost": both[1] - both[0]})
    return rows


def draw(axes: Axes, rows: list[Row]) -> None:
    """The cost at each rate."""
    axes.bar([f"{row['bits'] // 8} bytes" for row in rows], [row["cost"] for row in rows])
    axes.set_ylabel("one model for every rate costs, dB")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch",))
