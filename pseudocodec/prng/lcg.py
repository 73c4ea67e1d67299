"""Linear congruential generators: x' = (a x + c) mod m, exact for every m up to 2**64.

A latent code names a sequence by its seed; the decoder turns seeds back into sequences with the
integer arithmetic of this file alone, so it imports nothing beyond numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.prng._inputs import integers, reals

MAX_MODULUS: Final = 2**64
MAX_JUMP: Final = 2**128
MAX_VALUES: Final = 2**28
"""Values one call of `Lcg.sequence` may return: 2 GiB of uint64."""


@dataclass(frozen=True, slots=True)
class Lcg:
    """The generator x' = (a x + c) mod m.

    Attributes:
        a: multiplier, 1 <= a < m.
        c: increment, 0 <= c < m.
        m: modulus, 2 <= m <= 2**64.

    Raises:
        PslError: a parameter is not an int or is out of its range.

    >>> Lcg(a=1733, c=1627, m=5101).sequence([7], 4).tolist()
    [[7, 3556, 2167, 2702]]
    """

    a: int
    c: int
    m: int

    def __post_init__(self) -> None:
        """Check the three parameters; m first, because it bounds the others."""
        for name, low, high in (
            ("m", 2, MAX_MODULUS),
            ("a", 1, self.m - 1 if isinstance(self.m, int) else 0),
            ("c", 0, self.m - 1 if isinstance(self.m, int) else 0),
        ):
            value: object = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise PslError(f"LCG parameter {name} = {value!r} is not an int; give an int.")
            if not low <= value <= high:
                raise PslError(
                    f"LCG parameter {name} = {value} is out of range; "
                    f"choose it from {low} to {high}."
                )

    @property
    def bits(self) -> int:
        """Bits that hold any state: ceil(log2 m)."""
        return (self.m - 1).bit_length()

    @property
    def invertible(self) -> bool:
        """Whether every state has exactly one predecessor: gcd(a, m) = 1."""
        return math.gcd(self.a, self.m) == 1

    def sequence(self, seeds: ArrayLike, length: int) -> NDArray[np.uint64]:
        """Return the first `length` states of each seed; the seed itself is the first.

        Args:
            seeds: integers in [0, m), shape (n,).
            length: states a sequence, at least 1.

        Returns:
            uint64 array of shape (n, length), values in [0, m).

        Raises:
            PslError: a seed is not a state of this generator, or length < 1.
            TooLarge: n * length exceeds `MAX_VALUES`.
        """
        first = self._seeds(seeds)
        if length < 1:
            raise PslError(f"A sequence of length {length} was asked for; ask for at least 1.")
        if len(first) * length > MAX_VALUES:
            raise TooLarge(
                f"{len(first)} sequences of length {length} exceed the limit of {MAX_VALUES} "
                "values a call; ask for fewer at a time."
            )
        out = np.empty((len(first), length), np.uint64)
        out[:, 0] = first
        # The states already known, all moved on by as many steps as there are of them, are the
        # next states: log2(length) array operations instead of `length`.
        known, (a, c) = 1, (self.a, self.c)
        while known < length:
            new = min(known, length - known)
            out[:, known : known + new] = self._affine(out[:, :new], a, c)
            a, c = a * a % self.m, (a * c + c) % self.m
            known += new
        return out

    def jump(self, seeds: ArrayLike, steps: int) -> NDArray[np.uint64]:
        """Return the state of each seed `steps` steps later, in O(log steps).

        Method: F. B. Brown, "Random number generation with arbitrary strides", Trans. Am. Nucl.
        Soc. 71 (1994): a power of an affine map is an affine map.

        Args:
            seeds: integers in [0, m), shape (n,).
            steps: |steps| <= 2**128; negative goes back, which needs gcd(a, m) = 1.

        Returns:
            uint64 array of shape (n,), values in [0, m).

        Raises:
            PslError: a seed is not a state of this generator, |steps| > 2**128, or steps < 0 and
                the multiplier has no inverse.
        """
        states = self._seeds(seeds)
        if abs(steps) > MAX_JUMP:
            raise PslError(f"A jump of {steps} steps is too far; jump at most 2**128 steps.")
        return self._affine(states, *self._power(steps))

    def to_interval(self, states: ArrayLike) -> NDArray[np.float64]:
        """Map states linearly onto [-1, 1]: 0 to -1, m - 1 to +1.

        Args:
            states: integers in [0, m), any shape.

        Returns:
            float64 array of the same shape.

        Raises:
            PslError: a value is not a state of this generator.
        """
        return self._states(states).astype(np.float64) / (self.m - 1) * 2 - 1

    def from_interval(self, values: ArrayLike) -> NDArray[np.uint64]:
        """Return the state nearest to each value: the inverse of `to_interval`.

        It inverts `to_interval` exactly for m <= 2**50; beyond that, float64 cannot tell
        neighbouring states apart.

        Args:
            values: real numbers, any shape; those outside [-1, 1] count as the nearer end.

        Returns:
            uint64 array of the same shape, values in [0, m).

        Raises:
            PslError: a value is NaN or not a number.
        """
        z = reals(values, "Values")
        if np.isnan(z).any():
            raise PslError("A value to turn into a state is NaN; give numbers in [-1, 1].")
        steps = np.rint((np.clip(z, -1, 1) + 1) / 2 * (self.m - 1))
        top = steps >= float(self.m - 1)  # float(2**64 - 1) is 2**64, which no uint64 holds
        states: NDArray[np.uint64] = np.where(top, 0, steps).astype(np.uint64)
        states[top] = self.m - 1
        return states

    def to_unit_variance(self, states: ArrayLike) -> NDArray[np.float64]:
        """Scale states so that the uniform distribution on {0 .. m-1} gets mean 0, variance 1.

        The uniform distribution on {0 .. m-1} has mean (m - 1) / 2, variance (m**2 - 1) / 12.

        Args:
            states: integers in [0, m), any shape.

        Returns:
            float64 array of the same shape.

        Raises:
            PslError: a value is not a state of this generator.
        """
        deviation = math.sqrt((self.m**2 - 1) / 12)
        return (self._states(states).astype(np.float64) - (self.m - 1) / 2) / deviation

    def _power(self, steps: int) -> tuple[int, int]:
        """Return (A, C) with A x + C = the state `steps` steps after x, mod m."""
        m = self.m
        a, c = self.a, self.c
        if steps < 0:
            if not self.invertible:
                raise PslError(
                    f"The LCG a = {a}, c = {c}, m = {m} cannot step back, because "
                    f"gcd(a, m) = {math.gcd(a, m)}; use steps >= 0."
                )
            a = pow(a, -1, m)
            c = -a * c % m
        total_a, total_c = 1, 0
        for bit in reversed(bin(abs(steps))[2:]):
            if bit == "1":
                total_a, total_c = a * total_a % m, (a * total_c + c) % m
            a, c = a * a % m, (a * c + c) % m
        return total_a, total_c

    def _affine(self, x: NDArray[np.uint64], a: int, c: int) -> NDArray[np.uint64]:
        """Return (a x + c) mod m exactly; x, a and c are below m."""
        power_of_two = self.m & (self.m - 1) == 0
        if self.m > 2**32 and not power_of_two:
            # a x overflows 64 bits: Python's integers are exact, at some 100 ns a value.
            return ((x.astype(object) * a + c) % self.m).astype(np.uint64)
        y = x * np.uint64(a)
        y += np.uint64(c)
        if power_of_two:  # uint64 wraps modulo 2**64, of which m is a divisor
            y &= np.uint64(self.m - 1)
        else:
            y %= np.uint64(self.m)
        return y

    def _seeds(self, values: ArrayLike) -> NDArray[np.uint64]:
        seeds = self._states(values)
        if seeds.ndim != 1:
            raise PslError(f"Seeds have shape {seeds.shape}; give a one-dimensional array.")
        return seeds

    def _states(self, values: ArrayLike) -> NDArray[np.uint64]:
        states = integers(values, "States")
        if states.size and (int(states.min()) < 0 or int(states.max()) >= self.m):
            bad = int(states.min()) if int(states.min()) < 0 else int(states.max())
            raise PslError(
                f"{bad} is not a state of the LCG with m = {self.m}; give integers in [0, m)."
            )
        return states.astype(np.uint64, copy=False)


THESIS: Final = MappingProxyType(
    {
        "lcg-5101": Lcg(a=1733, c=1627, m=5101),
        "lcg-29282": Lcg(a=1255, c=6173, m=29282),
        "lcg-524287": Lcg(a=283471, c=35899, m=524287),
    }
)
"""The generators of L. Monchieri, "Image embedding in pseudorandom latent space" (2024)."""


GENERATORS: Final = MappingProxyType(
    dict(THESIS) | {"lcg-8191": Lcg(a=1716, c=1, m=8191)},
)
"""Those of the thesis, and one that fills 13 bits, of which m = 5101 leaves 3,091 values unused.

Its multiplier is from P. L'Ecuyer, "Tables of linear congruential generators of different sizes and
good lattice structure" (1999); a primitive root, so that there is one orbit and a fixed point.
"""


def named(name: str) -> Lcg:
    """Return the generator of that name in `GENERATORS`.

    Raises:
        PslError: there is none; the message lists the names there are.
    """
    if name not in GENERATORS:
        raise PslError(f"There is no LCG named {name!r}; choose from {', '.join(GENERATORS)}.")
    return GENERATORS[name]
