"""What a tile is to be worth: a price of bits, or a size or an error that the price is set by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pseudocodec.overfit.fitting.engine import Cost
from pseudocodec.rate import Target

WORST_PRICE, BEST_PRICE = 1600.0, 3.0  # of quality 0 and 100: about 24 and 46 dB
LOWEST_PRICE, HIGHEST_PRICE = 0.02, 1e6
GAIN = 0.15  # of the logarithm of what is missed, a look
MOST_CHANGE = 1.3  # of the price, a look
NET_BITS = 4000.0  # of nets, until they are known
USUAL = 40.0, -1.2  # price of 1 bit a pixel, and its exponent


def price_of(quality: float) -> float:
    """The price of a quality: the same ratio from each to the next."""
    return float(WORST_PRICE * (BEST_PRICE / WORST_PRICE) ** (quality / 100))


def mse_of(psnr: float) -> float:
    """The mean squared error, of colours of 255, of a PSNR."""
    return float(255**2 / 10 ** (psnr / 10))


@dataclass(frozen=True)
class Aim:
    """A price that stays, or what it is to lead to: `size` bytes of a tile, or `mse`."""

    price: float
    size: int | None = None
    mse: float | None = None

    @staticmethod
    def of(target: Target, pixels: int, overhead: int) -> Aim:
        """For a picture of so many pixels in one tile, `overhead` bytes of the file beside it."""
        if target.quality is not None:
            return Aim(price_of(target.quality))
        if target.psnr is not None:
            mse = mse_of(target.psnr)
            return Aim(limited(2 * mse), mse=mse)
        wanted = target.bytes_for(pixels)
        assert wanted is not None
        size = wanted - overhead
        first, exponent = USUAL
        return Aim(limited(first * (8 * max(size, 1) / pixels) ** exponent), size=size)

    @property
    def fixed(self) -> bool:
        """Whether the price stays as it is."""
        return self.size is None and self.mse is None

    def steer(self, cost: Cost, price: float) -> float:
        """The price after a look at what symbols cost."""
        if self.size is not None:
            room = max(8.0 * self.size - NET_BITS, 4.0 * self.size)
            missed = math.log(max(cost.bits, 1.0) / max(room, 1.0))
        elif self.mse is not None:
            missed = math.log(self.mse / max(cost.mse, 1e-6))
        else:
            return price
        change = math.exp(GAIN * missed)
        return limited(price * min(max(change, 1 / MOST_CHANGE), MOST_CHANGE))


def limited(price: float) -> float:
    """A price within what fits bear."""
    return min(max(price, LOWEST_PRICE), HIGHEST_PRICE)
