"""Latents of one tile to bytes and back under a hyperprior.

Encoding takes real latents; from the symbols to the bytes, and from the bytes to the decoded
latents, all is integer arithmetic on what the model file ships. The payload of a tile is the length
of the first stream as a varint (7 bits a byte, low ones first, the high bit set but in the last),
the stream of the hyper-latents, and to the end that of the latents.

A hyper-latent is coded relative to a mean, rounded, with a table; mean and table depend on channel
and level alone. A latent, in units of its quantiser step, likewise; its mean and table come from
the hyper-synthesis. Where a model has contexts, the tables are only where they begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import scales
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.hyperprior.integer import (
    ACTIVATION,
    LEVEL_STEPS,
    MEAN,
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
MOST_INDEX = 255 << ACTIVATION
MOST_ROWS = 256
CONTEXTS, HYPER_CONTEXTS = "contexts.", "hyper_contexts."  # names of tensors begin with it
LAYERS = (True, True, False, False)  # which are shuffled

Reals = NDArray[np.float32]


class Symbols(NamedTuple):
    """What a payload holds: hyper-latents and residuals, and what they were coded with.

    `hyper` and the table of each, `hyper_tables`, (hyper, h/4, w/4); `means`, in sixteenths,
    `tables` and `residuals` (latents, h, w).
    """

    hyper: NDArray[np.int32]
    hyper_tables: NDArray[np.uint8]
    means: Integers
    tables: NDArray[np.uint8]
    residuals: NDArray[np.int32]


class HyperpriorCode:
    """The integer half of a photo model; made from the tensors "code.*" of its file.

    Attributes: `latents` and `hyper` (channels), `hyper_mean` and `hyper_index` (rows, hyper; means
    and tables of hyper-latents, ACTIVATION fractional bits), `synthesis`, `top` (the highest
    level; levels are 0 to `top`, 256 to a row), `contexts` and `hyper_contexts` (of latents and
    hyper-latents; None in models without). Raises PslError for tensors that do not fit.
    """

    kind = "hyperprior"

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        try:
            layers = [
                Layer(_integers(tensors, f"weight.{k}"), _integers(tensors, f"bias.{k}"), shuffled)
                for k, shuffled in enumerate(LAYERS)
            ]
            gains = _integers(tensors, "gain")
            self.hyper_mean = _integers(tensors, "hyper_mean")
            self.hyper_index = _integers(tensors, "hyper_index")
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
        self.contexts = self._contexts(tensors, CONTEXTS, self.latents)
        self.hyper_contexts = self._contexts(tensors, HYPER_CONTEXTS, self.hyper)

    def encode(
        self, latents: Reals, hyper: Reals, level: int, prices: Reals | None = None
    ) -> tuple[bytes, Reals]:
        """A tile's gained latents and hyper-latents -> its payload, and what decodes from it.

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
        return _varint(len(front)) + front + back, (residuals + shift).astype(np.float32)

    def decode(self, payload: bytes, height: int, width: int, level: int) -> Reals:
        """A payload -> gained latents (latents, height, width), multiples of 1/16, exact.

        Raises Corrupt for a payload that `encode` does not write.
        """
        read = self.read(payload, height, width, level)
        return (read.residuals + read.means / (1 << MEAN)).astype(np.float32)

    def read(self, payload: bytes, height: int, width: int, level: int) -> Symbols:
        """The integers that a payload of height x width latents holds. Raises as `decode`."""
        length, start = _read_varint(payload)
        if length > len(payload) - start:
            raise Corrupt(
                f"tile: hyper-latents of {length} bytes in a payload of {len(payload)}; "
                "the file is damaged"
            )
        shape = (self.hyper, -(-height // GROUP), -(-width // GROUP))
        front = payload[start : start + length]
        tables = self._hyper_tables(shape, level)
        symbols = self._decode(front, tables, level, self.hyper_contexts)
        if symbols.size and np.abs(symbols).max() > MOST_HYPER:
            raise Corrupt("tile: a hyper-latent is out of range; the file is damaged")
        means, index = self._predict(symbols.astype(np.int64), level, (height, width))
        residuals = self._decode(payload[start + length :], index, level, self.contexts)
        return Symbols(symbols, tables, means, index, residuals)

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
        row = row_at(self.hyper_index, level) + (1 << (ACTIVATION - 1))
        index = (row >> ACTIVATION).clip(0, self.tables.count - 1).astype(np.uint8)
        return np.broadcast_to(index[:, None, None], shape)

    def _contexts(
        self, tensors: Mapping[str, NDArray[Any]], prefix: str, channels: int
    ) -> Contexts | None:
        """What the tensors of a prefix make; None where there are none."""
        kept = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if not kept:
            return None
        from pseudocodec.hyperprior.contexts import Contexts  # which loads numba

        return Contexts(kept, self.tables, channels, self.top)

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


def _integers(tensors: Mapping[str, NDArray[Any]], key: str) -> Integers:
    value = tensors[key]
    if value.dtype.kind != "i":
        raise PslError(f"hyperprior code: {key} is {value.dtype}, expected integers")
    return value.astype(np.int64)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes) -> tuple[int, int]:
    """The number in front of `data` and how many bytes it takes, at most five and none too many."""
    value = 0
    for i, byte in enumerate(data[:5]):
        value |= (byte & 0x7F) << 7 * i
        if byte < 0x80:
            if i and not byte:
                raise Corrupt("tile: a length has a byte too many; the file is damaged")
            return value, i + 1
    raise Corrupt("tile: its payload ends inside a length; the file is damaged")
