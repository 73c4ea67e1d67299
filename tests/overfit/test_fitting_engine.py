"""The kernels' costs and gradients are those of autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudocodec.overfit.design import LEVELS, PARAMETERS, SHAPES
from pseudocodec.overfit.fitting import reference, schedule
from pseudocodec.overfit.fitting.engine import Engine

PRICE = 30.0


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (45, 150)])
@pytest.mark.parametrize("threads", [1, 2])
def test_costs_and_gradients(size: tuple[int, int], threads: int) -> None:
    rng = np.random.default_rng(3)
    engine = Engine(rng.integers(0, 256, (*size, 3)).astype(np.uint8), threads)
    parameters = (rng.normal(size=PARAMETERS) * 0.06).astype(np.float32)
    for plane in engine.latents:
        plane[:] = np.rint(rng.normal(size=plane.shape) * 2)
    for _ in range(2):  # nothing of the first is left in the second
        engine.harden()
        cost = engine.gradients(parameters, PRICE)

    flat = torch.tensor(parameters, dtype=torch.float64, requires_grad=True)
    sizes = [int(np.prod(shape)) for shape in SHAPES.values()]
    parts = zip(SHAPES.items(), flat.split(sizes), strict=True)
    nets = {name: part.view(shape) for (name, shape), part in parts}
    symbols = [torch.tensor(p, dtype=torch.float64, requires_grad=True) for p in engine.latents]
    bits = reference.rate(symbols, nets)
    target = torch.from_numpy(engine.target).double()
    mse = (reference.colours(symbols, nets) - target).square().mean() * 256
    (mse + PRICE * bits / (size[0] * size[1])).backward()

    assert cost.bits == pytest.approx(bits.item(), rel=1e-4)
    assert cost.mse == pytest.approx(mse.item(), rel=1e-4)
    assert flat.grad is not None
    for found, wanted in [
        (engine.dparameters, flat.grad),
        *[(engine.dlatents[k], symbols[k].grad) for k in range(LEVELS)],
    ]:
        assert wanted is not None
        scale = max(float(wanted.abs().max()), 1e-3)
        np.testing.assert_allclose(found, wanted.numpy(), atol=2e-4 * scale)
    engine.close()


def test_soft_symbols_are_soft_rounded_twice() -> None:
    engine = Engine(np.zeros((9, 21, 3), np.uint8), 1)
    rng = np.random.default_rng(0)
    engine.latents[0][:] = rng.normal(size=(9, 21)) * 3
    noise = schedule.noise(rng, 2 * engine.flat.size, 1.5)
    engine.soften(noise, [0] * LEVELS, 0.2)
    y = torch.tensor(engine.latents[0], dtype=torch.float64, requires_grad=True)

    def soft(x: torch.Tensor) -> torch.Tensor:
        low = x.detach().floor()
        top = 2 * np.tanh(1 / 0.4)
        return low + 0.5 + torch.tanh((x - low - 0.5) / 0.2) / top

    out = soft(soft(y) + torch.from_numpy(noise[: y.numel()]).view_as(y))
    out.sum().backward()
    np.testing.assert_allclose(engine._stacks[0][0], out.detach(), atol=1e-3)
    assert y.grad is not None
    np.testing.assert_allclose(engine._slopes[0], y.grad, atol=2e-2)
    engine.close()


@pytest.mark.parametrize("peakedness", [1.0, 2.0])
def test_noise_stays_within_half_a_symbol(peakedness: float) -> None:
    noise = schedule.noise(np.random.default_rng(0), 10_000, peakedness)
    assert noise.dtype == np.float32 and np.abs(noise).max() <= 0.5
    assert abs(float(np.median(noise))) < 0.06
    assert (noise.std() < 0.28) == (peakedness > 1)
