"""Trellis: a path of bits through the states of a shift register, each a value drawn by an LCG.

The payload is a ring of bits. Going around it, the last L bits are the state; the state and the
component's place give a value that an LCG draws (`_trellis_values`), and the component is that
value times a gain. How many bits go in between one component and the next is its rate: reverse
water-filling over the variances, any fraction of a bit (`_trellis_layout`). The encoder finds the
best ring by the Viterbi algorithm (`_trellis_kernel`).

Sources: trellis source coding, A. Viterbi & J. Omura (1974); values from a linear congruence,
T. Eriksson, J. Anderson et al. (2007); random permutations, M. Mao & R. Gray (2010).

A prefix of a payload means nothing: every bit is needed. For the smallest payloads, and where a
file may be cut, `composition` is the better code.

Decoding is exact: integers from tables of integers, times a quotient's square root: IEEE
operations, the same on every machine.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent._checks import checked_latents, checked_symbols
from pseudocodec.latent._normal import GRID
from pseudocodec.latent._trellis_layout import Layout, layout
from pseudocodec.latent._trellis_values import values
from pseudocodec.latent.base import Payload, ScheduledCode
from pseudocodec.latent.schedule import UNIT, Schedule
from pseudocodec.prng import Lcg

STATE_BITS = range(8, 17)
MAX_MODULUS = 1 << 32
MAX_BITS = 1 << 14  # of one ring: 64 MiB of decisions a thread at L = 16
WHOLE = 16  # bits of a ring that is its own state: all such rings are tried
CANDIDATES = (1, 2, 6, 24, 32, 48, 64, 128, 256, 512)  # states tried at the seam, by effort


class Trellis(ScheduledCode):
    """The trellis code over `lcg` with the given schedule and 2^state_bits states.

    Latents have unit variance in each component. Encoding takes time in proportion to 2^state_bits;
    a longer state comes closer to Shannon's bound. Raises PslError for state bits outside 8..16, a
    modulus below 2^16 or above 2^32, and a schedule of more than 16384 bits.
    """

    kind = "trellis"

    def __init__(self, lcg: Lcg, schedule: Schedule, *, state_bits: int = 12) -> None:
        """Check the parameters: they come from model files."""
        if type(state_bits) is not int or state_bits not in STATE_BITS:
            raise PslError(f"trellis: state_bits={state_bits!r}, expected an int from 8 to 16")
        if not 1 << WHOLE <= lcg.m <= MAX_MODULUS:
            raise PslError(
                f"trellis: modulus m={lcg.m}, expected one from {1 << WHOLE} (a seed for each "
                f"state) to {MAX_MODULUS}"
            )
        if schedule.max_bits > MAX_BITS:
            raise PslError(
                f"trellis: {schedule.max_bits} bits are more than the {MAX_BITS} of one block; "
                "split the latent vector"
            )
        self.lcg, self.schedule, self.state_bits = lcg, schedule, state_bits
        self.dims, self.max_bits = schedule.dims, schedule.max_bits

    def layout(self, bits: int) -> Layout:
        """How a payload of `bits` bits, at most max_bits, is spent."""
        return layout(self.schedule, bits)

    def state_bits_of(self, bits: int) -> int:
        """L for a ring of `bits` bits: smaller where the ring is hardly longer than a state.

        There the seam is hard to close, and at equal time more candidates gain more than a longer
        state (measured in blocks of 48 and 100 values, rings of 14 to 100 bits).
        """
        return bits if bits <= WHOLE else min(self.state_bits, 8 + bits // 9)

    def usable_bits(self, bits: int, *, partial: bool = False) -> int:
        """`bits` up to max_bits; 0 with `partial`, or when no component is above water."""
        usable = min(bits, self.max_bits)
        return usable if not partial and len(self.layout(usable).active) else 0

    def encode(self, latents: NDArray[np.float32], bits: int, effort: int = 3) -> NDArray[np.int64]:
        """Latents (n, dims) -> symbols (n, usable bits), the bits of the ring.

        `effort` sets how many states are tried at the seam, CANDIDATES; of rings of up to WHOLE
        bits, all are tried. The result depends neither on the number of threads nor on the other
        latents of the call.

        Raises PslError for a wrong shape, for an effort outside 0..9, and for latents that are not
        finite or beyond 1e6.
        """
        from pseudocodec.latent import _trellis_kernel as kernel  # numba: for encoders only

        checked = checked_latents(latents, self.dims, effort)
        ring = self.layout(self.usable_bits(bits))
        if not len(ring.active):
            return np.zeros((len(checked), 0), np.int64)
        deviations = np.sqrt(self.schedule.variances[ring.active] / UNIT)
        targets = np.ascontiguousarray(checked[:, ring.active] * deviations.astype(np.float32))
        gains = (ring.gains * deviations).astype(np.float32)
        length = self.state_bits_of(ring.bits)
        table = _as_floats(self.lcg, length)
        if length == ring.bits:
            rings = kernel.search_all(table, ring.ends, targets, gains, ring.bits)
        else:
            first = np.searchsorted(ring.ends, np.arange(ring.bits + 1), side="right")
            rings = kernel.search(table, first, targets, gains, CANDIDATES[effort])
        out: NDArray[np.int64] = rings.astype(np.int64)
        return out

    def decode(self, symbols: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
        """Symbols (n, usable bits) -> latents (n, dims)."""
        ring = self.layout(self.usable_bits(bits))
        path = self._checked_path(symbols, ring.bits)
        out = np.zeros((len(path), self.dims), np.float32)
        if len(ring.active):
            length = self.state_bits_of(ring.bits)
            states = np.zeros((len(path), len(ring.active)), np.int64)
            for age in range(length):  # the newest bit is the highest
                states |= path[:, (ring.ends - 1 - age) % ring.bits] << (length - 1 - age)
            table = values(self.lcg, length)
            drawn = table[np.arange(len(ring.active)) % len(table), states]
            out[:, ring.active] = drawn / float(GRID) * ring.gains
        return out

    def pack(self, symbols: NDArray[np.int64], bits: int) -> list[Payload]:
        """Symbols (n, usable bits) -> payloads of exactly `bits` bits, zero padded."""
        path = self._checked_path(symbols, self.usable_bits(bits))
        padded = np.zeros((len(path), bits), np.uint8)
        padded[:, : path.shape[1]] = path
        return [(row.tobytes(), bits) for row in np.packbits(padded, axis=1)]

    def unpack(self, payload: bytes, bits: int, *, partial: bool = False) -> NDArray[np.int64]:
        """One payload -> symbols (usable bits,); with `partial`, none: a prefix says nothing."""
        if not partial and bits > self.max_bits:
            raise Corrupt(
                f"payload: {bits} bits, this model describes at most {self.max_bits}; "
                "the file is damaged"
            )
        usable = self.usable_bits(bits, partial=partial)
        ring = np.unpackbits(np.frombuffer(payload, np.uint8))
        if len(payload) != -(-bits // 8) or (not partial and ring[usable:].any()):
            raise Corrupt(
                f"payload of {bits} bits in {len(payload)} bytes does not hold a path of {usable} "
                "bits followed by zero padding; the file is damaged or belongs to another model"
            )
        return ring[:usable].astype(np.int64)

    def describe(self) -> dict[str, Any]:
        """Kind, LCG and state bits; the schedule travels as tensors."""
        lcg = [self.lcg.a, self.lcg.c, self.lcg.m]
        return {"kind": self.kind, "lcg": lcg, "state_bits": self.state_bits}

    def tables(self) -> dict[str, NDArray[np.int64]]:
        """The schedule: "variances" (d,) and "levels" (max_bits + 1,)."""
        return {"variances": self.schedule.variances, "levels": self.schedule.levels}

    def _checked_path(self, symbols: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        path = checked_symbols(symbols, count)
        if path.size and (path.min() < 0 or path.max() > 1):
            raise Corrupt(
                f"trellis: symbols from {path.min()} to {path.max()}, expected bits; "
                "the file is damaged or was not written by this code"
            )
        return path


@lru_cache(maxsize=8)
def _as_floats(lcg: Lcg, state_bits: int) -> NDArray[np.float32]:
    return values(lcg, state_bits).astype(np.float32) / np.float32(GRID)
