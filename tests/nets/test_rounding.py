"""Rounding for rate and distortion: which integers are tried, and what each costs."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pseudocodec.nets.information import information
from pseudocodec.nets.rounding import Rounding

VALUES = torch.tensor([0.4, -0.4, 1.4, 1.6, -2.3, 0.0, 3.0])


def rounding(values: Tensor, mean: float = 0.0, price: float = 2.0) -> Rounding:
    means, index = torch.full_like(values, mean), torch.full_like(values, 20.0)
    return Rounding(values, means, index, torch.tensor(price))


def test_neighbours_towards_the_mean_and_away_from_it() -> None:
    found = rounding(VALUES)
    assert found.rounded.tolist() == [0, 0, 1, 2, -2, 0, 3]
    assert found.nearer.tolist() == [0, 0, 0, 1, -1, 0, 2]
    assert found.farther.tolist() == [1, -1, 2, 2, -3, 0, 3]


def test_a_mean_elsewhere_turns_them_round() -> None:
    found = rounding(VALUES, mean=4.2)
    assert found.nearer.tolist() == [1, 1, 2, 3, -1, 1, 4]
    assert found.farther.tolist() == [0, -1, 1, 1, -3, 0, 3]


@settings(deadline=None)
@given(
    st.lists(st.floats(-6, 6, width=32), min_size=1, max_size=8),
    st.floats(-3, 3),
    st.floats(0.1, 20),
)
def test_gains_are_differences_of_cost(values: list[float], mean: float, price: float) -> None:
    residuals = torch.tensor(values, dtype=torch.float64)
    found = rounding(residuals, mean, price)

    def cost(symbols: Tensor) -> Tensor:
        bits = information(symbols - found.means, found.index)
        return bits + price * (residuals - symbols) ** 2

    for symbols in (found.nearer, found.farther):
        assert ((symbols - residuals).abs() <= 1.5).all()
        torch.testing.assert_close(
            found.gain(symbols), cost(found.rounded) - cost(symbols), rtol=1e-4, atol=1e-4
        )
