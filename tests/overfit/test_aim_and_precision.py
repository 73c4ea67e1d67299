"""How targets set the price of bits, and nets become integers."""

from __future__ import annotations

import numpy as np
import pytest

from pseudocodec.overfit.design import PARAMETERS, unflatten
from pseudocodec.overfit.fitting import precision
from pseudocodec.overfit.fitting.aim import BEST_PRICE, WORST_PRICE, Aim, mse_of, price_of
from pseudocodec.overfit.fitting.engine import Cost
from pseudocodec.overfit.tile import MOST_PARAMETER, SLICES
from pseudocodec.rate import Target


def test_qualities_are_prices_in_equal_ratios() -> None:
    prices = [price_of(q) for q in (0, 25, 50, 75, 100)]
    assert prices[0] == WORST_PRICE and prices[-1] == pytest.approx(BEST_PRICE)
    np.testing.assert_allclose(np.diff(np.log(prices)), np.log(BEST_PRICE / WORST_PRICE) / 4)


def test_prices_follow_what_is_missed() -> None:
    size = Aim.of(Target(nbytes=10_028), 100_000, 28)
    assert size.size == 10_000 and not size.fixed
    assert size.steer(Cost(200_000.0, 30.0), 50.0) > 50 > size.steer(Cost(20_000.0, 30.0), 50.0)
    near = Aim.of(Target(psnr=30.0), 100_000, 28)
    assert near.mse == pytest.approx(mse_of(30.0)) == pytest.approx(65.025)
    assert near.steer(Cost(1.0, 100.0), 50.0) < 50 < near.steer(Cost(1.0, 10.0), 50.0)
    fixed = Aim.of(Target(quality=50.0), 100_000, 28)
    assert fixed.fixed and fixed.steer(Cost(1.0, 1.0), 50.0) == 50.0


def parameters(spread: float) -> np.ndarray:
    return (np.random.default_rng(1).normal(size=PARAMETERS) * spread).astype(np.float32)


def test_what_nets_do_not_matter_for_is_left_out() -> None:
    start = np.zeros(PARAMETERS, np.int64)
    stored = precision.store(parameters(0.1), start, lambda _: 0.0, 1.0)
    assert stored.differences == (None,) * len(SLICES) and stored.bits == 0


def test_what_matters_much_is_exact() -> None:
    wanted, start = parameters(0.04), np.full(PARAMETERS, 100, np.int64)  # no symbol is clipped

    def judge(found: np.ndarray) -> float:
        return 1e9 * float(np.square(found - wanted).sum())

    stored = precision.store(wanted, start, judge, 1e-3)
    again = precision.as_reals(start, list(stored.differences))
    assert np.abs(again - wanted).mean() <= 0.3 / 4096  # of a few, coarser ones may be nearer
    cheaper = precision.store(wanted, start, judge, 1e3)
    assert cheaper.bits < stored.bits


@pytest.mark.parametrize("largest", [100.0, -100.0])
def test_nets_stay_within_what_files_may_hold(largest: float) -> None:
    wanted = parameters(0.1)
    unflatten(wanted)["synthesis.2"][0, 0] = largest
    start = np.zeros(PARAMETERS, np.int64)
    stored = precision.store(wanted, start, lambda p: float(np.square(p - wanted).sum()), 1e-9)
    found = precision.as_reals(start, list(stored.differences))
    assert np.abs(found).max() < MOST_PARAMETER / 4096
