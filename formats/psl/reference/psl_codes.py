"""What psl_reader leaves out: the codes of other models, transparency and colour profiles.

Written from the specification (../README.md) like psl_reader, and for the same purpose; slow.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from functools import cache
from itertools import accumulate, pairwise

import numpy as np
from psl_reader import (
    Corrupt,
    Psl,
    Record,
    Size,
    Tables,
    TooLarge,
    UnsupportedVersion,
    integer,
    need,
    padded,
    sequence,
)

TOTAL = 1 << 24


def latents(code: Tables, tables: Tables, file: Psl, record: Record) -> np.ndarray:
    """The latents of a picture, float32; those of a photograph tile by tile, flat."""
    need(file.verified, "M7")
    if code["kind"] in ("hyperprior", "overfit"):
        import psl_photo  # which needs this file

        need(file.dense and record.size and record.nbits % 8 == 0, "M43")
        return psl_photo.latents(tables, record)
    kinds = {"scalar": scalar, "seed": seed, "trellis": trellis}
    need(code["kind"] in kinds, f"latent code {code['kind']!r}", UnsupportedVersion)
    need(b"Alph" not in file.chunks, "M50")
    return kinds[code["kind"]](code, tables, record)


# -- transparency and profiles --------------------------------------------------------------------


def inflate(data: bytes, limit: int) -> bytes:
    """The zlib stream that is all of `data`: of more than `limit` bytes, `limit` + 1."""
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise Corrupt("M37, M41") from error
    need(len(out) > limit or (stream.eof and not stream.unused_data), "M37, M41")
    return out


def alpha(data: bytes, size: Size) -> np.ndarray:
    """The plane (height, width) of an `Alph` chunk."""
    need(data, "M37")
    kind, body, count = data[0], data[1:], size[0] * size[1]
    need(kind <= 2, "M36", UnsupportedVersion)
    values = inflate(body, count) if kind else body * count
    need(len(values) == count, "M37")
    plane = np.frombuffer(values, np.uint8).reshape(size[::-1])
    return plane if kind < 2 else plane.cumsum(1, np.uint8).cumsum(0, np.uint8)


def profile(data: bytes) -> bytes:
    """The ICC profile of an `iccp` chunk."""
    out = inflate(data, 1 << 22)
    need(len(out) <= 1 << 22, "M40", TooLarge)
    need(out, "M41")
    return out


# -- seed -----------------------------------------------------------------------------------------


def seed(code: Tables, _: Tables, record: Record) -> np.ndarray:
    """Latents (d,) of a payload."""
    m = code["lcg"][2]
    e = (m - 1).bit_length()
    need(e <= record.nbits <= e + 7 and padded(record.payload, e), "M33")
    first = integer(record.payload, 0, e)
    need(first < m, "M34")
    x = np.array(sequence(code["lcg"], first, code["dims"]), np.uint64)
    return (x.astype(np.float64) / (m - 1) * 2 - 1).astype(np.float32)


# -- the normal distribution, trellis -------------------------------------------------------------


@cache
def normal() -> tuple[np.ndarray, np.ndarray]:
    """The tables P and F, by 256-bit fixed-point arithmetic."""
    one, x, terms = 1 << 256, (1 << 256) // (2 * 4096**2), []
    ratio = term = one
    while term:  # exp(-h^2 / 2) by its series
        terms.append(term)
        term = term * x // len(terms) >> 256
        ratio += -term if len(terms) % 2 else term
    density, square = [one], ratio * ratio >> 256
    for _ in range(6 * 4096):
        density.append(density[-1] * ratio >> 256)
        ratio = ratio * square >> 256
    area = [0, *accumulate(a + b for a, b in pairwise(density))]
    return (
        np.array([(d << 62) // area[-1] for d in density], np.int64),
        np.array([(a << 61) // area[-1] for a in area], np.int64),
    )


def quantiles(length: int) -> np.ndarray:
    """Q[0 .. 2^length - 1]."""
    distribution = normal()[1]
    middles = (distribution[:-1] + distribution[1:]) // 2
    wanted = (2 * np.arange(1 << (length - 1)) + 1) << (61 - length)
    upper = np.searchsorted(middles, wanted)
    return np.concatenate([-upper[::-1], upper])


@cache
def values(a: int, c: int, m: int, length: int) -> np.ndarray:
    """The table V of states of `length` bits: (16, 2^length)."""
    states = np.arange(1 << length)
    newest = min(3, length)
    older = length - newest
    x, out = states.copy(), np.zeros((16, 1 << length), np.int64)
    for row in range(16):
        x = np.array([(a * int(value) + c) % m for value in x])
        mixed = (x + row * 0x9E3779B9) % 2**32
        for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
            mixed = ((mixed ^ (mixed >> shift)).astype(np.uint64) * np.uint64(factor)) % 2**32
            mixed = mixed.astype(np.int64)
        stratum = (states >> older) ^ (mixed[states % (1 << older)] >> (32 - newest))
        out[row, np.lexsort((states, mixed, stratum))] = quantiles(length)
    return out


def log2(v: int) -> int:
    """log2 in units of 1/65536."""
    out = v.bit_length() - 1
    mantissa = v << (31 - out)
    for _ in range(16):
        mantissa = mantissa * mantissa >> 31
        above = mantissa >> 32
        out, mantissa = 2 * out + above, mantissa >> above
    return out


def trellis(code: Tables, tables: Tables, record: Record) -> np.ndarray:
    """Latents (d,) of a payload."""
    variances, levels, n = tables["variances"], tables["levels"], record.nbits
    need(n < len(levels) and padded(record.payload, n), "M33")
    t = int(levels[n])
    active = [i for i, variance in enumerate(variances) if variance > t] if n else []
    shares = [*accumulate(log2(int(variances[i])) - log2(t) + 1 for i in active)]
    ring = [integer(record.payload, i, 1) for i in range(n)]
    length = n if n <= 16 else min(code["state_bits"], 8 + n // 9)
    out = np.zeros(len(variances), np.float32)
    for k, i in enumerate(active):
        end = -(-shares[k] * n // shares[-1])
        state = sum(ring[(end - 1 - age) % n] << (length - 1 - age) for age in range(length))
        gain = np.sqrt((variances[i] - t) / variances[i])
        out[i] = values(*code["lcg"], length)[k % 16, state] / 4096.0 * gain
    return out


# -- the range coder, scalar ----------------------------------------------------------------------


class Stream:
    """A stream of the range coder: `take` its symbols, then `finish`."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.bits = data, 8, 64
        self.low, self.range = 0, 2**64 - 1  # low in all its bits, not only the last 64
        self.offset = int.from_bytes(data[:8].ljust(8, b"\0"), "big")  # of the stream, from low

    def take(self, ends: list[int]) -> int:
        """The next symbol; `ends` are the sums of frequencies, 0 first."""
        q = self.range >> 24
        symbol = bisect_right(ends, self.offset // q) - 1
        need(symbol < len(ends) - 1, "M47")
        self.low += q * ends[symbol]
        self.offset -= q * ends[symbol]
        self.range = q * (ends[symbol + 1] - ends[symbol])
        if self.range < 1 << 32:
            word = int.from_bytes(self.data[self.at : self.at + 4].ljust(4, b"\0"), "big")
            self.offset = self.offset << 32 | word
            self.low, self.range = self.low << 32, self.range << 32
            self.at, self.bits = self.at + 4, self.bits + 32
        return symbol

    def finish(self) -> None:
        """Refuse a stream that is not the shortest fraction in low .. low + range."""
        if self.low == 0:
            return need(not self.data, "M47")
        last = self.low + self.range - 1
        spare = (self.low - 1 ^ last).bit_length() - 1
        nbits = self.bits - spare
        shortest = last >> spare << -nbits % 8
        return need(self.data == shortest.to_bytes(-(-nbits // 8), "big"), "M47")


def ends_of(frequencies: list[int]) -> list[int]:
    """0 and the running sums."""
    return [0, *accumulate(frequencies)]


def cells(step: float) -> tuple[list[int], np.ndarray]:
    """Sums of frequencies, and the mean, of each cell from -K to K."""
    density, distribution = normal()
    count = int(min(1024, max(1.0, np.ceil(6 / step - 0.5))))
    borders = np.minimum(np.rint((np.arange(count) + 0.5) * step * 4096), 24576).astype(int)
    edges = np.array([0, *borders, 24576])
    mass, drop = np.diff(distribution[edges]), -np.diff(density[edges])
    middles = np.minimum(np.arange(count + 1) * step, 6)
    means = np.where(mass > 0, drop * 4096.0 / np.maximum(mass, 1), middles)
    means[0], mass[0] = 0, 2 * mass[0]
    weights = [int(w) >> 21 for w in [*mass[:0:-1], *mass]]
    frequencies = [1 + w * (TOTAL - len(weights)) // sum(weights) for w in weights]
    frequencies[frequencies.index(max(frequencies))] += TOTAL - sum(frequencies)
    return ends_of(frequencies), np.concatenate([-means[:0:-1], means])


def scalar(_: Tables, tables: Tables, record: Record) -> np.ndarray:
    """Latents (d,) of a payload."""
    variances, levels, n = tables["variances"], tables["levels"], record.nbits
    need(n < len(levels) and padded(record.payload, n), "M33")
    out = np.zeros(len(variances), np.float32)
    if n:
        t = levels[n] / float(1 << 30)
        stream = Stream(record.payload.rstrip(b"\0"))
        for variance in np.unique(variances):
            ends, means = cells(float(np.sqrt(12 * t * (1 + 1.1 * t) / (variance / (1 << 30)))))
            for i in np.flatnonzero(variances == variance):
                out[i] = means[stream.take(ends)]
        stream.finish()
    return out
