"""The kernels' costs and gradients are those of autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudocodec.overfit.design import LEVELS, PARAMETERS, SHAPES, slices
from pseudocodec.overfit.fitting import reference, schedule
from pseudocodec.overfit.fitting.engine import Engine
from pseudocodec.overfit.fitting.fit import Fit
from pseudocodec.overfit.fitting.on_torch import TorchEngine
from pseudocodec.overfit.fitting.pull import pull
from pseudocodec.overfit.fitting.random_start import random_start
from pseudocodec.overfit.tile import SLICES

PRICE = 30.0
SYNTHESIS = slices()["synthesis.1"]


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


def test_autograd_in_place_of_the_kernels() -> None:
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 256, (19, 30, 3)).astype(np.uint8)
    parameters = (rng.normal(size=PARAMETERS) * 0.06).astype(np.float32)
    costs, gradients = [], []
    for engine in (Engine(pixels, 1), TorchEngine(pixels, torch.device("cpu"), 1)):
        engine.flat[:] = np.random.default_rng(5).normal(size=engine.flat.size)
        engine.soften(np.zeros(2 * engine.flat.size, np.float32), [0] * LEVELS, 0.2)
        costs.append(engine.gradients(parameters, PRICE))
        gradients.append((engine.dflat.copy(), engine.dparameters.copy()))
        engine.close()
    np.testing.assert_allclose(*costs, rtol=1e-4)
    for own, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-3 * np.abs(other).max())


def test_soft_symbols_are_soft_rounded_twice() -> None:
    engine = Engine(np.zeros((9, 21, 3), np.uint8), 1)
    rng = np.random.default_rng(0)
    engine.latents[0][:] = rng.normal(size=(9, 21)) * 3
    noise = schedule.noise(rng, 2 * engine.flat.size)
    engine.soften(noise, [0] * LEVELS, 0.2)
    y = torch.tensor(engine.latents[0], dtype=torch.float64, requires_grad=True)

    def soft(x: torch.Tensor) -> torch.Tensor:
        low = x.detach().floor()
        top = 2 * np.tanh(1 / 0.4)
        return low + 0.5 + torch.tanh((x - low - 0.5) / 0.2) / top

    out = soft(soft(y) + torch.from_numpy(noise[: y.numel()]).view_as(y))
    out.sum().backward()
    np.testing.assert_allclose(engine.stacks[0][0], out.detach(), atol=1e-3)
    assert y.grad is not None
    np.testing.assert_allclose(engine.slopes[0], y.grad, atol=2e-2)
    engine.close()


def test_noise_stays_within_half_a_symbol() -> None:
    noise = schedule.noise(np.random.default_rng(0), 10_000)
    assert noise.dtype == np.float32 and np.abs(noise).max() <= 0.5
    assert abs(float(np.median(noise))) < 0.06
    assert noise.std() < 0.28  # more peaked than a uniform one


def test_gradients_from_some_rows_add_up_to_all() -> None:
    rng = np.random.default_rng(6)
    engine = Engine(rng.integers(0, 256, (130, 40, 3)).astype(np.uint8), 2)
    engine.flat[:] = rng.normal(size=engine.flat.size)
    parameters = (rng.normal(size=PARAMETERS) * 0.06).astype(np.float32)
    engine.harden()
    whole = engine.gradients(parameters, PRICE)
    latents, nets = engine.dflat.copy(), engine.dparameters.copy()
    shares = []
    for _ in range(4):
        assert engine.gradients(parameters, PRICE, share=4) == pytest.approx(whole)
        np.testing.assert_allclose(engine.dflat, latents, atol=1e-5 * np.abs(latents).max())
        shares.append(engine.dparameters.copy())
    assert np.abs(shares[0] - nets).max() > 1e-3 * np.abs(nets).max()
    np.testing.assert_allclose(np.mean(shares, 0), nets, atol=1e-4 * np.abs(nets).max())
    engine.gradients(parameters, PRICE, share=0)
    assert (engine.dparameters[SYNTHESIS] == 0).all()
    engine.close()


def test_rounded_latents_stay() -> None:
    engine = Engine(np.zeros((9, 21, 3), np.uint8), 1)
    fit = Fit(engine, random_start())
    engine.flat[:] = 1.0
    fit.step(schedule.at(0.5), PRICE)
    moved = engine.flat.copy()
    assert (moved != 1).any()
    nets = fit.parameters.copy()
    fit.step(schedule.at(schedule.SOFT), PRICE)
    np.testing.assert_array_equal(engine.flat, moved)
    assert (fit.parameters != nets).any()
    engine.close()


def test_nets_are_pulled_to_where_they_cost_less() -> None:
    rng = np.random.default_rng(1)
    start = rng.normal(size=PARAMETERS).astype(np.float32)
    assert (pull(start, start, 2.0) == 0).all()
    away = start + rng.laplace(size=PARAMETERS).astype(np.float32) * 0.1
    found = pull(away, start, 2.0)
    for tensor in SLICES:  # bits of a Laplace distribution of that width, by differences
        difference = (away - start)[tensor].astype(np.float64)
        mean = np.abs(difference).mean()
        large = np.abs(difference) > 0.2 * mean
        bits = np.abs(difference) / mean / np.log(2)
        more = np.abs(difference * 1.001) / mean / np.log(2)
        slope = 2.0 * (more - bits) / (0.001 * difference)
        np.testing.assert_allclose(found[tensor][large], slope[large], rtol=1e-3)


def test_shared_nets_are_not_pulled() -> None:
    moved = []
    for alone in (True, False):
        engine = Engine(np.zeros((9, 21, 3), np.uint8), 1)
        fit = Fit(engine, random_start(), alone=alone)
        for _ in range(3):
            fit.step(schedule.at(0.5), 1e4)
        moved.append(fit.parameters)
        engine.close()
    assert (moved[0] != moved[1]).any()
