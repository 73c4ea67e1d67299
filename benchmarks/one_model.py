"""What serving every rate with one model costs, against a model trained for one rate alone.

Models of the shape of `digits` are trained from scratch on MNIST, one after the other: one with the
rate drawn at random, the others at one rate each. All take 6,000 steps and see as many pictures, so
the first sees few of each rate. PSNR on 2,000 held-out training pictures, through the ideal channel
at that rate.

An hour or more of one core. What each model came to is kept in
benchmarks/results/one_model_nets.json: a run that is ended goes on with the next model, and where
benchmarks/runs still has its checkpoint, in the middle of one. `--quick`: 20 steps, which say
nothing, and nothing is kept.
"""

from __future__ import annotations

import functools
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

import data
import kept
from harness import RESULTS, Row, run
from pseudocodec.training.data import split
from pseudocodec.training.loop import Recipe, Trainer
from pseudocodec.training.plan import Plan, plan_for
from pseudocodec.training.team import Team
from runs import finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

RATES = (48, 128, 256)  # bits a picture: 6, 16 and 32 bytes
STEPS, QUICK_STEPS = 6_000, 20
NETS = RESULTS / "one_model_nets.json"
COLUMNS = {"bits": "d", "steps": "d", "every_rate": ".2f", "this_rate": ".2f", "cost": "+.3f"}


def measure(quick: bool) -> list[Row]:
    """A row a rate."""
    if quick:
        nets = [job | make(job) for job in jobs(QUICK_STEPS, RATES[1:2])]
    else:
        kept.fill(NETS, jobs(), make, 1)
        nets = [row for job in jobs() for row in kept.of(kept.read(NETS), job)]
    every, *others = nets
    rows = []
    for net in others:
        bits = net["bits"]
        both = {"every_rate": every[f"psnr_{bits}"], "this_rate": net[f"psnr_{bits}"]}
        row = {"bits": bits, "steps": net["steps"]} | both
        rows.append(row | {"cost": both["this_rate"] - both["every_rate"]})
    return rows


def jobs(steps: int = STEPS, rates: tuple[int, ...] = RATES) -> list[Row]:
    """What each model is of: all rates, which is no number of bits, or one; and how it is made."""
    made = kept.digest({"plan": asdict(pictures()[2]), "recipe": asdict(_recipe(steps, None))})
    return [{"bits": bits, "steps": steps, "choices": made} for bits in (None, *rates)]


def make(job: Row) -> Row:
    """PSNR at the rates that a model is trained for; the training goes on from its checkpoint."""
    bits, steps = job["bits"], job["steps"]
    images, held_out, plan = pictures()
    trainer = Trainer(images, held_out, plan, _recipe(steps, bits), Team.join("cpu"))
    name = f"one_model, {bits} bits" if bits else "one_model, every rate"
    finish(name, trainer, quick=steps == QUICK_STEPS)
    return {f"psnr_{rate}": trainer.psnr(rate) for rate in ([bits] if bits else RATES)}


@functools.cache
def pictures() -> tuple[Tensor, Tensor, Plan]:
    """To train on, held out, and what is trained for them."""
    import torch

    images, held_out = split(torch.from_numpy(data.mnist("train"))[:, None], seed=0)
    return images, held_out, plan_for(images, held_out)


def _recipe(steps: int, bits: int | None) -> Recipe:
    return Recipe(budget=math.inf, steps=steps, fixed_bits=bits)


def draw(axes: Axes, rows: list[Row]) -> None:
    """The cost at each rate."""
    axes.bar([f"{row['bits'] // 8} bytes" for row in rows], [row["cost"] for row in rows])
    axes.set_ylabel("one model for every rate costs, dB")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch",))
