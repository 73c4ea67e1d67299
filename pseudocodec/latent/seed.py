"""The seed code: a latent vector as one LCG sequence, found again from a noisy copy of it.

A generator trained on sequences of an LCG has an inverse that maps an image to something near such
a sequence. Two ways lead from there to the seed, and the nearer sequence of theirs stays:

- The lattice of the LCG's sequences (`lattice.py`) uses all the values: it stands noise of some
  hundredths of the interval, whatever m, but answers wildly beyond its limit.
- The neighbourhood search of L. Monchieri, "Image embedding in pseudorandom latent space" (2024):
  the first value, denormalised, is the seed up to an error; every seed within +-epsilon is tried.
  As printed it has two slips, mended here: its range admits t = m, which is no state, and it never
  updates the smallest error, so the last candidate better than infinity would win.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import bits as bitstring
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent._checks import checked_latents, checked_symbols
from pseudocodec.latent.base import LatentCode, Payload
from pseudocodec.latent.lattice import LatticeDecoder
from pseudocodec.prng import Lcg

MAX_NEIGHBOURS = 1 << 50  # beyond this modulus float64 cannot tell neighbouring states apart
MAX_DIMS = 1 << 16
MAX_EPSILON = 1 << 24
CHUNK = 1 << 22  # values of candidate sequences held at a time: 32 MiB an array


class SeedCode(LatentCode):
    """One seed a latent vector of `dims` values in [-1, 1]; payload: `lcg.bits` bits.

    `epsilon` seeds on either side of the denormalised first value are tried beside the lattice's
    answer; none but that value itself where m exceeds 2^50. epsilon >= m tries all seeds: the best
    answer, at a cost that grows with m times dims.

    A symbol is the seed, its 64 bits read as an int64: seeds from 2^63 on are negative symbols.

    Raises PslError for dims or epsilon out of range.
    """

    kind = "seed"

    def __init__(self, lcg: Lcg, dims: int, epsilon: int = 50) -> None:
        """Check the parameters: they come from model files."""
        if not 1 <= dims <= MAX_DIMS:
            raise PslError(f"seed code: dims={dims}, expected 1 to {MAX_DIMS}")
        if not 0 <= epsilon <= MAX_EPSILON:
            raise PslError(f"seed code: epsilon={epsilon}, expected 0 to {MAX_EPSILON}")
        self.lcg, self.dims, self.epsilon = lcg, dims, epsilon
        self.max_bits = self.least_bits = lcg.bits

    def encode(self, latents: NDArray[np.float32], bits: int, effort: int = 3) -> NDArray[np.int64]:
        """Latents (n, dims) -> seeds (n, 1), the lower of two equally near ones.

        `effort` changes nothing: epsilon belongs to the model. The first call for an LCG and dims
        >= 2 reduces a lattice, up to half a second. Raises PslError when `bits` do not hold a seed,
        for a wrong shape and for latents that are not finite or beyond 1e6.
        """
        z = checked_latents(latents, self.dims, effort)
        self._require(bits, PslError)
        rows = max(1, CHUNK // ((2 * self._reach + 1) * self.dims))
        out = np.empty((len(z), 1), np.uint64)
        for start in range(0, len(z), rows):
            out[start : start + rows, 0] = self._nearest(z[start : start + rows])
        return out.view(np.int64)

    @property
    def _reach(self) -> int:
        """Seeds tried on either side of the first value."""
        return min(self.epsilon, self.lcg.m) if self.lcg.m <= MAX_NEIGHBOURS else 0

    def _nearest(self, z: NDArray[np.float32]) -> NDArray[np.uint64]:
        """The best seed (n,) of the lattice's and of the neighbourhood for each of z (n, dims)."""
        first = self.lcg.from_interval(z[:, 0])
        best = _decoder(self.lcg, self.dims).recover(z) if self.dims > 1 else first
        error = self._errors(z, best[:, None])[:, 0]
        low = -min(self._reach, int(first.max()))
        high = min(self._reach, self.lcg.m - 1 - int(first.min()))
        step = max(1, CHUNK // (len(z) * self.dims))
        for start in range(low, high + 1, step):
            offsets = np.arange(start, min(start + step, high + 1))
            seeds = first[:, None] + offsets.view(np.uint64)  # modulo 2^64, so below 0 is above m
            errors = self._errors(z, seeds)
            place = np.argmin(errors, axis=1)[:, None]  # the first of equals: the lower seed
            least = np.take_along_axis(errors, place, 1)[:, 0]
            nearest = np.take_along_axis(seeds, place, 1)[:, 0]
            better = (least < error) | ((least == error) & (nearest < best))
            best, error = np.where(better, nearest, best), np.where(better, least, error)
        return best

    def _errors(self, z: NDArray[np.float32], seeds: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Squared errors (n, k) of the sequences of seeds (n, k); infinite for no state."""
        states = np.minimum(seeds, np.uint64(self.lcg.m - 1))
        sequences = self.lcg.to_interval(self.lcg.sequence(states.ravel(), self.dims))
        sequences = sequences.reshape(*seeds.shape, self.dims)
        sequences -= z[:, None]
        errors = np.square(sequences, out=sequences).sum(axis=2)
        return np.where(seeds == states, errors, np.inf)

    def decode(self, symbols: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
        """Seeds (n, 1) -> their sequences (n, dims) in [-1, 1], exact everywhere."""
        self._require(bits, Corrupt)
        seeds = _seeds(symbols)
        if np.any(seeds > np.uint64(self.lcg.m - 1)):
            raise Corrupt(
                f"seed code: a seed in the payload is outside 0..{self.lcg.m - 1}; "
                "the file is damaged or was not written by this code"
            )
        return self.lcg.to_interval(self.lcg.sequence(seeds, self.dims)).astype(np.float32)

    def pack(self, symbols: NDArray[np.int64], bits: int) -> list[Payload]:
        """Seeds (n, 1) -> payloads of exactly `bits` bits, zero padded."""
        self._require(bits, PslError)
        spare = (0, bits - self.max_bits)
        return [bitstring.pack([(s, self.max_bits), spare]) for s in _seeds(symbols).tolist()]

    def unpack(self, payload: bytes, bits: int, *, partial: bool = False) -> NDArray[np.int64]:
        """One payload -> its seed (1,). A truncated seed is no seed, `partial` or not."""
        self._require(bits, Corrupt)
        if partial:
            value = bitstring.read_int(payload, 0, bits) >> (bits - self.max_bits)
            return np.array([value], np.uint64).view(np.int64)
        spare = bits - self.max_bits  # a single picture's payload is padded to whole bytes
        if spare > 7:
            raise Corrupt(
                f"payload: {bits} bits, a seed of this model has {self.max_bits}; "
                "the file is damaged"
            )
        seed, padding = bitstring.unpack(payload, bits, [self.max_bits, spare])
        if padding:
            raise Corrupt("payload: bits behind the seed are not zero; the file is damaged")
        return np.array([seed], np.uint64).view(np.int64)

    def _require(self, bits: int, error: type[PslError]) -> None:
        if bits < self.max_bits:
            raise error(f"payload: {bits} bits, a seed of this model needs {self.max_bits}")

    def usable_bits(self, bits: int, *, partial: bool = False) -> int:
        """The bits of one seed, or 0 where it does not fit."""
        return self.max_bits if bits >= self.max_bits else 0

    def level(self, bits: int) -> float:
        """0.0: a generator trained on sequences takes no level, every payload is as fine."""
        return 0.0

    def distortions(self, bits: int) -> NDArray[np.float32]:
        """That of an ideal code of as many bits: 2^(-2 bits / dims), in every component."""
        rho = 2.0 ** (-2 * self.usable_bits(bits) / self.dims)
        return np.full(self.dims, rho, np.float32)

    @property
    def variances(self) -> NDArray[np.float32]:
        """Ones: the values of a sequence are alike."""
        return np.ones(self.dims, np.float32)

    def describe(self) -> dict[str, Any]:
        """Kind, LCG, dims and epsilon."""
        lcg = [self.lcg.a, self.lcg.c, self.lcg.m]
        return {"kind": self.kind, "lcg": lcg, "dims": self.dims, "epsilon": self.epsilon}

    def tables(self) -> dict[str, NDArray[np.int64]]:
        """None: {}."""
        return {}


@lru_cache(maxsize=16)
def _decoder(lcg: Lcg, dims: int) -> LatticeDecoder:
    return LatticeDecoder(lcg, dims)


def _seeds(symbols: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Symbols (n, 1) -> seeds (n,), as large as their 64 bits make them."""
    return checked_symbols(symbols, 1)[:, 0].view(np.uint64)
