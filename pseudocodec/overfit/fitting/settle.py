"""The last steps of nets: they learn on as a file holds them.

Gradients are those of nets rounded as they are stored, and move the unrounded ones behind them
(straight-through estimation: Bengio, Leonard & Courville 2013). So what one parameter loses by
rounding others make up for, and steps twice as coarse as were chosen before pay as a rule.
"""

from __future__ import annotations

from pseudocodec.overfit.fitting import schedule
from pseudocodec.overfit.fitting.engine import SHARE, Cost
from pseudocodec.overfit.fitting.fit import Fit
from pseudocodec.overfit.fitting.precision import (
    Integers,
    Stored,
    as_reals,
    differences_of,
    rounded,
)
from pseudocodec.overfit.fitting.pull import pull
from pseudocodec.overfit.front import MOST_SHIFT

COARSER = (0, 1)  # shifts beyond those chosen, a run each


def settle(fit: Fit, start: Integers, stored: Stored, price: float, steps: int) -> Stored:
    """What costs least of all that runs of so many steps come to, `stored` among them.

    `fit` has rounded latents and the parameters that `stored` was rounded from, which change. A
    KeyboardInterrupt ends it, and counts as one of the fit.
    """
    pixels = fit.engine.pixels
    first, moments = fit.parameters.copy(), fit.net_moments.copy()
    origin = as_reals(start, [None] * len(stored.differences))

    def total(cost: Cost, nets: Stored) -> float:
        return float(cost.mse + price * (cost.bits + nets.bits) / pixels)

    best = stored
    least = total(fit.rounded(as_reals(start, stored.differences)), stored)
    try:
        for coarser in COARSER:
            shifts = [
                None if d is None else min(d.precision.shift + coarser, MOST_SHIFT)
                for d in stored.differences
            ]
            fit.parameters[:], fit.net_moments[:] = first, moments
            for step in range(steps):
                now = rounded(differences_of(fit.parameters, start), shifts)
                reals = as_reals(start, now.differences)
                cost = fit.engine.gradients(reals, price, SHARE)
                if (found := total(cost, now)) < least:
                    best, least = now, found
                gradient = fit.engine.dparameters + pull(reals, origin, price / pixels)
                fit.learn(gradient, schedule.NET_RATE * schedule.SETTLE_RATE * (1 - step / steps))
    except KeyboardInterrupt:
        fit.interrupted = True
    return best
