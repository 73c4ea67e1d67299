"""Composition: a latent vector as a signed sum of LCG sequences, z = +-S_1 LCG(s_1) +- ...

Greedy residual coding over the windows of an LCG (the thesis' composition) with a fixed weight
schedule a stage instead of coded weights, as in sparse regression codes (SPARC; Venkataramanan,
Joseph & Tatikonda 2014): the best of a million directions has a nearly fixed cosine, so a fixed
weight loses about 0.2 bit a stage where a float costs 32. A sign doubles the dictionary. The scale
of component i in the stage that spends bits a..b is sqrt(min(l_i, t_a) - min(l_i, t_b)): the
innovation of reverse water-filling (`Schedule`), so every prefix of the atoms decodes.

Bits: an atom is a sign and a seed, 1 + ceil(log2 m) bits, each stage's atoms in turn. Bits left
over at the end hold a short atom, whose seed is among the first 2^(bits - 1), if there are at least
SHORTEST of them; else they are zero.

With `weight_bits` = w > 0 each atom also carries a weight index q: its scale is multiplied by
(2q + 1) / 2^w, a factor in (0, 2), chosen by joint least squares over all atoms (orthogonal matching
pursuit). Measured, the fixed schedule is the better use of the bits; it is the default.

Decoding is exact: scales are integers, sequences are integers, and their sum is below 2^53.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt, PslError
from pseudocodec.latent.base import LatentCode, Payload
from pseudocodec.latent.schedule import Schedule
from pseudocodec.prng import Lcg

SHORTEST = 4  # bits of a short atom: a sign and one of eight seeds
MAX_MODULUS = 1 << 24  # keeps the sum of all atoms below 2^53, and the orbit in memory
MAX_ATOMS = 64
SCALE_BITS = 22  # precision of the integer scales, beyond the bits of the modulus
SWEEPS = (0, 1, 1, 2, 2, 3, 3, 4, 6, 8)  # by effort: times every atom is chosen again


@dataclass(frozen=True, eq=False)
class Stage:
    """One atom of the schedule: where it starts, its bits and its integer scales."""

    start: int
    width: int
    seed_limit: int
    scales: NDArray[np.int64]  # (d,), in units of 2^-Composition.shift a unit of the LCG

    @property
    def active(self) -> int:
        """Components the stage touches: scales behind it are zero."""
        return int(np.flatnonzero(self.scales)[-1]) + 1 if self.scales.any() else 1


class Composition(LatentCode):
    """The composition code over `lcg` with the given schedule.

    Latents have unit variance in each component. Raises PslError for a modulus above 2^24, more
    than 64 atoms or more than 8 weight bits.
    """

    kind = "composition"

    def __init__(self, lcg: Lcg, schedule: Schedule, *, weight_bits: int = 0) -> None:
        if lcg.m > MAX_MODULUS:
            raise PslError(f"composition: modulus m={lcg.m} is above {MAX_MODULUS}; use a smaller one")
        if not 0 <= weight_bits <= 8:
            raise PslError(f"composition: weight_bits={weight_bits}, expected 0 (fixed) to 8")
        self.lcg, self.schedule, self.weight_bits = lcg, schedule, weight_bits
        self.seed_bits = lcg.bits
        self.atom_bits = 1 + lcg.bits + weight_bits
        self.dims, self.max_bits = schedule.dims, schedule.max_bits
        if self.max_bits > MAX_ATOMS * self.atom_bits:
            raise PslError(
                f"composition: {self.max_bits} bits are more than {MAX_ATOMS} atoms of "
                f"{self.atom_bits}; shorten the schedule"
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

    def level(self, bits: int) -> float:
        """log2 of the water level after the atoms that fit in `bits`."""
        return self.schedule.level(self.usable_bits(bits))

    def stages(self, bits: int) -> list[Stage]:
        """The stages of a payload of `bits` bits."""
        out, start = [], 0
        for width in self.widths(bits):
            out.append(self._stage(start, width))
            start += width
        return out

    def _stage(self, start: int, width: int) -> Stage:
        key = (start, width)
        if key not in self._stages:
            deviation = np.sqrt(self.schedule.innovation(start, start + width))
            # A unit-variance value is (2 x - (m - 1)) sqrt(3 / (m^2 - 1)). Every operation here is
            # correctly rounded IEEE arithmetic, so the integers agree everywhere.
            unit = np.sqrt(3.0 / float(self.lcg.m**2 - 1)) * float(1 << self.shift)
            scales = np.rint(deviation * unit).astype(np.int64)
            seed_bits = width - 1 - self.weight_bits
            limit = self.lcg.m if seed_bits == self.seed_bits else min(self.lcg.m, 1 << seed_bits)
            self._stages[key] = Stage(start, width, limit, scales)
        return self._stages[key]

    # -- latents and symbols --------------------------------------------------------------------

    def encode(
        self, latents: NDArray[np.float32], bits: int, effort: int = 3
    ) -> NDArray[np.int64]:
        """Latents (n, dims) -> symbols (n, atoms): (seed << 1 | negative) << weight_bits | weight.

        The order of the components is the schedule's; `effort` 0 is the greedy choice, more effort
        chooses every atom again with the others fixed, up to SWEEPS times.
        """
        from pseudocodec.latent._compose import compose

        latents = np.asarray(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.dims:
            raise PslError(f"latents: shape {latents.shape}, expected (n, {self.dims})")
        if not np.isfinite(latents).all():
            raise PslError("latents: NaN or infinite values cannot be coded")
        if not 0 <= effort < len(SWEEPS):
            raise PslError(f"effort={effort}: expected 0 to {len(SWEEPS) - 1}")
        return compose(self, latents, bits, SWEEPS[effort])

    def decode(self, symbols: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
        """Symbols (n, atoms) -> latents (n, dims); exact integer sums, then one division."""
        stages = self.stages(bits)
        symbols = np.asarray(symbols, np.int64)
        if symbols.ndim != 2 or symbols.shape[1] != len(stages):
            raise Corrupt(f"symbols: shape {symbols.shape}, expected (n, {len(stages)})")
        total = np.zeros((len(symbols), self.dims), np.int64)
        for stage, column in zip(stages, symbols.T, strict=True):
            sign, seeds, weights = self._split(stage, column)
            d = stage.active
            centred = 2 * self.lcg.sequence(seeds, d).astype(np.int64) - (self.lcg.m - 1)
            total[:, :d] += (sign * weights)[:, None] * stage.scales[:d] * centred
        deviations = np.sqrt(self.schedule.variances / (1 << 30))
        return (total / float(1 << (self.shift + self.weight_bits)) / deviations).astype(np.float32)

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
        weights = 2 * index + 1 if self.weight_bits else np.ones_like(index)
        return 1 - 2 * (head & 1), seeds, weights

    # -- symbols and bits -----------------------------------------------------------------------

    def pack(self, symbols: NDArray[np.int64], bits: int) -> list[Payload]:
        """Symbols (n, atoms) -> payloads of exactly `bits` bits, zero padded."""
        widths = self.widths(bits)
        spare = bits - sum(widths)
        align = -bits % 8
        out = []
        for row in symbols.tolist():
            value = 0
            for symbol, width in zip(row, widths, strict=True):
                value = value << width | symbol
            out.append(((value << (spare + align)).to_bytes((bits + align) // 8, "big"), bits))
        return out

    def unpack(self, payload: bytes, bits: int, *, partial: bool = False) -> NDArray[np.int64]:
        """One payload -> symbols (atoms,); with `partial`, the whole atoms at its start."""
        if bits > self.max_bits and not partial:
            raise Corrupt(
                f"payload: {bits} bits, this model describes at most {self.max_bits}; "
                "the file is damaged"
            )
        usable = self.usable_bits(bits, partial=partial)
        value = int.from_bytes(payload, "big") >> (8 * len(payload) - bits)
        if not partial and value & ((1 << (bits - usable)) - 1):
            raise Corrupt("payload: bits behind the last atom are not zero; the file is damaged")
        value >>= bits - usable
        symbols = []
        for width in reversed(self.widths(usable)):
            symbols.append(value & ((1 << width) - 1))
            value >>= width
        return np.array(symbols[::-1], np.int64)

    def describe(self) -> dict[str, Any]:
        """Kind, LCG and weight bits; the schedule travels as tensors."""
        lcg = [self.lcg.a, self.lcg.c, self.lcg.m]
        return {"kind": self.kind, "lcg": lcg, "weight_bits": self.weight_bits}
