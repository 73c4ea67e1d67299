"""One step of fitting on the CPU: bits, error and all gradients, by kernels written for it.

Autograd keeps every feature of every pixel in memory and reads it again; here a few hundred pixels
at a time go forwards and backwards while they are in the cache. `reference` computes the same with
autograd, for GPUs and for the tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from pseudocodec.overfit.design import (
    ABOVE,
    BESIDE,
    HIDDEN,
    LEVELS,
    PARAMETERS,
    WIDTH,
    level_sizes,
    unflatten,
)
from pseudocodec.overfit.fitting import _picture, _rate, _symbols
from pseudocodec.overfit.fitting._lanes import LANES

Reals = NDArray[np.float32]
ROWS = 32  # of a task
SHARE = 4  # of the rows of a large plane, one in so many finds the nets' gradients
LARGE = 128  # rows
LINE = 16  # floats of a cache line

CONTEXT_NETS = ("context.1", "context.bias.1", "context.2", "context.bias.2", "context.3")


Task = tuple[int, int, int]  # a level, its first row, and the one behind the last


class Cost(NamedTuple):
    """What a step found: bits of the latents, and the mean squared error of colours of 255."""

    bits: float
    mse: float


class Engine:
    """Buffers for one picture (h, w, 1 or 3), uint8 or uint16, and the steps on them.

    Attributes: `latents`, a plane (h, w) a level, and their gradients `dlatents`, all in one vector
    each, `flat` and `dflat`; `dparameters`, that of the nets; `slopes`, of the symbols by latents;
    `stacks`, for each level its symbols and the coarser ones at its size; `target`, colours in
    sixteenths. A step is `soften` or `harden`, then `gradients`.
    """

    def __init__(self, pixels: NDArray[np.uint8 | np.uint16], threads: int | None = None) -> None:
        height, width, _ = pixels.shape
        self.pixels = height * width
        scale = np.float32(255 / np.iinfo(pixels.dtype).max / 16)
        colours = np.broadcast_to(pixels.transpose(2, 0, 1), (3, height, width))
        self.target = np.ascontiguousarray(colours.astype(np.float32) * scale)
        self.sizes = level_sizes(height, width)
        self._tasks: list[Task] = [
            (k, y, min(y + ROWS, h))
            for k, (h, _) in enumerate(self.sizes)
            for y in range(0, h, ROWS)
        ]
        self.threads = threads or numba.get_num_threads()
        self._pool = ThreadPoolExecutor(self.threads)
        self.flat, self.latents = _planes(self.sizes)
        self.dflat, self.dlatents = _planes(self.sizes)
        self.slopes = _planes(self.sizes)[1]
        padded = [(h + ABOVE, w + 2 * BESIDE) for h, w in self.sizes]
        self._padded = [np.zeros(size, np.float32) for size in padded]
        self._shares = [np.zeros((self.threads, *size), np.float32) for size in padded]
        finer = [(h + 1, w + 1) for h, w in self.sizes]
        self._coarser = [np.zeros(size, np.float32) for size in finer]
        self._dcoarser = [np.zeros((self.threads, *size), np.float32) for size in finer]
        self.stacks = [
            np.zeros((LEVELS - k, h, w), np.float32) for k, (h, w) in enumerate(self.sizes)
        ]
        self._dstacks = [np.zeros_like(stack) for stack in self.stacks]
        self._images = [np.zeros((3, height + 2, width + 2), np.float32) for _ in range(3)]
        self._dimages = [np.zeros((3, height + 2, width + 2), np.float32) for _ in range(2)]
        self._douts = [np.zeros((3, height + 4, width + 4), np.float32) for _ in range(2)]
        self._work = [_aligned(6, WIDTH, LANES) for _ in range(self.threads)]
        self._lanes = [
            tuple(_aligned(n, LANES) for n in (HIDDEN, HIDDEN, 8, 8, 4, 4))
            for _ in range(self.threads)
        ]
        # of tasks that speak for themselves, and of those that speak for others, too
        self._dnets = [np.zeros((2, PARAMETERS), np.float32) for _ in range(self.threads)]
        self._turn = 0
        self.dparameters = np.zeros(PARAMETERS, np.float32)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def soften(self, noise: Reals, starts: Sequence[int], temperature: float) -> None:
        """Noisy symbols; `noise` from `starts` on is for each level."""
        sharpness = np.float32(1 / temperature)

        def work(_: int, task: Task) -> None:
            k, first, last = task
            part = slice(first, last)
            _symbols.soften(
                self.latents[k][part],
                noise,
                starts[k] + first * self.sizes[k].width,
                sharpness,
                self._padded[k][first : last + ABOVE],
                self.stacks[k][0][part],
                self.slopes[k][part],
            )

        self._all(work, self._tasks)

    def harden(self) -> None:
        """Rounded symbols."""

        def work(_: int, task: Task) -> None:
            k, first, last = task
            part = slice(first, last)
            _symbols.harden(
                self.latents[k][part],
                self._padded[k][first : last + ABOVE],
                self.stacks[k][0][part],
                self.slopes[k][part],
            )

        self._all(work, self._tasks)

    def gradients(self, parameters: Reals, price: float, share: int = 1) -> Cost:
        """What the symbols cost, and the gradients of mse + `price` * bits a pixel.

        `parameters` (PARAMETERS,) are all the nets'. Their gradients are sums over all pixels; with
        a `share` n they are estimated from one in n rows of each large plane, others from call to
        call; with 0 they are not found. Those of the latents are always exact.
        """
        nets = unflatten(parameters)
        dnets = [[unflatten(vector) for vector in both] for both in self._dnets]
        for vector in self._dnets:
            vector[:] = 0
        self._turn += 1
        mse = self._picture(nets, dnets, share)
        bits = self._rate(nets, dnets, price / self.pixels, share)
        self._all(self._gather, self._tasks)
        own, sampled = np.sum(self._dnets, axis=0)
        self.dparameters[:] = own + np.float32(share) * sampled
        return Cost(bits, mse)

    def _gather(self, _: int, task: Task) -> None:
        k, first, last = task
        part = slice(first, last)
        _symbols.gather(
            self._shares[k][:, first + ABOVE : last + ABOVE],
            self._dstacks[k][0][part],
            self.slopes[k][part],
            self.dlatents[k][part],
        )

    def _learns(self, height: int, share: int) -> tuple[int, tuple[int, int]]:
        """Which gradients rows of a plane add to, and which rows do: one in so many from where."""
        sampled = share > 1 and height >= LARGE
        every = share if sampled else min(share, 1)
        return int(sampled), (every, self._turn % max(every, 1))

    def _rate(self, nets: Any, dnets: Any, gain: float, share: int) -> float:
        weights = (
            nets["context.1"],
            nets["context.bias.1"],
            nets["context.2"],
            nets["context.bias.2"],
            nets["context.3"],
            nets["context.bias.3"],
            np.ascontiguousarray(nets["context.1"].T),
            np.ascontiguousarray(nets["context.2"].T),
        )
        names = (*CONTEXT_NETS, "context.bias.3")
        gradients = [[tuple(own[name] for name in names) for own in both] for both in dnets]

        def widen(_: int, k: int) -> None:
            _rate.interpolate(self._padded[k + 1], *self.sizes[k], self._coarser[k])

        self._all(widen, range(LEVELS - 1))

        def code(thread: int, task: Task) -> float:
            k, first, last = task
            kind, learn = self._learns(self.sizes[k].height, share)
            return float(
                _rate.rate_rows(
                    self._padded[k],
                    self._coarser[k],
                    self.sizes[k].width,
                    (first, last),
                    k,
                    weights,
                    np.float32(gain),
                    self._shares[k][thread],
                    self._dcoarser[k][thread],
                    gradients[thread][kind],
                    learn,
                    self._work[thread],
                )
            )

        bits = float(sum(self._all(code, self._tasks)))

        def narrow(_: int, task: tuple[int, int]) -> None:
            k, n = task
            own = self._dcoarser[k][n]
            _rate.interpolate_back(own, *self.sizes[k], self._shares[k + 1][n])
            own[:] = 0

        self._all(narrow, [(k, n) for k in range(LEVELS - 1) for n in range(self.threads)])
        return bits

    def _picture(self, nets: Any, dnets: Any, share: int) -> float:
        kernels = nets["upsampling"]
        for k in range(LEVELS - 2, -1, -1):
            self._all(partial(self._finer, k, kernels[k]), range(LEVELS - 1 - k))
        height = self.sizes[0].height
        tasks = [(first, last) for k, first, last in self._tasks if k == 0]
        planes, (mixed, smoothed, image) = self.stacks[0], self._images
        kind, learn = self._learns(height, share)
        (dmixed, dsmoothed), (dfirst, dlast) = self._dimages, self._douts
        w3, b3 = nets["synthesis.3"], nets["synthesis.bias.3"]
        w4, b4 = nets["synthesis.4"], nets["synthesis.bias.4"]
        gain = np.float32(256 / (3 * self.pixels))  # of colours in sixteenths

        weights = _padded_weights(nets)
        lanes = self._lanes
        self._all(
            lambda thread, t: _picture.mix_rows(planes, t, weights, mixed, lanes[thread]), tasks
        )
        _picture.edges(mixed)

        def smooth(_: int, t: tuple[int, int]) -> None:
            _picture.convolve_rows(mixed, *t, w3, b3, smoothed)
            _picture.rectify_rows(smoothed, *t)

        self._all(smooth, tasks)
        _picture.edges(smoothed)

        def compare(_: int, t: tuple[int, int]) -> float:
            _picture.convolve_rows(smoothed, *t, w4, b4, image)
            return float(_picture.error_rows(image, self.target, *t, gain, dlast))

        squared = float(sum(self._all(compare, tasks)))
        bordered = [(y - (y == 0), z + (z == height)) for y, z in tasks]

        def back(thread: int, t: tuple[int, int]) -> None:
            _picture.convolve_rows_back(*t, w4, dlast, dsmoothed)
            own = dnets[thread][kind]
            to = own["synthesis.4"], own["synthesis.bias.4"]
            _picture.learn_convolution(smoothed, *t, learn, dlast, *to)

        self._all(back, bordered)
        _picture.edges_back(dsmoothed)
        self._all(lambda _, t: _picture.gate_rows(dsmoothed, smoothed, *t, dfirst), tasks)

        def back_first(thread: int, t: tuple[int, int]) -> None:
            _picture.convolve_rows_back(*t, w3, dfirst, dmixed)
            own = dnets[thread][kind]
            to = own["synthesis.3"], own["synthesis.bias.3"]
            _picture.learn_convolution(mixed, *t, learn, dfirst, *to)

        self._all(back_first, bordered)
        _picture.edges_back(dmixed)

        shares = [[_padded_zeros() for _ in range(2)] for _ in range(self.threads)]

        def back_mixing(thread: int, t: tuple[int, int]) -> None:
            to = self._dstacks[0], shares[thread][kind], learn
            _picture.mix_rows_back(planes, t, weights, dmixed, *to, lanes[thread])

        self._all(back_mixing, tasks)
        for both, parts in zip(dnets, shares, strict=True):
            for own, (g1, g2, gb2) in zip(both, parts, strict=True):
                own["synthesis.1"] += g1[:, :LEVELS]
                own["synthesis.bias.1"] += g1[:, LEVELS]
                own["synthesis.2"] += g2[:3]
                own["synthesis.bias.2"] += gb2[:3]
        for k in range(LEVELS - 1):
            self._all(partial(self._finer_back, k, kernels[k], dnets), range(LEVELS - 1 - k))
        mse: float = squared * 256 / (3 * self.pixels)
        return mse

    def _finer(self, k: int, weights: Reals, _: int, n: int) -> None:
        _picture.finer(self.stacks[k + 1][n], weights, self.stacks[k][n + 1])

    def _finer_back(
        self, k: int, weights: Reals, dnets: list[list[dict[str, Reals]]], thread: int, n: int
    ) -> None:
        dout, dplane = self._dstacks[k][n + 1], self._dstacks[k + 1][n]
        own = dnets[thread][0]["upsampling"][k]
        _picture.finer_back(self.stacks[k + 1][n], weights, dout, dplane, own)

    def _all(self, function: Callable[[int, Any], Any], tasks: Sequence[Any]) -> list[Any]:
        """`function` of a thread's number and a task, for all tasks, each thread its share."""
        if self.threads == 1:
            return [function(0, task) for task in tasks]

        def share(thread: int) -> list[Any]:
            return [function(thread, task) for task in tasks[thread :: self.threads]]

        return [result for part in self._pool.map(share, range(self.threads)) for result in part]


def _padded_weights(nets: dict[str, Reals]) -> tuple[Reals, ...]:
    """The 1 x 1 layers as `_picture.mix_rows` takes them."""
    first, second, bias = _padded_zeros()
    first[:, :LEVELS], first[:, LEVELS] = nets["synthesis.1"], nets["synthesis.bias.1"]
    second[:3], bias[:3] = nets["synthesis.2"], nets["synthesis.bias.2"]
    return first, second, bias, np.ascontiguousarray(first.T)


def _padded_zeros() -> tuple[Reals, Reals, Reals]:
    shapes = (HIDDEN, LEVELS + 1), (4, HIDDEN), (4,)
    first, second, bias = (np.zeros(shape, np.float32) for shape in shapes)
    return first, second, bias


def _aligned(*shape: int) -> Reals:
    """Zeros that begin where a cache line does: vectors across two take a fifth longer a step."""
    count = math.prod(shape)
    flat = np.zeros(count + LINE, np.float32)
    start = -(flat.ctypes.data // 4) % LINE
    return flat[start : start + count].reshape(shape)


def _planes(sizes: Sequence[tuple[int, int]]) -> tuple[Reals, list[Reals]]:
    """A vector of zeros and, as views, a plane of each size."""
    flat = np.zeros(sum(h * w for h, w in sizes), np.float32)
    ends = np.cumsum([h * w for h, w in sizes]).tolist()
    return flat, [
        part.reshape(size) for part, size in zip(np.split(flat, ends[:-1]), sizes, strict=True)
    ]
