"""Steps of a fit on a GPU: symbols go there and their gradients come back.

Latents, their rounding and Adam stay where they are on the CPU: they are a few MB a step.
"""

from __future__ import annotations

import math

import torch

from pseudocodec._pixels import Pixels
from pseudocodec.overfit.design import SHAPES
from pseudocodec.overfit.fitting import reference
from pseudocodec.overfit.fitting.engine import Cost, Engine, Reals


class TorchEngine(Engine):
    """An `Engine` whose costs and gradients come of autograd on a device."""

    def __init__(self, pixels: Pixels, device: torch.device, threads: int | None = None) -> None:
        super().__init__(pixels, threads)
        self._device = device
        self._goal = torch.from_numpy(self.target).to(device)

    def gradients(self, parameters: Reals, price: float, share: int = 1) -> Cost:
        """See `Engine.gradients`; all of them are exact, whatever the `share`."""
        flat = torch.from_numpy(parameters).to(self._device).requires_grad_()
        parts = torch.split(flat, [math.prod(shape) for shape in SHAPES.values()])
        shapes = zip(SHAPES.items(), parts, strict=True)
        nets = {name: part.view(shape) for (name, shape), part in shapes}
        symbols = [
            torch.from_numpy(stack[0]).to(self._device).requires_grad_() for stack in self.stacks
        ]
        bits = reference.rate(symbols, nets)
        mse = (reference.colours(symbols, nets) - self._goal).square().mean() * 256
        (mse + price * bits / self.pixels).backward()
        for gradient, symbol, slope in zip(self.dlatents, symbols, self.slopes, strict=True):
            assert symbol.grad is not None
            gradient[:] = symbol.grad.cpu().numpy() * slope
        assert flat.grad is not None
        self.dparameters[:] = flat.grad.cpu().numpy()
        return Cost(bits.item(), mse.item())
