"""Chaotic maps as sources of sequences: Hénon, logistic and tent.

They are here to be compared with linear congruential generators (`benchmarks/prf_table.py`): each
maps an initial value to a sequence, but cannot be searched or jumped ahead, and its floats differ
between machines, so no latent code uses them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.prng._inputs import reals

TRANSIENT: Final = 200
"""Values `draw` discards, so that sequences follow the map's own distribution."""

MAX_VALUES: Final = 2**28
"""Values one call may return: 2 GiB of float64."""


class ChaoticMap(ABC):
    """A recurrence on real numbers, with its values scaled to [-1, 1].

    Attributes:
        span: interval that holds every value of a sequence; mapped linearly onto [-1, 1].
        starts: closed interval of initial values from which a sequence stays in `span`.
    """

    span: ClassVar[tuple[float, float]]
    starts: ClassVar[tuple[float, float]]

    @abstractmethod
    def _next(
        self, x: NDArray[np.float64], previous: NDArray[np.float64]
    ) -> NDArray[np.float64]: ...

    def sequence(self, initial: ArrayLike, length: int) -> NDArray[np.float64]:
        """Return the sequence of each initial value; that value, scaled, is the first.

        Args:
            initial: real numbers in `self.starts`, not scaled, shape (n,).
            length: values a sequence, at least 1.

        Returns:
            float64 array of shape (n, length), values in [-1, 1].

        Raises:
            PslError: an initial value is outside `self.starts`, or length < 1.
            TooLarge: n * length exceeds `MAX_VALUES`.
        """
        x = reals(initial, "Initial values")
        low, high = self.starts
        if x.ndim != 1:
            raise PslError(f"Initial values have shape {x.shape}; give a one-dimensional array.")
        outside = x[~((x >= low) & (x <= high))]  # NaN is outside too
        if outside.size:
            raise PslError(
                f"{outside[0]} is no initial value of the {type(self).__name__} map; "
                f"give numbers from {low} to {high}."
            )
        _check_size(len(x), length)
        out = np.empty((length, len(x)))
        previous = np.zeros_like(x)
        for t in range(length):
            out[t] = x
            x, previous = self._next(x, previous), x
        low, high = self.span
        return (2 * out.T - (low + high)) / (high - low)

    def draw(self, rng: np.random.Generator, n: int, length: int) -> NDArray[np.float64]:
        """Return n sequences from random initial values, each after `TRANSIENT` values.

        Args:
            rng: source of the initial values, uniform on `self.starts`.
            n: sequences, at least 0.
            length: values a sequence, at least 1.

        Returns:
            float64 array of shape (n, length), values in [-1, 1].

        Raises:
            PslError: n < 0 or length < 1.
            TooLarge: n * (length + TRANSIENT) exceeds `MAX_VALUES`.
        """
        if n < 0:
            raise PslError(f"{n} sequences were asked for; ask for 0 or more.")
        _check_size(n, length)
        _check_size(n, length + TRANSIENT)
        return self.sequence(rng.uniform(*self.starts, n), TRANSIENT + length)[:, TRANSIENT:]


@dataclass(frozen=True)
class Henon(ChaoticMap):
    """x' = 1 - 1.4 x**2 + 0.3 x_previous, the classical parameters; x before the first is 0.

    M. Hénon, "A two-dimensional mapping with a strange attractor", Commun. Math. Phys. 50 (1976).
    The paper's trapping quadrilateral spans |x| <= 1.33, and its slice at x_previous = 0 reaches
    from -1.206 to 1.283.
    """

    span: ClassVar = (-1.33, 1.33)
    starts: ClassVar = (-1.2, 1.28)

    def _next(self, x: NDArray[np.float64], previous: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 - 1.4 * x * x + 0.3 * previous


@dataclass(frozen=True)
class Logistic(ChaoticMap):
    """x' = r x (1 - x) on [0, 1].

    Attributes:
        r: 0 < r <= 4, beyond which values leave [0, 1]. Just below 4 the map is chaotic for most
            parameters; r = 4 itself sends 1/2 to 1 and then to the fixed point 0.

    Raises:
        PslError: r is out of range.
    """

    r: float = 3.99

    span: ClassVar = (0.0, 1.0)
    starts: ClassVar = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Check r."""
        if not 0 < self.r <= 4:
            raise PslError(f"Logistic map with r = {self.r}; choose 0 < r <= 4.")

    def _next(self, x: NDArray[np.float64], previous: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.r * x * (1 - x)


@dataclass(frozen=True)
class Tent(ChaoticMap):
    """x' = mu min(x, 1 - x) on [0, 1].

    Attributes:
        mu: 0 < mu < 2. At mu = 2 each step shifts the binary digits of x by one place, and a
            float64 has no more than 53 of them: after some 55 steps every sequence is 0.

    Raises:
        PslError: mu is out of range.
    """

    mu: float = 1.99999

    span: ClassVar = (0.0, 1.0)
    starts: ClassVar = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Check mu."""
        if not 0 < self.mu < 2:
            raise PslError(f"Tent map with mu = {self.mu}; choose 0 < mu < 2.")

    def _next(self, x: NDArray[np.float64], previous: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.mu * np.minimum(x, 1 - x)


def _check_size(n: int, length: int) -> None:
    if length < 1:
        raise PslError(f"A sequence of length {length} was asked for; ask for at least 1.")
    if n * length > MAX_VALUES:
        raise TooLarge(
            f"{n} sequences of length {length} exceed the limit of {MAX_VALUES} values a call; "
            "ask for fewer at a time."
        )
