"""The hyperprior code as formats/psl/README.md specifies it, in Python's integers alone.

Slow, and independent of the library: numpy only holds the model's tensors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]
Planes = list[list[list[int]]]
CLASSES = [1 + 2 ** (15 - c) * (2**24 - 16) // 65535 for c in range(16)]
CLASSES[0] += 2**24 - sum(CLASSES)


class RangeDecoder:
    """Reads a payload as a binary fraction, zeros behind it."""

    def __init__(self, payload: bytes) -> None:
        self.data, self.at = payload + bytes(-len(payload) % 4), 0
        self.lower, self.size = 0, 2**64 - 1
        self.point = self._word() << 32 | self._word()

    def _word(self) -> int:
        word = int.from_bytes(self.data[self.at : self.at + 4], "big")
        self.at += 4
        return word

    def symbol(self, frequencies: list[int]) -> int:
        scale = self.size >> 24
        place = (self.point - self.lower) % 2**64 // scale
        symbol = start = 0
        while place >= start + frequencies[symbol]:
            start += frequencies[symbol]
            symbol += 1
        self.lower = (self.lower + scale * start) % 2**64
        self.size = scale * frequencies[symbol]
        if self.size < 2**32:
            self.lower = self.lower << 32 & 2**64 - 1
            self.size <<= 32
            self.point = self.point << 32 & 2**64 - 1 | self._word()
        return symbol


def tables_of(tensors: Tensors) -> list[list[int]]:
    frequencies, out = tensors["scales.frequencies"].tolist(), []
    for width in tensors["scales.widths"].tolist():
        out.append(frequencies[:width])
        frequencies = frequencies[width:]
    return out


def residuals(payload: bytes, index: list[int], tables: list[list[int]]) -> list[int]:
    decoder, out, outside = RangeDecoder(payload), [0] * len(index), []
    for number, table in enumerate(tables):
        top = len(table) // 2 - 1
        for place in (i for i, which in enumerate(index) if which == number):
            symbol = decoder.symbol(table)
            out[place] = symbol if symbol <= top else symbol - len(table)
            if symbol == top + 1:
                outside.append(place)
    outside.sort()
    classes = [decoder.symbol(CLASSES) for _ in outside]
    for c in range(16):
        for place in (p for p, which in zip(outside, classes, strict=True) if which == c):
            low = decoder.symbol([2 ** (23 - c)] * 2 ** (c + 1))
            far = 2**c + low // 2 + len(tables[index[place]]) // 2 - 1
            out[place] = -far if low % 2 else far
    return out


def at_level(rows: NDArray[Any], level: int) -> list[int]:
    low, f = divmod(level, 256)
    high = min(low + 1, len(rows) - 1)
    pairs = zip(rows[low].tolist(), rows[high].tolist(), strict=True)
    return [(a * (256 - f) + b * f + 128) >> 8 if f else a for a, b in pairs]


def clip(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def convolve(h: Planes, weights: NDArray[Any], bias: list[int]) -> Planes:
    reach, rows, columns = weights.shape[2] // 2, len(h[0]), len(h[0][0])

    def at(y: int, x: int, kernel: Any, total: int) -> int:
        for plane, window in zip(h, kernel, strict=True):
            for i, line in enumerate(window):
                for j, weight in enumerate(line):
                    v, u = y + i - reach, x + j - reach
                    if 0 <= v < rows and 0 <= u < columns:
                        total += weight * plane[v][u]
        return (total + 2**11) >> 12

    return [
        [[at(y, x, kernel, start) for x in range(columns)] for y in range(rows)]
        for kernel, start in zip(weights.tolist(), bias, strict=True)
    ]


def shuffle(h: Planes) -> Planes:
    rows, columns = 2 * len(h[0]), 2 * len(h[0][0])
    return [
        [
            [h[4 * c + 2 * (y % 2) + x % 2][y // 2][x // 2] for x in range(columns)]
            for y in range(rows)
        ]
        for c in range(len(h) // 4)
    ]


def hyper_synthesis(tensors: Tensors, hyper: Planes, level: int) -> tuple[Planes, Planes]:
    """Hyper-latents in 1/256 -> means in 1/16 and indices, before they are cut to the tile."""
    h = hyper
    for k in range(4):
        h = convolve(h, tensors[f"weight.{k}"], at_level(tensors[f"bias.{k}"], level))
        if k < 3:
            h = [[[clip(v, 0, 2**20 - 1) for v in line] for line in plane] for plane in h]
        if k < 2:
            h = shuffle(h)
    h = [[[clip(v, -(2**27), 2**27) for v in line] for line in plane] for plane in h]
    unit = at_level(tensors["gain"], level)
    means = [
        [[clip((v * g + 2**11) >> 12, -(2**19), 2**19) for v in line] for line in plane]
        for plane, g in zip(h[: len(unit)], unit, strict=True)
    ]
    indices = [
        [[clip((v + 128) >> 8, 0, 255) for v in line] for line in plane] for plane in h[len(unit) :]
    ]
    return means, indices


def decode(
    tensors: Tensors, payload: bytes, height: int, width: int, level: int
) -> NDArray[np.float64]:
    """A tile's payload -> its latents, in quantiser steps."""
    length = shift = used = 0
    while True:
        byte = payload[used]
        length |= (byte & 0x7F) << shift
        shift, used = shift + 7, used + 1
        if byte < 0x80:
            break
    tables = tables_of(tensors)
    rows, columns = -(-height // 4), -(-width // 4)
    own = [
        clip((v + 128) >> 8, 0, len(tables) - 1) for v in at_level(tensors["hyper_index"], level)
    ]
    index = [which for which in own for _ in range(rows * columns)]
    flat = iter(residuals(payload[used : used + length], index, tables))
    hyper = [
        [[256 * next(flat) + mean for _ in range(columns)] for _ in range(rows)]
        for mean in at_level(tensors["hyper_mean"], level)
    ]
    means, indices = hyper_synthesis(tensors, hyper, level)
    places = [(c, y, x) for c in range(len(means)) for y in range(height) for x in range(width)]
    index = [min(indices[c][y][x], len(tables) - 1) for c, y, x in places]
    found = residuals(payload[used + length :], index, tables)
    latents = [r + means[c][y][x] / 16 for r, (c, y, x) in zip(found, places, strict=True)]
    return np.array(latents).reshape(len(means), height, width)
