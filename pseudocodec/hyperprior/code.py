"""Latents of one tile to bytes and back under a hyperprior.

Encoding takes real latents; from the symbols to the bytes, and from the bytes to the decoded
latents, all is integer arithmetic on what the model file ships. The payload of a tile is the length
of the first stream as a varint (7 bits a byte, low ones first, the high bit set but in the last),
the stream of the hyper-latents, and to the end that of the latents.

A hyper-latent is coded relative to a mean, rounded, with a table; mean and table depend on channel
and level alone. A latent, in units of its quantiser step, likewise; its mean and table come from
the hyper-synthesis. Where a model has contexts, the tables are only where they begin.

Where a model has details (`hyperprior.details`), tiles from their first level on begin with the
length of a stream of those, and the stream; a length of zero stands for details that are all zero.
Where it has filters (`hyperprior.filters`), the same of a filter stands before that, at all levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import scales
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.hyperprior import _parts as parts
from pseudocodec.hyperprior.details import DETAIL, DetailCode
from pseudocodec.hyperprior.filters import FILTER, FilterCode
from pseudocodec.hyperprior.integer import (
    ACTIVATION,
    LEVEL_STEPS,
    MEAN,
    MOST_INDEX,
    IntegerHyperSynthesis,
    Integers,
    Layer,
    row_at,
    within,
)

if TYPE_CHECKING:
    from pseudocodec.hyperprior.contexts import Contexts

GROUP = 4  # latents a hyper-latent, along each side
MOST_HYPER = 1000  # absolute value of a hyper-latent's symbol
MOST_HYPER_MEAN = 1 << 19  # with the symbol it stays below the synthesis' LIMIT
MOST_ROWS = 256
CONTEXTS, HYPER_CONTEXTS = "contexts.", "hyper_contexts."  # names of tensors begin with it
LAYERS = (True, True, False, False)  # which are shuffled

Reals = NDArray[np.float32]


class Decoded(NamedTuple):
    """What decodes from a tile."""

    latents: Reals
    """Gained, and details behind them: (channels(level), h, w), multiples of 1/16, exact."""

    filter: NDArray[np.int32]
    """The values of its filter (count,): all zero for none, of length 0 in models without."""


class Symbols(NamedTuple):
    """What a payload holds: hyper-latents and residuals, and what they were coded with.

    `hyper` and the table of each, `hyper_tables`, (hyper, h/4, w/4); `means`, in sixteenths,
    `tables` and `residuals` (latents, h, w); `details` (details, h, w), where the level has any;
    `filter` (values,).
    """

    hyper: NDArray[np.int32]
    hyper_tables: NDArray[np.uint8]
    means: Integers
    tables: NDArray[np.uint8]
    residuals: NDArray[np.int32]
    details: NDArray[np.int32] | None
    filter: NDArray[np.int32]


class HyperpriorCode:
    """The integer half of a photo model; made from the tensors "code.*" of its file.

    Attributes: `latents` and `hyper` (channels), `hyper_mean` and `hyper_index` (rows, hyper; means
    and tables of hyper-latents, ACTIVATION fractional bits), `synthesis`, `top` (the highest
    level; levels are 0 to `top`, 256 to a row), `contexts` and `hyper_contexts` (of latents and
    hyper-latents; None in models without), `details` and `filters` (None likewise). Raises PslError
    for tensors that do not fit.
    """

    kind = "hyperprior"

    def __init__(self, tensors: parts.Tensors) -> None:
        try:
            layers = [
                Layer(
                    parts.integers(tensors, f"weight.{k}"),
                    parts.integers(tensors, f"bias.{k}"),
                    shuffled,
                )
                for k, shuffled in enumerate(LAYERS)
            ]
            gains = parts.integers(tensors, "gain")
            self.hyper_mean = parts.integers(tensors, "hyper_mean")
            self.hyper_index = parts.integers(tensors, "hyper_index")
            kept = {k[7:]: v for k, v in tensors.items() if k.startswith("scales.")}
            self.tables = scales.ScaleTables.from_tensors(kept)
        except KeyError as error:
            raise PslError(f"hyperprior code: {error} is missing; get the model again") from error
        self.synthesis = IntegerHyperSynthesis(layers, gains)
        rows, self.latents = gains.shape
        self.hyper = self.synthesis.inputs
        self.top = LEVEL_STEPS * (rows - 1)
        for rows_of in (self.hyper_mean, self.hyper_index):
            if rows_of.shape != (rows, self.hyper) or not 2 <= rows <= MOST_ROWS:
                raise PslError("hyperprior code: its rows do not fit; get the model again")
        fits = within(self.hyper_mean, MOST_HYPER_MEAN) and within(self.hyper_index, MOST_INDEX)
        if not fits:
            raise PslError("hyperprior code: its rows are out of range; get the model again")
        tables, top = self.tables, self.top
        self.contexts = parts.contexts_of(tensors, CONTEXTS, tables, self.latents, top)
        self.hyper_contexts = parts.contexts_of(tensors, HYPER_CONTEXTS, tables, self.hyper, top)
        detailed = any(key.startswith(DETAIL) for key in tensors)
        self.details = DetailCode(tensors, tables, rows, top) if detailed else None
        filtered = any(key.startswith(FILTER) for key in tensors)
        self.filters = FilterCode(tensors, tables, rows) if filtered else None

    def channels(self, level: int) -> int:
        """What decodes at a level: `latents`, and the details of levels that can have them."""
        more: int = self.details.count if self.details and self.detailed(level) else 0
        return int(self.latents) + more

    def detailed(self, level: int) -> bool:
        """Whether files of a level can have details."""
        return self.details is not None and level >= self.details.first

    def encode(
        self, latents: Reals, hyper: Reals, level: int, prices: Reals | None = None
    ) -> tuple[bytes, Reals]:
        """A tile's gained latents and hyper-latents -> its payload, and the latents in it.

        It has no details and no filter yet, see `add_details` and `add_filter`.

        Args:
            latents: (latents, h, w), in quantiser steps.
            hyper: (hyper, ceil(h / 4), ceil(w / 4)).
            level: 0 to `top`.
            prices: (latents,), what a squared step of error in each channel is worth in bits; a
                residual then takes the step towards what is expected, if that saves more than it
                costs. Without them it is rounded.

        Raises PslError for latents that are not finite.
        """
        if not (np.isfinite(latents).all() and np.isfinite(hyper).all()):
            raise PslError("the nets gave latents that are not finite: the model is damaged")
        mean = row_at(self.hyper_mean, level)[:, None, None]
        symbols = np.rint(hyper - mean / (1 << ACTIVATION)).clip(-MOST_HYPER, MOST_HYPER)
        whole = symbols.astype(np.int32)
        tables = self._hyper_tables(whole.shape, level)
        front = self._encode(whole, tables, level, self.hyper_contexts)
        means, index = self._predict(whole.astype(np.int64), level, latents.shape[1:])
        shift = means / (1 << MEAN)
        if self.contexts and prices is not None:
            back, residuals = self.contexts.encode_values(latents - shift, index, level, prices)
        else:
            residuals = self._quantised(latents - shift, index, prices)
            back = self._encode(residuals, index, level, self.contexts)
        payload = parts.with_length(front) + back
        for more in (self.detailed(level), self.filters):
            payload = parts.with_length(b"") + payload if more else payload
        return payload, (residuals + shift).astype(np.float32)

    def add_details(
        self, payload: bytes, values: Reals, level: int, prices: Reals
    ) -> tuple[bytes, NDArray[np.int32]]:
        """What `encode` made of a tile, with details for `values`; and those details.

        Args:
            payload: without details and filter, of a level that can have details.
            values: (details, h, w), in steps.
            level: 0 to `top`.
            prices: (details,), as for `encode`.
        """
        assert self.details
        stream, details = self.details.encode(values, level, prices)
        if not stream:
            return payload, np.zeros_like(details)
        none = parts.with_length(b"") if self.filters else b""
        _, rest = parts.split_at_length(payload[len(none) :], "details")
        return none + parts.with_length(stream) + rest, details

    def add_filter(self, payload: bytes, values: NDArray[np.int32], level: int) -> bytes:
        """What `encode` or `add_details` made of a tile, with a filter's values (count,)."""
        assert self.filters
        _, rest = parts.split_at_length(payload, "a filter")
        return parts.with_length(self.filters.encode(values, level)) + rest

    def decode(self, payload: bytes, height: int, width: int, level: int) -> Decoded:
        """A payload -> what decodes from it.

        Raises Corrupt for one that `encode`, `add_details` and `add_filter` do not write.
        """
        read = self.read(payload, height, width, level)
        latents = (read.residuals + read.means / (1 << MEAN)).astype(np.float32)
        if read.details is not None:
            latents = np.concatenate([latents, read.details.astype(np.float32)])
        return Decoded(latents, read.filter)

    def read(self, payload: bytes, height: int, width: int, level: int) -> Symbols:
        """The integers that a payload of height x width latents holds. Raises as `decode`."""
        details, values = None, np.zeros(0, np.int32)
        if self.filters:
            stream, payload = parts.split_at_length(payload, "a filter")
            values = self.filters.decode(stream, level)
        if self.details and self.detailed(level):
            stream, payload = parts.split_at_length(payload, "details")
            details = self.details.decode(stream, (height, width), level)
        front, back = parts.split_at_length(payload, "hyper-latents")
        shape = (self.hyper, -(-height // GROUP), -(-width // GROUP))
        tables = self._hyper_tables(shape, level)
        symbols = self._decode(front, tables, level, self.hyper_contexts)
        if symbols.size and np.abs(symbols).max() > MOST_HYPER:
            raise Corrupt("tile: a hyper-latent is out of range; the file is damaged")
        means, index = self._predict(symbols.astype(np.int64), level, (height, width))
        residuals = self._decode(back, index, level, self.contexts)
        return Symbols(symbols, tables, means, index, residuals, details, values)

    def _quantised(
        self, values: NDArray[np.float64], index: NDArray[np.uint8], prices: Reals | None
    ) -> NDArray[np.int32]:
        """Residuals for real values (latents, h, w): rounded, or one step nearer to zero."""
        limit = scales.MAX_RESIDUAL
        rounded: NDArray[np.int32] = np.rint(values).clip(-limit, limit).astype(np.int32)
        if prices is None:
            return rounded
        places = np.nonzero(rounded)
        value, symbol, table = values[places], rounded[places], index[places]
        nearer = symbol - np.sign(symbol)
        error = np.square(value - nearer) - np.square(value - symbol)
        saved = self.tables.information(symbol, table) - self.tables.information(nearer, table)
        rounded[places] = np.where(saved > prices[places[0]] * error, nearer, symbol)
        return rounded

    def _predict(
        self, symbols: Integers, level: int, size: tuple[int, ...]
    ) -> tuple[Integers, NDArray[np.uint8]]:
        """Means in sixteenths and table indices, cut to `size`."""
        fixed = symbols * (1 << ACTIVATION) + row_at(self.hyper_mean, level)[:, None, None]
        means, index = self.synthesis(fixed, level)
        height, width = size
        means, index = means[:, :height, :width], index[:, :height, :width]
        return means, index.clip(max=self.tables.count - 1).astype(np.uint8)

    def _hyper_tables(self, shape: tuple[int, ...], level: int) -> NDArray[np.uint8]:
        return parts.tables_at(self.hyper_index, level, shape, self.tables)

    def _encode(
        self,
        symbols: NDArray[np.int32],
        index: NDArray[np.uint8],
        level: int,
        contexts: Contexts | None,
    ) -> bytes:
        if contexts:
            return contexts.encode(symbols, index, level)
        return scales.encode(symbols.ravel(), index.ravel(), self.tables)

    def _decode(
        self, payload: bytes, index: NDArray[np.uint8], level: int, contexts: Contexts | None
    ) -> NDArray[np.int32]:
        if contexts:
            return contexts.decode(payload, index, level)
        return scales.decode(payload, index.ravel(), self.tables).reshape(index.shape)
