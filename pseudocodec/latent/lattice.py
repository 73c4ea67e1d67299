"""The seed of a noisy LCG sequence, from the lattice its sequences form.

The states of seed s are y_i = a^i s + c_i (mod m), c_i the sequence of seed 0. So y - c is a point
of the lattice spanned by (1, a, a^2 .. a^(d-1)) and the vectors m e_i, of determinant m^(d-1),
whose first coordinate mod m is s. Finding the seed of y + noise is finding the lattice point
nearest to y + noise - c: Babai's nearest plane on an LLL-reduced basis does so, d multiplications
of d numbers a sequence, whatever m. The neighbourhood search of the seed code, in contrast, needs a
first value within epsilon states of the right one: noise of epsilon / m.

How much noise. Babai's answer is right exactly if the noise, along each Gram-Schmidt vector b*_i,
is shorter than |b*_i| / 2: always, if it is shorter than half the shortest of them. Gaussian noise
of standard deviation sigma states has independent parts along them, so the share recovered is known
in advance (`LatticeDecoder.share`):

    product over i of erf(|b*_i| / (2 sqrt(2) sigma))

The best search of d dimensions fails at about the noise whose typical length, sigma sqrt(d), is the
radius of a ball of a cell's volume: sigma = m^((d-1)/d) / sqrt(2 pi e). More dimensions help as
long as LLL finds a good basis: the last |b*_i| shrinks by about 1.02^d. The decoder takes the
d <= 32 that stands the most noise.

Measured by benchmarks/seed_recovery.py, in units of the interval [-1, 1]: the standard deviation at
which 99 % are recovered from 8 and from 32 values (more change nothing), the ball's for 32, and the
one at which the neighbourhood search with epsilon = 50 finds 99 %:

    m           8        32       ball    neighbourhood    time a sequence, 32 values
    5101        .095     .176     .371    7.7e-3           5 us
    524287      .057     .140     .321    7.5e-5           5 us
    2^31        .0167    .106     .247    1.8e-8           6 us
    2^48        .0047    .074     .171    1.4e-13          6 us
    2^64        .0012    .051     .121    none             6 us

Sources: A. K. Lenstra, H. W. Lenstra, L. Lovasz, "Factoring polynomials with rational
coefficients" (1982); L. Babai, "On Lovasz' lattice reduction and the nearest lattice point problem"
(1986); A. M. Frieze et al., "Reconstructing truncated integer variables satisfying linear
congruences" (1988), for LCGs.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import PslError
from pseudocodec.latent._lll import Reduction
from pseudocodec.prng import Lcg

MAX_DIMS: Final = 32
"""Values used of a sequence; 36 stand 12 % more noise at m = 2^64, none more at 2^31, and take
almost twice as long to reduce."""
CHUNK: Final = 1 << 14
"""Sequences decoded at a time: at most 4 MiB an array of floats."""
SHARE: Final = 0.99
"""The share of seeds recovered at `noise_limit`."""

_to_ints = np.frompyfunc(int, 1, 1)  # exact beyond 64 bits, where astype(int64) overflows


class Planes(NamedTuple):
    """A reduced basis b_0 .. b_(d-1) as the nearest-plane algorithm needs it.

    Attributes:
        first: first coordinates of the basis vectors, d Python ints in an object array.
        mu: float64 (d, d), unit lower triangular: b_i = sum_j mu_ij b*_j.
        dual: float64 (d, d), row i is b*_i / |b*_i|^2.
        norms: float64 (d,), the lengths |b*_i|, in states.
    """

    first: NDArray[np.object_]
    mu: NDArray[np.float64]
    dual: NDArray[np.float64]
    norms: NDArray[np.float64]


class LatticeDecoder:
    """Recovers the seeds of noisy sequences of `length` >= 2 values; any LCG, m up to 2^64.

    Making the first decoder for an LCG and a length reduces lattices of 2 to 32 dimensions (0.1 s
    at m = 2^31, 0.5 s at 2^64); the result is kept.

    Multipliers that have no inverse or are tiny are taken too: their lattices are thinner, which
    `noise_limit` shows. Below 2^-48 it means little, since float64 rounds the latents, and
    the computation adds errors of that order; an LCG with a = 1 and m = 2^64 is such a case.

    Attributes:
        dims: values of a sequence that are used, from the first on.
        noise_limit: standard deviation of Gaussian noise, in units of the interval [-1, 1], at
            which 99 % of the seeds are recovered.
        radius: Euclidean length, over the first `dims` values, below which noise of any kind
            leaves the seed recoverable with certainty; same units.

    Raises:
        PslError: length is not an int of at least 2.
    """

    def __init__(self, lcg: Lcg, length: int) -> None:
        """Reduce the lattice, or take it from the cache."""
        if type(length) is not int or length < 2:
            raise PslError(
                f"length={length!r}: a seed is recovered from 2 values or more; give an int >= 2"
            )
        self.lcg, self.length = lcg, length
        self._planes = _best_planes(lcg.a, lcg.m, min(length, MAX_DIMS))
        self._offsets = lcg.sequence([0], self.dims)[0].astype(np.float64)
        self._state = 2 / (lcg.m - 1)  # the distance of neighbouring states in [-1, 1]
        self.radius = float(self._planes.norms.min()) / 2 * self._state
        self.noise_limit = _limit(self._planes.norms) * self._state

    @property
    def dims(self) -> int:
        """Values of a sequence that are used, from the first on."""
        return len(self._planes.norms)

    def share(self, noise: float) -> float:
        """The share of seeds recovered from Gaussian noise of standard deviation `noise`.

        Raises PslError for noise that is not above 0.
        """
        if not noise > 0:
            raise PslError(f"noise={noise}: expected a standard deviation above 0")
        return _share(self._planes.norms, noise / self._state)

    def recover(self, latents: ArrayLike) -> NDArray[np.uint64]:
        """Latents (n, length) in [-1, 1] with noise -> the seed (n,) of the nearest plane each.

        Values outside [-1, 1] count as the nearer end. Beyond the limit the seed is one whose
        sequence need not be near at all: compare its error with that of other candidates.
        Each sequence is decoded by the same operations in the same order, alone or in a batch.

        Raises PslError for another shape, for no real numbers and for NaN or infinity.
        """
        z = _checked(latents, self.length)[:, : self.dims]
        chunks = [self._nearest(z[i : i + CHUNK]) for i in range(0, len(z), CHUNK)]
        return np.concatenate(chunks) if chunks else np.empty(0, np.uint64)

    def _nearest(self, z: NDArray[np.float64]) -> NDArray[np.uint64]:
        """Babai's nearest plane, in floats, whose rounded coefficients give the seed in integers.

        The errors of the floats are those of a noise of about 2^-53 times a small factor.
        """
        first, mu, dual, _ = self._planes
        target = (np.clip(z, -1, 1) + 1) / 2 * (self.lcg.m - 1) - self._offsets
        along = np.zeros_like(target)  # coordinates along b*_i, in units of |b*_i|
        for j, column in enumerate(dual.T):  # not a matmul: its sums depend on the batch
            along += target[:, j, None] * column
        for i in range(self.dims - 1, 0, -1):
            along[:, :i] -= np.rint(along[:, i, None]) * mu[i, :i]
        seeds: NDArray[np.object_] = _to_ints(np.rint(along)) @ first % self.lcg.m
        return seeds.astype(np.uint64)


def _checked(latents: ArrayLike, length: int) -> NDArray[np.float64]:
    array = np.asarray(latents)
    if array.dtype.kind not in "fiu":
        raise PslError(f"latents: dtype {array.dtype}, expected real numbers")
    if array.ndim != 2 or array.shape[1] != length:
        raise PslError(f"latents: shape {array.shape}, expected (n, {length})")
    if not np.isfinite(array).all():
        raise PslError("latents: a value is NaN or infinite; give finite latents in [-1, 1]")
    return array.astype(np.float64)


@lru_cache(maxsize=64)
def _best_planes(a: int, m: int, dims: int) -> Planes:
    """The planes, of 2 to `dims` dimensions, that stand the most noise.

    A reduced basis of d dimensions, each vector continued by a times its last coordinate, and
    m e_d make a basis of d + 1 dimensions: nearly reduced, so cheaper to reduce than a fresh one,
    and with a better outcome.
    """
    best, most = None, -1.0
    rows: list[list[int]] = [[1]]
    for d in range(1, dims):
        reduction = Reduction([[*row, _centred(a * row[-1], m)] for row in rows] + [[0] * d + [m]])
        rows = reduction.rows
        limit = _limit(_norms(reduction))
        if limit > most:
            best, most = reduction, limit
    assert best is not None  # dims >= 2
    return _planes(best)


def _centred(x: int, m: int) -> int:
    """The residue of x mod m in (-m/2, m/2]."""
    return x % m - m if 2 * (x % m) > m else x % m


def _norms(reduction: Reduction) -> NDArray[np.float64]:
    gram = reduction.gram
    return np.sqrt([after / before for before, after in pairwise(gram)])


def _planes(reduction: Reduction) -> Planes:
    """Gram-Schmidt in floats, from exact coefficients: stable, because the basis is reduced."""
    n = len(reduction.rows)
    mu, stars = np.eye(n), np.array(reduction.rows, np.float64)
    for i in range(n):
        mu[i, :i] = [x / y for x, y in zip(reduction.lam[i][:i], reduction.gram[1:], strict=False)]
        stars[i] -= mu[i, :i] @ stars[:i]
    norms = _norms(reduction)
    first = np.array([row[0] for row in reduction.rows], object)
    return Planes(first, mu, stars / norms[:, None] ** 2, norms)


def _share(norms: NDArray[np.float64], deviation: float) -> float:
    """The share recovered with Gram-Schmidt vectors of these lengths; all in states."""
    return math.prod(math.erf(norm / (deviation * math.sqrt(8))) for norm in norms)


def _limit(norms: NDArray[np.float64]) -> float:
    """The standard deviation, in states, at which the share recovered is SHARE; by bisection."""
    low, high = 0.0, float(norms.min()) / 2  # at which one factor alone is erf(sqrt(1/2)) = .68
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if _share(norms, middle) > SHARE else (low, middle)
    return low
