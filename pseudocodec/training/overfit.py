"""Starts of fits: nets fitted to many crops at once, at several prices of bits.

Each crop has latents of its own, as it would have in a file; the nets are the same for all. A step
is one of `overfit.fitting` on one crop. Prices follow each other, each from the latents of the one
before and, unless there are starts to begin with, from its nets: the first takes the most time.
"""

from __future__ import annotations

import io
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.image import as_array, to_8_bit
from pseudocodec.inputs import find
from pseudocodec.model.load import load_model
from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.fitting import schedule
from pseudocodec.overfit.fitting.engine import Engine
from pseudocodec.overfit.fitting.fit import Fit
from pseudocodec.overfit.fitting.random_start import random_start
from pseudocodec.overfit.model import OverfitModel, write_starts
from pseudocodec.overfit.start import Starts
from pseudocodec.overfit.tile import MOST_PARAMETER
from pseudocodec.training.job import Job

SAVE_SECONDS, REPORT_SECONDS = 60.0, 30.0
FIRST_SHARE = 0.4  # of the time for the first price
AGAIN = 0.35  # of the schedule that later prices leave out: they begin near their end
NET_RATE = 0.2  # of the nets' learning rate in a fit: many pictures average


@dataclass(frozen=True)
class StartRecipe:
    """What a checkpoint resumes only under, the budget excepted."""

    prices: tuple[float, ...] = (20.0, 64.0, 200.0, 640.0, 6.0)
    crops: int = 128
    side: int = 128
    seed: int = 0
    init: str | None = None  # of the starts that it begins with, the model's id


class StartProgress(NamedTuple):
    """How far a run is, and what rounded symbols of the last crops cost."""

    seconds: float
    fraction: float
    step: int
    price: float
    bpp: float
    psnr: float

    def describe(self) -> str:
        """A line for people."""
        return f"price {self.price:g}: {self.bpp:.3f} bit/pixel, {self.psnr:.2f} dB"


class StartRun:
    """Fits nets to `crops` (N, side, side, 3) at each price of the recipe; resumable.

    It begins with `starts`, or with random nets.
    """

    def __init__(
        self, crops: NDArray[np.uint8], recipe: StartRecipe, starts: Starts | None = None
    ) -> None:
        self.recipe, self._starts = recipe, starts
        self._targets = []
        for crop in crops:
            engine = Engine(crop, threads=1)
            self._targets.append(engine.target)
            engine.close()
        self._engine = Engine(crops[0])
        self._fit = Fit(self._engine, random_start(recipe.seed), recipe.seed, alone=False)
        size = self._engine.flat.size
        self._pool = np.zeros((3, len(crops), size), np.float32)  # latents and their moments
        self._order = np.random.default_rng(recipe.seed)
        self.rows: list[NDArray[np.float32]] = []
        self.seconds, self.step = 0.0, 0
        self._took = np.zeros(2)  # bits and error of the last crops, averaged

    def run(self, budget: float, checkpoint: Path, tell: Any) -> None:
        """Fit until all prices are done; a KeyboardInterrupt passes on after a checkpoint."""
        shares = np.full(len(self.recipe.prices), 1.0)
        if self._starts is None and len(shares) > 1:
            shares[0] = FIRST_SHARE / (1 - FIRST_SHARE) * (len(shares) - 1)
        shares /= shares.sum()
        ends = np.cumsum(shares) * budget
        saved = told = last = time.monotonic()
        try:
            for i in range(len(self.rows), len(shares)):
                begun = ends[i] - shares[i] * budget
                if self._starts is not None and not self._fit.taken:  # a price begins
                    row = self._starts.rows[self._starts.nearest(self.recipe.prices[i])]
                    self._fit.parameters[:] = row / (1 << WEIGHT)
                while self.seconds < ends[i]:
                    fraction = (self.seconds - begun) / (ends[i] - begun)
                    self._epoch(i, AGAIN + (1 - AGAIN) * fraction if i else fraction)
                    now = time.monotonic()
                    self.seconds, last = self.seconds + now - last, now
                    if now > told + REPORT_SECONDS:
                        told = now
                        tell(self._progress(i, budget))
                    if now > saved + SAVE_SECONDS:
                        saved = now
                        self.save(checkpoint)
                self.rows.append(self._fit.parameters.copy())
                self._pool[1:] = 0
                self._fit.forget()
        except KeyboardInterrupt:
            self.save(checkpoint)
            raise
        self.save(checkpoint)

    def _epoch(self, i: int, fraction: float) -> None:
        """A step on each of a few crops."""
        moment = schedule.at(min(fraction, 1.0), NET_RATE)
        engine, fit = self._engine, self._fit
        for n in self._order.integers(0, len(self._targets), 8):
            engine.target = self._targets[n]
            engine.flat[:], fit.moments[0], fit.moments[1] = self._pool[:, n]
            cost = fit.step(moment, self.recipe.prices[i])
            self._pool[:, n] = engine.flat, fit.moments[0], fit.moments[1]
            self.step += 1
            share = max(0.01, 1 / self.step)
            self._took += share * (np.array(cost) - self._took)

    def _progress(self, i: int, budget: float) -> StartProgress:
        bits, mse = self._took.tolist()
        psnr = 10 * np.log10(255**2 / mse)
        fraction = self.seconds / budget
        price, bpp = self.recipe.prices[i], bits / self._engine.pixels
        return StartProgress(self.seconds, fraction, self.step, price, bpp, float(psnr))

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        fit, out = self._fit, io.BytesIO()
        np.savez(
            out,
            settings=np.array(repr(self.recipe)),
            pool=self._pool,
            nets=fit.parameters,
            net_moments=fit.net_moments,
            rows=np.array(self.rows, np.float32),
            clock=np.array([self.seconds, self.step, fit.taken]),
        )
        with atomic_write(path, overwrite=True) as file:
            file.write(out.getbuffer())

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same recipe. Raises PslError for another."""
        try:
            with np.load(path, allow_pickle=False) as state:
                if str(state["settings"]) != repr(self.recipe):
                    raise PslError(f"{path}: the checkpoint is of another recipe; delete it")
                self._pool[:] = state["pool"]
                self._fit.parameters[:] = state["nets"]
                self._fit.net_moments[:] = state["net_moments"]
                self.rows = list(state["rows"])
                self.seconds, step, taken = state["clock"].tolist()
        except (OSError, ValueError, KeyError) as error:
            raise PslError(f"{path}: the checkpoint cannot be read ({error}); delete it") from error
        self.step, self._fit.taken = int(step), int(taken)
        self._order = np.random.default_rng(self.recipe.seed + self.step)


def crops_of(data: str | os.PathLike[str], recipe: StartRecipe) -> NDArray[np.uint8]:
    """Crops (N, side, side, 3) from the middle of pictures drawn at random from `data`.

    Raises PslError when fewer pictures are large enough than the recipe wants.
    """
    items = list(find([data]))
    side, out = recipe.side, []
    for i in np.random.default_rng(recipe.seed).permutation(len(items)):
        pixels = to_8_bit(as_array(items[i].load()))
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        if min(top, left) >= 0:
            crop = pixels[top : top + side, left : left + side]
            out.append(np.broadcast_to(crop, (side, side, 3)))
        if len(out) == recipe.crops:
            return np.stack(out)
    raise PslError(
        f"{data}: {len(out)} pictures of at least {side} x {side} pixels; {recipe.crops} are needed"
    )


def train_overfit(job: Job, init: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """See `pseudocodec.train`; nothing is held out, for fits are judged on files.

    `init` names a model of starts to go on from. Raises PslError for one of another family.
    """
    starts = identity = None
    if init is not None:
        model = load_model(os.fspath(init))
        if not isinstance(model, OverfitModel):
            raise PslError(
                f"init={init}: a model of family {model.facts.family!r}; give one of family overfit"
            )
        starts, identity = model.starts, model.id.hex()
    recipe = StartRecipe(seed=job.seed, init=identity)
    run = StartRun(crops_of(job.data, recipe), recipe, starts)
    if job.files.checkpoint.exists():
        run.load(job.files.checkpoint)
    run.run(job.budget, job.files.checkpoint, job.on_progress)
    order = np.argsort(recipe.prices)
    rows = np.rint(np.stack(run.rows)[order].astype(np.float64) * (1 << WEIGHT)).astype(np.int64)
    rows = rows.clip(1 - MOST_PARAMETER, MOST_PARAMETER - 1)
    prices = [recipe.prices[i] for i in order]
    written = write_starts(job.files.target, job.title, rows, prices)
    result = {
        "id": written.hex(),
        "path": str(job.files.target),
        "bytes": job.files.target.stat().st_size,
        "steps": run.step,
        "seconds": run.seconds,
        "report": None,
    }
    job.files.clear()
    return result
