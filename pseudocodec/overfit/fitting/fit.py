"""Gradient descent on one picture's latents and nets.

The cost is mse + price * bits a pixel, the mean squared error being of colours of 0 to 255. The
price may change on the way: that is how targets are met.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.overfit.fitting import schedule
from pseudocodec.overfit.fitting._symbols import adam
from pseudocodec.overfit.fitting.engine import SHARE, Cost, Engine
from pseudocodec.overfit.fitting.pull import pull
from pseudocodec.photo.progress import OnProgress, Progress

Reals = NDArray[np.float32]
_DECAYS = tuple(np.float32(decay) for decay in schedule.DECAYS)
LOOK = 20  # steps between two looks at the cost


Steer = Callable[[Cost, float], float]  # a cost and a price -> the price from here on


class Fit:
    """Latents and nets on their way; `parameters` (PARAMETERS,) and `engine.latents`.

    `alone`: the nets are for this picture alone, whose file is to hold how they differ from the
    start; otherwise their bits do not count. `interrupted` says whether a KeyboardInterrupt ended a
    run.
    """

    def __init__(self, engine: Engine, start: Reals, seed: int = 0, *, alone: bool = True) -> None:
        self.engine = engine
        self._start = start.astype(np.float32)
        self._alone = alone
        self.parameters = self._start.copy()
        self._generator = np.random.default_rng(seed)
        size = engine.flat.size
        self.moments = np.zeros((2, size), np.float32)
        self.net_moments = np.zeros((2, len(self.parameters)), np.float32)
        self._noise = schedule.noise(self._generator, 2 * size)
        self.taken = 0
        self.interrupted = False

    def run(
        self,
        steps: int,
        price: float,
        steer: Steer | None = None,
        on_progress: OnProgress = None,
    ) -> float:
        """Take all steps, or as many as a KeyboardInterrupt leaves; returns the last price.

        Raises PslError when the fit diverges.
        """
        try:
            for step in range(steps):
                cost = self.step(schedule.at(step / steps), price)
                if step % LOOK == LOOK - 1 or step == steps - 1:
                    if not np.isfinite(cost.mse + cost.bits):
                        raise PslError("the fit diverged; try another quality or effort")
                    if steer is not None:  # by what a file would hold: noise costs more
                        price = steer(self.rounded(), price)
                    if on_progress is not None:
                        on_progress(self.progress(step + 1, steps, cost))
        except KeyboardInterrupt:
            if not self.taken:
                raise
            self.interrupted = True
        return price

    def step(self, moment: schedule.Moment, price: float, *, nets: bool = True) -> Cost:
        """One step on the latents, and on the nets unless they are to stay."""
        engine = self.engine
        if moment.soft:
            starts = self._generator.integers(0, engine.flat.size, len(engine.latents)).tolist()
            engine.soften(self._noise, starts, moment.temperature)
        else:
            engine.harden()
        cost = engine.gradients(self.parameters, price, SHARE if nets else 0)
        self.taken += 1
        self._adam(engine.flat, engine.dflat, self.moments, moment.latent_rate)
        if nets:
            gradient = engine.dparameters
            if self._alone:
                gradient = gradient + pull(self.parameters, self._start, price / engine.pixels)
            rate = moment.net_rate * min(1.0, self.taken / schedule.WARM_UP)
            self._adam(self.parameters, gradient, self.net_moments, rate)
        return cost

    def learn(self, gradient: Reals, rate: float) -> None:
        """One step on the nets alone, by a gradient found elsewhere."""
        self.taken += 1
        self._adam(self.parameters, gradient, self.net_moments, rate)

    def forget(self) -> None:
        """Let Adam begin again: at another price gradients are of another size.

        Without this nets jump, by as much as gradients grow, and have to be learnt anew; or what
        large gradients left keeps latents where they are.
        """
        self.moments[:] = 0
        self.net_moments[:] = 0
        self.taken = 0

    def rounded(self, parameters: Reals | None = None, price: float = 0.0) -> Cost:
        """What rounded symbols cost, with these nets or other `parameters`."""
        nets = self.parameters if parameters is None else parameters
        self.engine.harden()
        return self.engine.gradients(nets, price, share=0)

    def progress(self, step: int, steps: int, cost: Cost) -> Progress:
        """What a look at the cost tells."""
        psnr = 10 * np.log10(255**2 / max(cost.mse, 1e-9))
        return Progress(step, steps, cost.bits / self.engine.pixels, float(psnr))

    def _adam(self, values: Reals, gradient: Reals, moments: Reals, rate: float) -> None:
        first, second = moments
        adam(values, gradient, first, second, np.float32(rate), *_DECAYS, np.float32(self.taken))
