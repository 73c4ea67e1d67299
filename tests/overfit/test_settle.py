"""Nets that settle cost no more than they did."""

from __future__ import annotations

import numpy as np
import pytest

from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.design import PARAMETERS
from pseudocodec.overfit.fitting import precision
from pseudocodec.overfit.fitting.engine import Cost, Engine
from pseudocodec.overfit.fitting.fit import Fit
from pseudocodec.overfit.fitting.random_start import random_start
from pseudocodec.overfit.fitting.settle import settle

PRICE = 60.0
START = np.rint(random_start().astype(np.float64) * (1 << WEIGHT)).astype(np.int64)


@pytest.fixture
def fit() -> Fit:
    y, x = np.mgrid[:40, :56]
    waves = 128 + 50 * np.sin(x / 5) + 50 * np.cos(y / 7 + x / 11)
    picture = np.stack([waves, waves[::-1], waves[:, ::-1]], 2).astype(np.uint8)
    fit = Fit(Engine(picture, 1), precision.as_reals(START, [None] * 15))
    fit.run(80, PRICE)
    return fit


def total(fit: Fit, stored: precision.Stored) -> float:
    cost = fit.rounded(precision.as_reals(START, stored.differences))
    return cost.mse + PRICE * (cost.bits + stored.bits) / fit.engine.pixels


def coarse(fit: Fit) -> precision.Stored:
    """Steps of 1/32, which lose much."""
    assert fit.parameters.shape == (PARAMETERS,)
    return precision.rounded(precision.differences_of(fit.parameters, START), [7] * 15)


def test_nets_make_up_for_what_rounding_loses(fit: Fit) -> None:
    before = coarse(fit)
    after = settle(fit, START, before, PRICE, 40)
    assert total(fit, after) < 0.99 * total(fit, before)
    shifts = {d.precision.shift for d in after.differences if d is not None}
    assert shifts in ({7}, {8})


def test_without_steps_nothing_changes(fit: Fit) -> None:
    before = coarse(fit)
    assert settle(fit, START, before, PRICE, 0) is before


def test_an_interrupt_keeps_the_best(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    before, gradients, calls = coarse(fit), fit.engine.gradients, []

    def interrupted(parameters: np.ndarray, price: float, share: int = 1) -> Cost:
        calls.append(share)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return gradients(parameters, price, share)

    monkeypatch.setattr(fit.engine, "gradients", interrupted)
    after = settle(fit, START, before, PRICE, 40)
    assert fit.interrupted and len(calls) == 30
    monkeypatch.undo()
    assert total(fit, after) < total(fit, before)
