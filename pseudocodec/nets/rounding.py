"""Rounding of residuals that counts bits as well as errors, for whole planes at once."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from pseudocodec.nets.information import information


class Rounding:
    """Real-valued residuals (B, N, h, w), of which means and tables are expected.

    `price` (broadcast to them) is what a squared step of error is worth in bits.
    """

    def __init__(self, residuals: Tensor, means: Tensor, index: Tensor, price: Tensor) -> None:
        self.residuals, self.means, self.index, self.price = residuals, means, index, price
        self.rounded = residuals.round()
        self._cost = self._cost_of(self.rounded)

    @cached_property
    def nearer(self) -> Tensor:
        """A step from `rounded` towards the mean; the same where that is there already."""
        return self.rounded - (self.rounded - self.means.round()).sign()

    @cached_property
    def farther(self) -> Tensor:
        """The integer on the other side of each residual, where it is not the one of `nearer`."""
        other = self.rounded + (self.residuals - self.rounded).sign()
        return torch.where(other == self.nearer, self.rounded, other)

    def gain(self, symbols: Tensor) -> Tensor:
        """Bits and errors, in bits, that `symbols` cost less than `rounded`, each by itself."""
        return self._cost - self._cost_of(symbols)

    def _cost_of(self, symbols: Tensor) -> Tensor:
        error = (self.residuals - symbols).square()
        return information(symbols - self.means, self.index) + self.price * error
