"""The stream of a tile's residuals, in the contexts of the residuals before them.

What the hyper-synthesis says of a latent, its table, is where this begins: from residuals around a
latent a mean and a magnitude are expected (linear, learnt once, in the model's file), and those and
the table choose what chances the next decision is coded with. The chances adapt as the tile is
coded, from what the model's file begins with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import ranges
from pseudocodec.entropy.scales import ScaleTables
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.hyperprior import _context_layout as layout
from pseudocodec.hyperprior._context_kernel import code
from pseudocodec.hyperprior.mixing import (
    EVEN,
    LOGITS,
    MOST_SEEN,
    MOST_WEIGHT,
    SEEN_BITS,
)

NAMES = ("means", "magnitudes", "expectations", "narrow", "contexts", "weights")
Residuals = NDArray[np.int32]
_NO_VALUES, _NO_PRICES = np.zeros((0, 0, 0)), np.zeros(0, np.float32)


class Learnt(NamedTuple):
    """What changes as decisions come: `contexts` (n,), uint32, `weights` (rows, INPUTS), int32."""

    contexts: NDArray[np.uint32]
    weights: NDArray[np.int32]


class _Tile(NamedTuple):
    """What the kernel is given: residuals, tables and values are (h, w, N)."""

    residuals: Residuals
    tables: NDArray[np.uint8]
    level: int
    values: NDArray[np.float64] = _NO_VALUES
    prices: NDArray[np.float32] = _NO_PRICES
    words: NDArray[np.uint32] | None = None


class Contexts:
    """How residuals (N, h, w) are coded, given a table for each; made from a model's tensors.

    The tensors, by the names in NAMES, are those of the specification. Raises PslError for tensors
    that are missing, of wrong shapes or out of range.
    """

    def __init__(
        self, tensors: Mapping[str, NDArray[Any]], tables: ScaleTables, channels: int, top: int
    ) -> None:
        missing = [name for name in NAMES if name not in tensors]
        if missing:
            raise PslError(f"hyperprior contexts: {missing[0]} is missing; get the model again")
        kept = {name: tensors[name] for name in NAMES}
        _check(kept, channels, tables.count)
        self.top = top
        self.net = net_of(kept, tables)
        self.start = Learnt(kept["contexts"], kept["weights"])
        sizes = layout.sizes(channels, tables.count)
        self._starts = np.cumsum([0, *sizes[:-1]])

    def encode(self, residuals: Residuals, index: NDArray[np.uint8], level: int) -> bytes:
        """Residuals (N, h, w), at most 65,535 either side of zero, and their tables -> a stream."""
        return self._stream(_Tile(_last(residuals), _last(index), level))

    def encode_values(
        self,
        values: NDArray[np.float64],
        index: NDArray[np.uint8],
        level: int,
        prices: NDArray[np.float32],
    ) -> tuple[bytes, Residuals]:
        """Real values (N, h, w) -> a stream, and the residuals (N, h, w) chosen for them.

        Each is the nearest or one step nearer to what is expected, if that saves more than
        `prices` (N,), in bits for a squared step of error, say that it costs.
        """
        chosen = np.zeros((*values.shape[1:], len(values)), np.int32)
        stream = self._stream(_Tile(chosen, _last(index), level, _last(values), prices))
        return stream, _first(chosen)

    def decode(self, stream: bytes, index: NDArray[np.uint8], level: int) -> Residuals:
        """A stream -> residuals (N, h, w). Raises Corrupt for one that `encode` does not write."""
        residuals = np.zeros((*index.shape[1:], len(index)), np.int32)
        tile = _Tile(residuals, _last(index), level, words=ranges.words_of(stream))
        words, count, _ = self._coded(self.start, tile)
        if count == layout.CORRUPT or ranges.stream_of(words, count) != stream:
            raise Corrupt(
                f"tile: a stream of {len(stream)} bytes is none that the model's contexts give; "
                "the file is damaged or belongs to another model"
            )
        return _first(residuals)

    def learn(
        self, start: Learnt, residuals: Residuals, index: NDArray[np.uint8], level: int
    ) -> Learnt:
        """What is known after residuals (N, h, w), if `start` was known before them."""
        return self._coded(start, _Tile(_last(residuals), _last(index), level))[2]

    def _stream(self, tile: _Tile) -> bytes:
        words, count, _ = self._coded(self.start, tile)
        return ranges.stream_of(words, count)

    def _coded(self, start: Learnt, tile: _Tile) -> tuple[NDArray[np.uint32], int, Learnt]:
        """Words of a stream, how many, and what was learnt; what is decoded is encoded again.

        Zeros at a stream's end, which take words, are not in it: more words are tried until they
        are enough.
        """
        room = tile.residuals.size // 8 + 64 + (0 if tile.words is None else len(tile.words))
        while True:
            learnt = Learnt(start.contexts.copy(), start.weights.copy())
            written = np.zeros(room, np.uint32)
            count = self._run(learnt, tile, written)
            if count != layout.FULL:
                return written, count, learnt
            room *= 4

    def _run(self, learnt: Learnt, tile: _Tile, written: NDArray[np.uint32]) -> int:
        words = tile.words
        machine = layout.Machine(
            learnt.contexts,
            learnt.weights,
            np.zeros(0, np.uint32) if words is None else words,
            np.zeros(0, np.uint64) if words is None else ranges.start_reading(words),
            written,
            ranges.start_writing(),
            np.zeros(layout.COUNTED, np.int64),
            np.zeros(layout.INPUTS, np.int64),
            np.zeros(2, np.int64),
        )
        share = tile.level * layout.LEVELS // (self.top + 1)
        count: int = code(
            self.net,
            machine,
            self._starts,
            tile.residuals,
            tile.tables,
            share,
            tile.values,
            tile.prices,
        )
        return count


def net_of(tensors: Mapping[str, NDArray[Any]], tables: ScaleTables) -> layout.Net:
    """The kernel's parameters: of the tables, and of the tensors that are learnt once."""
    expected, usual = _of_tables(tables)
    return layout.Net(
        expected,
        usual,
        tensors["means"].astype(np.int32),
        tensors["magnitudes"].astype(np.int32),
        tensors["expectations"].astype(np.int64),
        tensors["narrow"].astype(np.int64),
    )


def untaught(channels: int, tables: int) -> dict[str, NDArray[Any]]:
    """The tensors of a code that expects nothing and has seen nothing."""
    weights = np.zeros((layout.rows(channels, tables), layout.INPUTS), np.int32)
    signs = len(weights) - channels - 1
    weights[:signs, 0], weights[:signs, 2:] = 0.3 * 65536, 0.12 * 65536
    weights[signs:, 2 : 2 + layout.SIGNED] = 0.25 * 65536
    return {
        "means": np.zeros((min(layout.SHIFTED, channels), layout.MEANS), np.int16),
        "magnitudes": np.zeros((channels, layout.MAGNITUDES), np.int16),
        "expectations": np.zeros((channels, layout.EXPECTATIONS), np.int16),
        "narrow": np.zeros(channels, np.uint8),
        "contexts": np.full(sum(layout.sizes(channels, tables)), EVEN, np.uint32),
        "weights": weights,
    }


def _of_tables(tables: ScaleTables) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Mean magnitudes (T,) in 1/256, and logits (T, thresholds) of reaching each from the last."""
    expected = np.zeros(tables.count, np.int64)
    usual = np.zeros((tables.count, len(layout.THRESHOLDS)), np.int64)
    for number, table in enumerate(tables.tables):
        folded = _folded(table.frequencies)
        expected[number] = (np.arange(len(folded)) * folded).sum() >> 16
        tails = folded[::-1].cumsum()[::-1]
        reached = np.concatenate([tails, [0]])[layout.THRESHOLDS.clip(max=len(tails))]
        before = np.concatenate([tails[:1], reached[:-1]])
        chance = (reached * 65536 // before.clip(1)).clip(1, 65535)
        usual[number] = np.where(reached > 0, LOGITS[chance], -256)
    return expected, usual


def _folded(frequencies: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the magnitudes 0 to K, and of all beyond, from a table of residuals."""
    top = len(frequencies) // 2 - 1
    folded = frequencies[: top + 2].copy()
    folded[1 : top + 1] += frequencies[: top + 1 : -1]
    return folded


def _last(values: NDArray[Any]) -> NDArray[Any]:
    """(N, h, w) -> (h, w, N)."""
    return np.ascontiguousarray(np.moveaxis(values, 0, -1))


def _first(values: Residuals) -> Residuals:
    """(h, w, N) -> (N, h, w)."""
    return np.ascontiguousarray(np.moveaxis(values, -1, 0))


def _check(tensors: Mapping[str, NDArray[Any]], channels: int, tables: int) -> None:
    for name, wanted in untaught(channels, tables).items():
        found = tensors[name]
        if found.shape != wanted.shape or found.dtype != wanted.dtype:
            raise PslError(
                f"hyperprior contexts: {name} is {found.dtype} of shape {found.shape}, expected "
                f"{wanted.dtype} of shape {wanted.shape}; get the model again"
            )
    means = np.abs(tensors["means"].astype(np.int64)).sum(1).max(initial=0)
    seen = tensors["contexts"] & ((1 << SEEN_BITS) - 1)
    if (
        means * layout.MOST_SEEN_RESIDUAL >= 1 << 31
        or seen.max() > MOST_SEEN
        or np.abs(tensors["weights"].astype(np.int64)).max() > MOST_WEIGHT
    ):
        raise PslError("hyperprior contexts: a number is out of range; get the model again")
