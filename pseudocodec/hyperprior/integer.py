"""The hyper-synthesis in integers: equal results on every machine, from hyper-latents to tables.

Numbers are fixed-point integers held in float64 arrays. Every product and every partial sum is an
integer below 2^53, so that float64 arithmetic is exact and the order of a matrix product's
additions does not matter: any BLAS, any number of threads gives the same bits. (Balle, Johnston &
Minnen 2019 need int8 and training in the loop; with 12 fractional bits nothing is lost.)

Layer k takes activations with ACTIVATION fractional bits and computes, for each output,

    acc = sum(weight * input) + bias(level),        WEIGHT + ACTIVATION fractional bits
    out = floor((acc + 2^(WEIGHT - 1)) / 2^WEIGHT)

limited to [0, LIMIT] except in the last layer. A 3 x 3 layer sees zeros beyond the border. A
shuffled layer's output channel 4 c + 2 i + j is channel c of row 2 y + i, column 2 x + j.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError

ACTIVATION = 8  # fractional bits of hyper-latents, features, and indices
WEIGHT = 12  # fractional bits of weights
GAIN = 8  # of the means' units
MEAN = 4  # of the means that come out: sixteenths of a quantiser step
LEVEL_STEPS = 256  # levels between two rows
LOWEST_SCALE, HIGHEST_SCALE = 0.11, 256.0  # deviations of the tables, log-spaced
SCALES = 64
SCALE_STEP = math.log(HIGHEST_SCALE / LOWEST_SCALE) / (SCALES - 1)  # from a table to the next
LIMIT = (1 << 20) - 1  # of activations
MOST_OUT = 1 << 27  # of the last layer's
MOST_WEIGHT = (1 << 15) - 1
MOST_BIAS = 1 << 34
MOST_GAIN = 1 << 24
MOST_MEAN = 1 << 19  # of the means, in sixteenths
MOST_INDEX = 255 << ACTIVATION  # of tables that a level gives a channel

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """A convolution: weights (out, in, k, k) and biases (rows, out), integers; shuffled or not."""

    weights: Integers
    biases: Integers
    shuffled: bool


def row_at(rows: Integers, level: int) -> Integers:
    """The row (width,) of `rows` (R, width) at `level`, in 1/256 of a row, 0 to 256 (R - 1).

    Between two rows it is floor((low * (256 - f) + high * f + 128) / 256).
    """
    low, fraction = divmod(level, LEVEL_STEPS)
    if not fraction:
        exact: Integers = rows[low]
        return exact
    mixed: Integers = rows[low] * (LEVEL_STEPS - fraction) + rows[low + 1] * fraction
    return (mixed + LEVEL_STEPS // 2) >> 8


class IntegerHyperSynthesis:
    """Hyper-latents -> means and table indices, exactly.

    `gains` (rows, latents) are the units of the means at each level. Raises PslError for layers
    that do not fit each other or could leave the exact range: they come from model files.
    """

    def __init__(self, layers: Sequence[Layer], gains: Integers) -> None:
        self.layers, self.gains = layers, gains
        self._check()

    @property
    def inputs(self) -> int:
        """Channels of the hyper-latents."""
        return int(self.layers[0].weights.shape[1])

    def __call__(self, hyper: Integers, level: int) -> tuple[Integers, Integers]:
        """Hyper-latents (hyper, h, w), ACTIVATION fractional bits, and a level -> means, indices.

        Both (latents, 4 h, 4 w): means in sixteenths of a step, indices 0 to 255.
        """
        h = hyper.astype(np.float64)
        for k, layer in enumerate(self.layers):
            h = _convolve(h, layer, row_at(layer.biases, level))
            if k < len(self.layers) - 1:
                np.clip(h, 0, LIMIT, out=h)
            if layer.shuffled:
                h = _shuffle(h)
        raw, scale = np.split(h.clip(-MOST_OUT, MOST_OUT), 2)
        gain = row_at(self.gains, level).astype(np.float64)[:, None, None]
        mean = _requantised(raw * gain, ACTIVATION + GAIN - MEAN).clip(-MOST_MEAN, MOST_MEAN)
        index = _requantised(scale, ACTIVATION).clip(0, 255)
        return mean.astype(np.int64), index.astype(np.int64)

    def _check(self) -> None:
        if self.gains.ndim != 2 or not self.gains.size:
            raise PslError("hyper-synthesis: its gains have a wrong shape; get the model again")
        wanted: int | None = None  # the first layer's inputs are what the model says
        for k, layer in enumerate(self.layers):
            w, b = layer.weights, layer.biases
            good = w.ndim == 4 and w.shape[2:] in ((1, 1), (3, 3)) and len(w) % 4 == 0
            good = good and wanted in (None, w.shape[1]) and b.shape == (len(self.gains), len(w))
            if not good or not w.size:
                raise PslError(f"hyper-synthesis: layer {k} has a wrong shape; get the model again")
            if not (within(w, MOST_WEIGHT) and within(b, MOST_BIAS) and _stays_exact(w)):
                raise PslError(f"hyper-synthesis: layer {k} is out of range; get the model again")
            wanted = len(w) // 4 if layer.shuffled else len(w)
        if wanted != 2 * self.gains.shape[1]:
            raise PslError("hyper-synthesis: its gains do not fit; get the model again")
        if self.gains.min() < 0 or self.gains.max() > MOST_GAIN:
            raise PslError("hyper-synthesis: its gains are out of range; get the model again")


def within(values: Integers, most: int) -> bool:
    """Whether all are at most `most` either side of zero; np.abs of the least int64 is negative."""
    return bool(-most <= values.min() and values.max() <= most)


def _stays_exact(weights: Integers) -> bool:
    """Whether the largest sum of |weight * input| and the bias stays below 2^53."""
    largest = int(np.abs(weights).sum((1, 2, 3)).max()) * (LIMIT + 1) + 2 * MOST_BIAS
    return largest < 1 << 53


def _requantised(values: NDArray[np.float64], bits: int) -> NDArray[np.float64]:
    """floor((v + 2^(bits - 1)) / 2^bits): `bits` fewer fractional bits, exactly."""
    out: NDArray[np.float64] = np.floor((values + 2.0 ** (bits - 1)) * 2.0**-bits)
    return out


def _convolve(h: NDArray[np.float64], layer: Layer, bias: Integers) -> NDArray[np.float64]:
    """(in, H, W) -> (out, H, W), requantised; zeros beyond the border."""
    out, channels, k, _ = layer.weights.shape
    _, height, width = h.shape
    if k == 3:
        padded = np.pad(h, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        h = windows.transpose(0, 3, 4, 1, 2)
    columns = h.reshape(channels * k * k, height * width)
    acc = layer.weights.reshape(out, -1).astype(np.float64) @ columns
    acc += bias[:, None]
    return _requantised(acc, WEIGHT).reshape(out, height, width)


def _shuffle(h: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4 c, H, W) -> (c, 2 H, 2 W), as torch's pixel_shuffle."""
    channels, height, width = h.shape
    blocks = h.reshape(channels // 4, 2, 2, height, width).transpose(0, 3, 1, 4, 2)
    return blocks.reshape(channels // 4, 2 * height, 2 * width)
