"""What fits start from, and the tables that every stream of a model is coded with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.context import Tables


@dataclass(frozen=True, eq=False)
class Starts:
    """The integers of a model, all int64, checked; `prices` float64, one a start.

    Attributes: `rows` (n, PARAMETERS), `prices` (n,), `powers` and `rates` (see `laplace`).
    """

    rows: NDArray[np.int64]
    prices: NDArray[np.float64]
    powers: NDArray[np.int64]
    rates: NDArray[np.int64]

    @property
    def tables(self) -> Tables:
        """The coder's."""
        return Tables(self.powers, self.rates)

    @property
    def top(self) -> int:
        """The last start."""
        return len(self.rows) - 1

    def nearest(self, price: float) -> int:
        """The start fitted at the nearest price, in logarithms."""
        return int(np.abs(np.log(self.prices / price)).argmin())
