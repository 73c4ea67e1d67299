"""One tile from pixels to bytes: the fit, the nets' precision, and what then misses the aim."""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.image import to_8_bit
from pseudocodec.model.base import torch_device
from pseudocodec.overfit import tile
from pseudocodec.overfit.context import WEIGHT
from pseudocodec.overfit.design import unflatten
from pseudocodec.overfit.fitting import precision, schedule
from pseudocodec.overfit.fitting.aim import Aim, limited
from pseudocodec.overfit.fitting.engine import Engine
from pseudocodec.overfit.fitting.fit import Fit
from pseudocodec.overfit.fitting.settle import COARSER, settle
from pseudocodec.overfit.start import Starts
from pseudocodec.overfit.synthesis import render
from pseudocodec.photo.progress import OnProgress

CLOSE = 0.99  # of a size, or of an error: near enough
NET_SHARE, TRIES = 0.5, 5  # of a size for nets; times that they are stored again for less
ROUNDS = 24  # of corrections
ROUND_STEPS = 20
ROUND_RATE = 0.2
_MOVING = schedule.Moment(True, 0.3, ROUND_RATE, 0.0)


class Found(NamedTuple):
    """A tile's bytes and the error of what decodes from them, of colours of 255."""

    data: bytes
    mse: float


class TileFit:
    """A fit of pixels (h, w, 1 or 3) from row `level` of the starts."""

    def __init__(self, starts: Starts, pixels: Pixels, level: int, *, device: str = "cpu") -> None:
        self._start, self._tables = starts.rows[level], starts.tables
        self._wanted = to_8_bit(pixels)
        self._engine = _engine(pixels, device)
        reals = (self._start / (1 << WEIGHT)).astype(np.float32)
        self._fit = Fit(self._engine, reals)

    def __enter__(self) -> Self:
        """The fit itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End its threads."""
        self._engine.close()

    @property
    def interrupted(self) -> bool:
        """Whether a KeyboardInterrupt ended the fit before its time."""
        return self._fit.interrupted

    def probe(self, price: float, steps: int) -> float:
        """Bits of the symbols after a few steps."""
        self._fit.run(steps, price)
        return self._fit.rounded().bits

    def run(self, aim: Aim, steps: int, on_progress: OnProgress = None) -> Found:
        """Fit, store, and correct. Returns the nearest to the aim where it cannot be met."""
        steer = None if aim.fixed else aim.steer
        settling = round(schedule.SETTLE * steps)
        fitting = steps - len(COARSER) * settling
        tell = on_progress and (lambda p: on_progress(p._replace(total=steps)))
        price = self._fit.run(fitting, aim.price, steer, tell)
        net_price = price
        stored = self._store(price)
        for _ in range(TRIES):
            if aim.size is None or stored.bits <= NET_SHARE * 8 * aim.size:
                break
            net_price = limited(4 * net_price)  # a small file cannot afford nets of its own
            stored = self._store(net_price)
        if not self.interrupted:
            stored = settle(self._fit, self._start, stored, net_price, settling)
        self._fit.parameters[:] = precision.as_reals(self._start, stored.differences)
        if on_progress is not None:
            on_progress(self._fit.progress(steps, steps, self._fit.rounded()))
        best = self._packed(stored)
        if not aim.fixed:
            best = self._corrected(aim, price, stored, best)
        return best

    def _store(self, price: float) -> precision.Stored:
        pixels, fitted = self._engine.pixels, self._fit.parameters

        def judge(parameters: NDArray[np.float32]) -> float:
            cost = self._fit.rounded(parameters)
            return float(cost.mse + price * cost.bits / pixels)

        return precision.store(fitted, self._start, judge, price / pixels)

    def _packed(self, stored: precision.Stored) -> Found:
        latents = [tile.clipped(plane) for plane in self._engine.latents]
        content = tile.Content(stored.differences, latents)
        data = tile.pack(self._start, self._tables, content)
        nets = unflatten(tile.parameters(self._start, content))
        pixels = render(nets, latents, grey=self._wanted.shape[2] == 1)
        error = pixels.astype(np.float32) - self._wanted
        return Found(data, float(np.square(error, dtype=np.float64).mean()))

    def _corrected(self, aim: Aim, price: float, stored: precision.Stored, first: Found) -> Found:
        """Move the latents, nets as they are stored, until the aim is met closely.

        The nearest from the good side is kept; from the bad one while there is none.
        """
        best, excess = first, _excess(aim, first)
        now = excess
        self._fit.forget()
        for _ in range(ROUNDS):
            if np.log(CLOSE) <= excess <= 0:
                break
            # What is too large needs a higher price, what is too inexact a lower one.
            power = now if aim.size is not None else -now
            price = limited(
                price * float(np.exp(np.clip(power, -0.7, 0.7) + np.sign(power) * 0.02))
            )
            for _ in range(ROUND_STEPS):
                self._fit.step(_MOVING, price, nets=False)
            found = self._packed(stored)
            now = _excess(aim, found)
            better = now < excess if excess > 0 else excess < now <= 0
            if better:
                best, excess = found, now
        return best


def _engine(pixels: Pixels, device: str) -> Engine:
    """The kernels, or on a GPU autograd."""
    where = torch_device(device)
    if where.type == "cpu":
        return Engine(pixels)
    from pseudocodec.overfit.fitting.on_torch import TorchEngine

    return TorchEngine(pixels, where)


def _excess(aim: Aim, found: Found) -> float:
    """The logarithm of size or error over what is wanted: at most 0 meets the aim."""
    if aim.size is not None:
        return float(np.log(len(found.data) / max(aim.size, 0.5)))
    assert aim.mse is not None
    return float(np.log(max(found.mse, 1e-9) / aim.mse))
