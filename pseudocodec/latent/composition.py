"""Composition: a latent vector as a signed sum of LCG sequences, z = +-S_1 LCG(s_1) +- ...

Greedy residual coding over the windows of an LCG (the thesis' composition) with a fixed weight
schedule a stage instead of coded weights, as in sparse regression codes (SPARC; Venkataramanan,
Joseph & Tatikonda 2014): the best of a million directions has a nearly fixed cosine, so a fixed
weight loses about 0.2 bit a stage where a float costs 32. A sign doubles the dictionary. The scale
of component i in the stage that spends bits a..b is sqrt(min(l_i, t_a) - min(l_i, t_b)): the
innovation of reverse water-filling (`Schedule`), so every prefix of the atoms decodes.

With `shuffle` the values of the k-th atom's sequence go to the components in an order of its own
(`shuffle.shuffled`). Without, the second atom is the second best of the dictionary that gave the
first, and so on, so that n atoms of few bits a component waste almost the log2(n!) bits of their
order; with it each atom has a dictionary of its own, for nothing. Older models do not shuffle.

Long latents are coded as `blocks` = K interleaved sub-vectors of the same kind: atom k describes
the components i = k mod K alone, r = floor(k / K) times described before. In bits, it stands for
r K v .. (r + 1) K v of the schedule, v bits an atom: when a round is over, all components are at
the water level of the bits spent. Windows are shorter by K, and so is the time of the search.

Bits: an atom is a sign and a seed, 1 + ceil(log2 m) bits, each stage's atoms in turn. Bits left
over at the end hold a short atom, whose seed is among the first 2^(bits - 1), if there are at least
SHORTEST of them; else they are zero.

With `weight_bits` = w > 0 each atom also carries a weight index q: its scale is multiplied by
(q + 1) / 2^(w-1), a factor in (0, 2], chosen by joint least squares over all atoms (orthogonal
matching pursuit). Measured, the fixed schedule is the better use of the bits; it is the default.

Decoding is exact: scales and sequences are integers, their sum is below 2^63, and the rounding, two
divisions and a square root that follow are IEEE operations, the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import bits as bitstring
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent._checks import checked_latents, checked_symbols
from pseudocodec.latent.base import Payload, ScheduledCode
from pseudocodec.latent.schedule import UNIT, Schedule
from pseudocodec.latent.shuffle import shuffled
from pseudocodec.prng import Lcg

SHORTEST = 4  # bits of a short atom: a sign and one of eight seeds
MAX_MODULUS = 1 << 24  # keeps the orbit in memory
MAX_ATOMS = 64
SCALE_BITS = 22  # precision of the integer scales, beyond the bits of the modulus
BEAMS = (1, 1, 2, 2, 3, 4, 6, 8, 16, 24)  # hypotheses kept, by effort


@dataclass(frozen=True, eq=False)
class Stage:
    """One atom of the schedule: where it starts, its bits and its integer scales."""

    start: int
    width: int
    seed_limit: int
    scales: NDArray[np.int64]  # (k,), of the sequence's values, in 2^-Composition.shift of a unit
    order: NDArray[np.int64]  # (k,), the component of each value; the atom is 0 in all others


class Composition(ScheduledCode):
    """The composition code over `lcg` with the given schedule.

    Latents have unit variance in each component. Raises PslError for a modulus above 2^24, more
    than 64 atoms a block, more than 8 weight bits, and blocks that are not from 1 to the number of
    components or, if there are several, whose rounds of atoms do not divide the schedule's bits.
    """

    kind = "composition"
    quick = False

    def __init__(
        self,
        lcg: Lcg,
        schedule: Schedule,
        *,
        weight_bits: int = 0,
        shuffle: bool = False,
        blocks: int = 1,
    ) -> None:
        """Check the parameters: they come from model files."""
        if lcg.m > MAX_MODULUS:
            raise PslError(
                f"composition: modulus m={lcg.m} is above {MAX_MODULUS}; use a smaller one"
            )
        if not 0 <= weight_bits <= 8:
            raise PslError(f"composition: weight_bits={weight_bits}, expected 0 (fixed) to 8")
        self.lcg, self.schedule = lcg, schedule
        self.weight_bits, self.shuffle, self.blocks = weight_bits, shuffle, blocks
        self.seed_bits = lcg.bits
        self.atom_bits = 1 + lcg.bits + weight_bits
        self.dims, self.max_bits = schedule.dims, schedule.max_bits
        if not 1 <= blocks <= self.dims:
            raise PslError(f"composition: blocks={blocks}, expected 1 to dims={self.dims}")
        if self.max_bits > MAX_ATOMS * blocks * self.atom_bits:
            raise PslError(
                f"composition: {self.max_bits} bits are more than {MAX_ATOMS * blocks} atoms of "
                f"{self.atom_bits}; shorten the schedule"
            )
        if blocks > 1 and self.max_bits % (blocks * self.atom_bits):
            raise PslError(
                f"composition: {self.max_bits} bits are no whole rounds of {blocks} atoms of "
                f"{self.atom_bits}; give a schedule of a multiple of {blocks * self.atom_bits}"
            )
        self.shift = SCALE_BITS + lcg.bits
        self._stages: dict[tuple[int, int], Stage] = {}

    # -- layout of the bits ---------------------------------------------------------------------

    def widths(self, bits: int) -> list[int]:
        """Bits of each atom in a payload of `bits` bits."""
        full, rest = divmod(min(bits, self.max_bits), self.atom_bits)
        short = [rest] if rest >= SHORTEST + self.weight_bits else []
        return [self.atom_bits] * full + short

    def usable_bits(self, bits: int, *, partial: bool = False) -> int:
        """The bits of `bits` that carry atoms; with `partial`, whole atoms only."""
        if partial:
            return min(bits, self.max_bits) // self.atom_bits * self.atom_bits
        return sum(self.widths(bits))

    def stages(self, bits: int) -> list[Stage]:
        """Each atom of a payload of `bits` bits."""
        out, start = [], 0
        for width in self.widths(bits):
            out.append(self.stage(start, width))
            start += width
        return out

    def stage(self, start: int, width: int) -> Stage:
        """The atom in bits `start` to `start + width` of a payload."""
        key = (start, width)
        if key not in self._stages:
            atom = start // self.atom_bits
            low = atom // self.blocks * self.blocks * self.atom_bits
            deviation = np.sqrt(self.schedule.innovation(low, low + self.blocks * width))
            # A unit-variance value is (2 x - (m - 1)) sqrt(3 / (m^2 - 1)). Every operation here is
            # correctly rounded IEEE arithmetic, so the integers agree everywhere.
            unit = np.sqrt(3.0 / float(self.lcg.m**2 - 1)) * float(1 << self.shift)
            scales = np.rint(deviation * unit).astype(np.int64)
            seed_bits = width - 1 - self.weight_bits
            limit = self.lcg.m if seed_bits == self.seed_bits else min(self.lcg.m, 1 << seed_bits)
            order = self._order(scales, atom)
            self._stages[key] = Stage(start, width, limit, scales[order], order)
        return self._stages[key]

    def _order(self, scales: NDArray[np.int64], atom: int) -> NDArray[np.int64]:
        """The component of each value: the block's, except those behind its last scale not 0."""
        own = np.arange(atom % self.blocks, self.dims, self.blocks)
        active = own[: max(1, int(np.flatnonzero(np.append(True, scales[own]))[-1]))]
        return active[shuffled(len(active), atom)] if self.shuffle else active

    # -- latents and symbols --------------------------------------------------------------------

    def encode(self, latents: NDArray[np.float32], bits: int, effort: int = 3) -> NDArray[np.int64]:
        """Latents (n, dims) -> symbols (n, atoms): (seed << 1 | negative) << weight_bits | weight.

        The order of the components is the schedule's. `effort` sets the width of the beam, BEAMS:
        0 is the greedy choice. The result depends neither on the number of threads nor on the other
        latents of the call.

        Raises PslError for a wrong shape, for an effort outside 0..9, and for latents that are not
        finite or beyond 1e6.
        """
        from pseudocodec.latent._compose import compose  # numba: for encoders only

        return compose(self, checked_latents(latents, self.dims, effort), bits, BEAMS[effort])

    def decode(self, symbols: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
        """Symbols (n, atoms) -> latents (n, dims); exact integer sums, then one division."""
        stages = self.stages(bits)
        symbols = checked_symbols(symbols, len(stages))
        total = np.zeros((len(symbols), self.dims), np.int64)
        for stage, column in zip(stages, symbols.T, strict=True):
            sign, seeds, weights = self._split(stage, column)
            states = self.lcg.sequence(seeds, len(stage.order)).astype(np.int64)
            centred = 2 * states - (self.lcg.m - 1)
            total[:, stage.order] += (sign * weights)[:, None] * stage.scales * centred
        deviations = np.sqrt(self.schedule.variances / UNIT)
        return (
            total / float(1 << (self.shift + max(0, self.weight_bits - 1))) / deviations
        ).astype(np.float32)

    def _split(
        self, stage: Stage, column: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Signs, seeds and weight numerators of one atom; refuses seeds the LCG does not have."""
        index, head = column & ((1 << self.weight_bits) - 1), column >> self.weight_bits
        seeds = head >> 1
        if np.any((seeds < 0) | (seeds >= stage.seed_limit)):
            raise Corrupt(
                f"composition: a seed in the payload is outside 0..{stage.seed_limit - 1}; "
                "the file is damaged or was not written by this code"
            )
        weights = index + 1  # 1 where no weight is coded
        return 1 - 2 * (head & 1), seeds, weights

    # -- symbols and bits -----------------------------------------------------------------------

    def pack(self, symbols: NDArray[np.int64], bits: int) -> list[Payload]:
        """Symbols (n, atoms) -> payloads of exactly `bits` bits, zero padded."""
        widths = [*self.widths(bits), bits - self.usable_bits(bits)]
        rows = checked_symbols(symbols, len(widths) - 1).tolist()
        return [bitstring.pack(zip([*row, 0], widths, strict=True)) for row in rows]

    def unpack(self, payload: bytes, bits: int, *, partial: bool = False) -> NDArray[np.int64]:
        """One payload -> symbols (atoms,); with `partial`, the whole atoms at its start."""
        if partial:
            usable = self.usable_bits(bits, partial=True)
            whole = bitstring.extract(bitstring.extract(payload, 0, bits), 0, usable)
            return np.array(bitstring.unpack(whole, usable, self.widths(usable)), np.int64)
        if bits > self.max_bits:
            raise Corrupt(
                f"payload: {bits} bits, this model describes at most {self.max_bits}; "
                "the file is damaged"
            )
        spare = bits - self.usable_bits(bits)
        *symbols, padding = bitstring.unpack(payload, bits, [*self.widths(bits), spare])
        if padding:
            raise Corrupt("payload: bits behind the last atom are not zero; the file is damaged")
        return np.array(symbols, np.int64)

    def describe(self) -> dict[str, Any]:
        """Kind, LCG, weight bits; `shuffle` and `blocks` unless default. Tensors hold the rest."""
        lcg = [self.lcg.a, self.lcg.c, self.lcg.m]
        out = {"kind": self.kind, "lcg": lcg, "weight_bits": self.weight_bits}
        out |= {"shuffle": True} if self.shuffle else {}
        return out | ({"blocks": self.blocks} if self.blocks > 1 else {})

    def tables(self) -> dict[str, NDArray[np.int64]]:
        """The schedule: "variances" (d,) and "levels" (max_bits + 1,)."""
        return {"variances": self.schedule.variances, "levels": self.schedule.levels}
