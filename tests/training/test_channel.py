"""The Gaussian test channel against the formulas it implements."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudocodec.latent.schedule import UNIT, ideal_levels
from pseudocodec.training.channel import WaterFilling


@pytest.mark.parametrize("bits", [0.5, 3.0, 20.0, 90.0])
@torch.no_grad()
def test_levels_spend_the_bits(bits: float) -> None:
    channel = WaterFilling(torch.tensor([4.0, 1.0, 0.5, 0.01]))
    level = channel.log_levels(torch.tensor([bits]))
    rate = ((channel.log_variances - level).clamp(min=0) / 2 / np.log(2)).sum()
    assert float(rate) == pytest.approx(bits, rel=1e-4)


@torch.no_grad()
def test_the_schedule_has_the_same_levels() -> None:
    variances = torch.tensor([3.0, 2.0, 0.7, 0.1, 0.02])
    channel = WaterFilling(variances)
    levels = ideal_levels(variances.double().numpy(), 60)
    expected = channel.log_levels(torch.arange(61.0)).exp().numpy()
    # Integers round to half a unit; float32 carries about seven digits.
    np.testing.assert_allclose(levels[1:] / UNIT, expected[1:], rtol=1e-4, atol=0.5 / UNIT)


@torch.no_grad()
def test_the_noisy_latent_is_the_posterior_mean() -> None:
    """u_hat has variance 1 - rho, and u - u_hat has variance rho and is uncorrelated with it."""
    torch.manual_seed(0)
    channel = WaterFilling(torch.ones(2))
    u = torch.randn(200_000, 2)
    bits = torch.full((200_000,), 2.0)  # one bit a component: rho = 1/4
    torch.testing.assert_close(channel.levels(bits[:1]), torch.tensor([-2.0]), atol=1e-4, rtol=0)
    noisy = channel(u, bits)
    error = u - noisy
    # 200,000 pairs: the standard error of a variance is about 0.3 %; five of them are allowed.
    assert float(error.var()) == pytest.approx(0.25, rel=0.06)
    assert float(noisy.var()) == pytest.approx(0.75, rel=0.06)
    assert abs(float((noisy * error).mean())) < 0.01
