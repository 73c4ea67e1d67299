"""Fitted nets and latents to pixels, written from the specification (../README.md) alone.

Latent by latent and slow; sums are of 64-bit integers, which M52 keeps below 2^53.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np
from psl_codes import TOTAL, Stream
from psl_reader import Tables, need

SHAPES = {
    "C1": (16, 16), "C2": (16, 16), "C3": (2, 32),
    "c1": (7, 16), "c2": (16,), "c3": (2,),
    "U": (6, 4),
    "S1": (32, 7), "S2": (3, 32), "S3": (3, 3, 3, 3), "S4": (3, 3, 3, 3),
    "s1": (32,), "s2": (3,), "s3": (3,), "s4": (3,),
}  # fmt: skip
GROUPS = ((0, 3), (3, 6), (6, 7), (7, 11), (11, 15))  # of the earlier form
ENDS = list(accumulate(int(np.prod(shape)) for shape in SHAPES.values()))
NEIGHBOURS = [(0, -1), (0, -2), (0, -3)]
NEIGHBOURS += [(-1, x) for x in range(-2, 3)] + [(-2, x) for x in range(-2, 3)]
Nets = dict[str, np.ndarray]


def check(tables: Tables) -> None:
    """Refuse a model whose sums could be inexact."""
    starts, powers, rates = (tables[name] for name in ("starts", "powers", "rates"))
    need(starts.shape == (len(starts), 1253) and len(starts) <= 4096, "M52")
    need(starts.min() > -(1 << 18) and starts.max() < 1 << 18, "M52")
    need(powers.shape == (256,) and (powers[1:] <= powers[:-1]).all() and powers[-1] > 0, "M52")
    need(powers[0] <= min(2 * powers[-1], 1 << 31), "M52")
    need(rates.shape == (96,) and rates.min() >= 1 and rates.max() < 1 << 25, "M52")


def tile(tables: Tables, data: bytes, size: tuple[int, int], level: int, grey: bool) -> np.ndarray:
    """Pixels (h, w, 1 or 3) of a tile of `size` (h, w)."""
    need(data, "M51")
    if data[0] < 128:
        need(data[0] < 32, "M51")
        changed = [group for i, group in enumerate(GROUPS) if data[0] >> i & 1]
        start = 1 + 2 * len(changed)
        shifts, scales = data[1:start:2], data[2:start:2]
        need(len(scales) == len(changed), "M51")
        need(max(shifts, default=0) <= 14 and max(scales, default=0) <= 95, "M51")
    else:
        bits = [*range(7), *range(8, 16)]
        tensors = int.from_bytes(data[:2], "little")
        changed = [(i, i + 1) for i, bit in enumerate(bits) if tensors >> bit & 1]
        start = 2 + len(changed)
        need(len(data) >= start, "M51")
        shifts = [byte // 16 for byte in data[2:start]]
        scales = [20 + 5 * (byte % 16) for byte in data[2:start]]
    stream = Stream(data[start:])
    parameters = tables["starts"][level].astype(np.int64)
    for (one, behind), shift, scale in zip(changed, shifts, scales, strict=True):
        first, last = ([0, *ENDS][i] for i in (one, behind))
        values = [symbol(stream, tables, 0, scale) for _ in range(first, last)]
        need(any(values), "M51")
        parameters[first:last] += np.array(values) << shift
    need(np.abs(parameters).max() < 1 << 18, "M52")
    parts = np.split(parameters, ENDS[:-1])
    nets = {k: part.reshape(SHAPES[k]) for k, part in zip(SHAPES, parts, strict=True)}
    planes: list[np.ndarray] = []
    for k in range(6, -1, -1):
        shape = -(-size[0] // 2**k), -(-size[1] // 2**k)
        planes.insert(0, plane(stream, tables, nets, k, shape, planes[0] if planes else None))
    stream.finish()
    return pixels(nets, planes, grey)


def symbol(stream: Stream, tables: Tables, mean: int, scale: int) -> int:
    """The next symbol: the last that begins at or before the stream's value, by halving."""
    powers, rate = tables["powers"], int(tables["rates"][scale])

    def below(v: int) -> int:
        if not -1023 < v < 1024:
            return 0 if v < 0 else TOTAL
        e = 64 * v - 32 - mean
        t = (abs(e) * rate + 2**15) >> 16
        p = int(powers[t % 256]) >> 8 + t // 256 if t < 6144 else 0
        return v + 1023 + ((p if e < 0 else TOTAL - p) * (TOTAL - 2047) >> 24)

    return stream.take(Shares(below)) - 1023


class Shares:
    """Where symbols begin, as the list that `Stream.take` looks in."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self.below = below

    def __len__(self) -> int:
        """2047 symbols and the end of the last."""
        return 2048

    def __getitem__(self, i: int) -> int:
        """The sum of the frequencies before symbol number i."""
        return self.below(i - 1023)


def q(x: np.ndarray) -> np.ndarray:
    """12 fractional bits fewer."""
    return x + 2**11 >> 12


def r(x: np.ndarray) -> np.ndarray:
    """The same, from 0 to 2^20."""
    return q(x).clip(0, 2**20)


def plane(  # noqa: PLR0917
    stream: Stream,
    tables: Tables,
    nets: Nets,
    k: int,
    shape: tuple[int, int],
    coarser: np.ndarray | None,
) -> np.ndarray:
    """The latents of level k."""
    height, width = shape
    own = np.zeros((height + 2, width + 6), np.int64)  # two rows above, three columns beside
    b = np.zeros((height + 1, width + 1), np.int64)
    if coarser is not None:
        y, x = (np.arange(n + 1) for n in shape)
        (p, v), (s, t) = (
            (np.minimum(n // 2, most - 1), (n // 2 + 2 * (n % 2) - 1).clip(0, most - 1))
            for n, most in ((y, coarser.shape[0]), (x, coarser.shape[1]))
        )
        rows = 3 * coarser[p] + coarser[v]
        b = 16 * (3 * rows[:, s] + rows[:, t])
    for y in range(height):
        for x in range(width):
            seen = [256 * own[y + 2 + i, x + 3 + j] for i, j in NEIGHBOURS]
            c = np.array([*seen, b[y, x], b[y, x + 1], b[y + 1, x]])
            a = r(nets["C1"] @ c + 256 * nets["c1"][k])
            d = r(nets["C2"] @ a + 2**12 * a + 256 * nets["c2"])
            u, z = q(nets["C3"] @ np.concatenate([d, c]) + 256 * nets["c3"]).tolist()
            mean = min(max((u + 2) // 4, -(2**16)), 2**16)
            scale = min(max((z + 16) // 32 + 40, 0), 95)
            own[y + 2, x + 3] = symbol(stream, tables, mean, scale)
    return own[2:, 3 : 3 + width]


def pixels(nets: Nets, planes: list[np.ndarray], grey: bool) -> np.ndarray:
    """Latents of all levels -> (h, w, 1 or 3)."""
    stack = 256 * planes[6][None]
    for k in range(5, -1, -1):
        for axis in (1, 2):
            stack = finer(stack, nets["U"][k], planes[k].shape[axis - 1], axis)
        stack = np.concatenate([256 * planes[k][None], stack])
    v = stack.reshape(7, -1)
    hidden = r(nets["S1"] @ v + 256 * nets["s1"][:, None])
    f = limited(q(nets["S2"] @ hidden + 256 * nets["s2"][:, None])).reshape(3, *stack.shape[1:])
    g = limited(correlated(f, nets["S3"], nets["s3"])).clip(0)
    o = limited(correlated(g, nets["S4"], nets["s4"]))
    out = o.sum(0, keepdims=True) + 24 if grey else o + 8
    return (out // (48 if grey else 16)).clip(0, 255).transpose(1, 2, 0)


def limited(x: np.ndarray) -> np.ndarray:
    """At most 2^20 either side of zero."""
    return x.clip(-(2**20), 2**20)


def finer(stack: np.ndarray, taps: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Planes at `size` along an axis, up to twice what they were."""
    y = np.arange(size)
    n, i = y // 2, 2 * (y % 2) - 1
    most = stack.shape[axis] - 1
    places = (n, n + i, n - i, n + 2 * i)
    rows = (np.take(stack, place.clip(0, most), axis) for place in places)
    return limited(q(sum(tap * row for tap, row in zip(taps, rows, strict=True))))


def correlated(x: np.ndarray, weights: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """A residual 3 x 3 layer."""
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    out = 2**12 * x + 256 * biases[:, None, None]
    for i in range(3):
        for j in range(3):
            part = padded[:, i : i + height, j : j + width]
            out = out + np.tensordot(weights[:, :, i, j], part, 1)
    return q(out)
