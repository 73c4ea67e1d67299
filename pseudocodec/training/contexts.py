"""The contexts of a photo model's residuals, learnt from tiles that the model has coded.

Means and magnitudes are expected by least squares, each from its neighbours; then the code itself
runs over all tiles, and what it has learnt by then is what every file begins with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy.scales import ScaleTables
from pseudocodec.hyperprior import _context_layout as layout
from pseudocodec.hyperprior.contexts import Contexts, net_of, untaught
from pseudocodec.hyperprior.integer import SCALE_STEP
from pseudocodec.hyperprior.mixing import SEEN_BITS

ONE = 1 << layout.FRACTION
KEPT_SEEN = 60  # how often a context counts as seen when a file begins: files are not alike
FITTED = 600  # tiles that magnitudes are fitted on; all are too many numbers
AT_ONCE = 8
RIDGE, RIDGE_OF_ALL = 0.01, 1e-4  # of a feature's own power, and of the mean of all
LEAST_LEFT = 0.01  # of a variance
SMALL, FLATTENED = 0.05, 0.6  # errors of magnitudes count by (expected + SMALL)^-FLATTENED
PAD = layout.PAD

Floats = NDArray[np.float32]


class Tile(NamedTuple):
    """What is coded of a tile: residuals (N, h, w), the table of each, the level."""

    residuals: NDArray[np.int32]
    tables: NDArray[np.uint8]
    level: int


def learn_contexts(tiles: Sequence[Tile], tables: ScaleTables, top: int) -> dict[str, NDArray[Any]]:
    """The tensors of `Contexts` for a model of these `tables` and levels up to `top`."""
    channels = len(tiles[0].residuals)
    out = untaught(channels, tables.count)
    out["means"], out["narrow"] = _means(tiles, len(out["means"]))
    net = net_of(out, tables)
    out["magnitudes"], out["expectations"] = _magnitudes(tiles[:FITTED], net)
    code = Contexts(out, tables, channels, top)
    learnt = code.start
    for tile in tiles:
        learnt = code.learn(learnt, *tile)
    chances, seen = learnt.contexts >> SEEN_BITS, learnt.contexts & ((1 << SEEN_BITS) - 1)
    out["contexts"] = chances << SEEN_BITS | np.minimum(seen, np.uint32(KEPT_SEEN))
    out["weights"] = learnt.weights
    return out


def _means(tiles: Sequence[Tile], shifted: int) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Weights of each channel's mean, and by how many tables it narrows what is left.

    All tiles count alike, whatever their level.
    """
    width = min(shifted + layout.NEAR, len(tiles[0].residuals))
    powers = np.zeros((5 * width, 5 * width))
    for tile in tiles:
        most = layout.MOST_SEEN_RESIDUAL
        planes = _around(tile.residuals[:width].clip(-most, most).astype(np.float32))
        features = planes.reshape(5 * width, -1)
        features /= math.sqrt(float(np.square(planes[layout.HERE]).mean()) + 1e-9)
        powers += features @ features.T
    weights = np.zeros((shifted, layout.MEANS), np.int16)
    narrow = np.zeros(len(tiles[0].residuals), np.uint8)
    for c in range(shifted):
        seen = [
            (place * width + c + offset, slot)
            for slot, (place, offset) in enumerate(layout.SEEN_BY_MEANS)
            if 0 <= c + offset < width
        ]
        columns, slots = map(list, zip(*seen, strict=True))
        solved, left = _solved(powers, columns, layout.HERE * width + c)
        weights[c, slots] = _fixed(solved, layout.MOST_SEEN_RESIDUAL)
        narrow[c] = round(-math.log(max(left, LEAST_LEFT)) / 2 / SCALE_STEP)
    return weights, narrow


def _magnitudes(
    tiles: Sequence[Tile], net: layout.Net
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Weights of magnitudes around and of expectations."""
    channels = len(tiles[0].residuals)
    count = layout.MAGNITUDES + layout.EXPECTATIONS + 1
    powers = np.zeros((channels, count, count))
    for start in range(0, len(tiles), AT_ONCE):
        parts = [_found_and_expected(tile, net) for tile in tiles[start : start + AT_ONCE]]
        found, expected = (
            np.pad(
                np.concatenate([part[k].reshape(5, channels, -1) for part in parts], 2),
                ((0, 0), (PAD, 1), (0, 0)),
            )
            for k in range(2)
        )
        for c in range(channels):
            features = _features(found, expected, c + PAD)
            features /= (expected[layout.HERE, c + PAD] + SMALL) ** FLATTENED
            powers[c] += features @ features.T
    weights = np.zeros((channels, count - 1), np.int16)
    columns = list(range(count - 1))
    for c in range(channels):
        solved, _ = _solved(powers[c], columns, count - 1)
        weights[c] = _fixed(solved, layout.CAP)
    return weights[:, : layout.MAGNITUDES], weights[:, layout.MAGNITUDES :]


def _found_and_expected(tile: Tile, net: layout.Net) -> tuple[Floats, Floats]:
    """Magnitudes as the code sees them, and what tables expect, here and around."""
    residuals = tile.residuals.astype(np.float32)
    places, offsets = np.transpose(layout.SEEN_BY_MEANS)
    planes = _around(residuals.clip(-layout.MOST_SEEN_RESIDUAL, layout.MOST_SEEN_RESIDUAL))
    planes = np.pad(planes, ((0, 0), (PAD, PAD), (0, 0), (0, 0)))
    for c, weights in enumerate(net.means.astype(np.float32)):
        total = np.tensordot(weights, planes[places, c + PAD + offsets], 1)
        residuals[c] -= np.floor(total / ONE + 0.5)
    table = np.maximum(tile.tables.astype(np.int64) - net.narrow[:, None, None], 0)
    expected = np.minimum(net.expected[table] / 256, layout.CAP).astype(np.float32)
    return _around(np.minimum(np.abs(residuals), layout.CAP)), _around(expected)


def _features(found: Floats, expected: Floats, at: int) -> Floats:
    """Of the channel `at` of padded planes, in the order of the weights; behind them its own."""
    (near, by), (around, further) = (
        np.transpose(seen) for seen in (layout.SEEN_BY_MAGNITUDES, layout.SEEN_BY_EXPECTATIONS)
    )
    return np.concatenate(
        [found[near, at + by], expected[around, at + further], found[[layout.HERE], at]]
    )


def _around(planes: Floats) -> Floats:
    """(N, h, w) -> (5, N, h, w): what is left, above, above left, above right, and here."""
    padded = np.pad(planes, ((0, 0), (1, 0), (1, 1)))
    here, above = padded[:, 1:], padded[:, :-1]
    return np.stack(
        [here[..., :-2], above[..., 1:-1], above[..., :-2], above[..., 2:], here[..., 1:-1]]
    )


def _solved(
    powers: NDArray[np.float64], columns: list[int], target: int
) -> tuple[NDArray[np.float64], float]:
    """Least squares for `target` from `columns`, and the share of its power that is left."""
    between, towards = powers[np.ix_(columns, columns)], powers[columns, target]
    own = np.diag(between)
    ridge = np.diag(RIDGE * own + RIDGE_OF_ALL * own.mean() + 1e-9)
    solved = np.linalg.solve(between + ridge, towards).astype(np.float64)
    power = float(powers[target, target])
    left = power - 2 * solved @ towards + solved @ between @ solved
    return solved, float(left) / power if power > 0 else 1.0


def _fixed(weights: NDArray[np.float64], most: int) -> NDArray[np.int16]:
    """With 12 fractional bits, and so that sums of values up to `most` stay below 2^31."""
    fixed = np.rint(weights * ONE).clip(-(1 << 15) + 1, (1 << 15) - 1)
    total = np.abs(fixed).sum() * most / ((1 << 31) - 1)
    whole: NDArray[np.int16] = np.trunc(fixed / max(total, 1.0)).astype(np.int16)
    return whole
