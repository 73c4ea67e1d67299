"""The integer tables of CompressAI's entropy models, as a model file holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import FrequencyTable, _escapes
from pseudocodec.errors import PslError

Integers = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Tables:
    """Table t holds the integers lows[t] to highs[t], around zero, and an escape for all others.

    Value v of n = highs - lows + 2 symbols is symbol v modulo n, which leaves highs + 1 for the
    escape. Raises PslError for tables that do not hold zero.
    """

    tables: tuple[FrequencyTable, ...]
    lows: Integers

    def __post_init__(self) -> None:
        """Check the tables: they may come from a model file."""
        if len(self.tables) != len(self.lows) or self.lows.max() > 0 or self.highs.min() < 0:
            raise PslError("compressai tables: a table without zero; the model is damaged")

    @cached_property
    def highs(self) -> Integers:
        """The largest value of each table."""
        widths = np.array([len(table.frequencies) for table in self.tables], np.int32)
        return widths + self.lows - 2

    @staticmethod
    def of(model: Any) -> Tables:
        """The tables of an entropy model of CompressAI, after `update()`, in 2^-24 for its 2^-16.

        It has the escape behind the largest value.
        """
        lows = model.offset.cpu().numpy().astype(np.int32)
        cdfs, lengths = model.quantized_cdf.cpu().numpy(), model.cdf_length.cpu().tolist()
        tables = [
            FrequencyTable(np.roll(256 * np.diff(cdf[:length].astype(np.int64)), low))
            for cdf, length, low in zip(cdfs, lengths, lows.tolist(), strict=True)
        ]
        return Tables(tuple(tables), lows)

    def to_tensors(self) -> dict[str, Integers]:
        """What a model file holds: all tables in one vector, the symbols and the low of each."""
        frequencies = [table.frequencies for table in self.tables]
        widths = np.array([len(f) for f in frequencies], np.int32)
        together = np.concatenate(frequencies).astype(np.int32)
        return {"frequencies": together, "widths": widths, "lows": self.lows}

    @staticmethod
    def from_tensors(tensors: Mapping[str, NDArray[Any]]) -> Tables:
        """The tables of `to_tensors`. Raises PslError for tensors that it does not make."""
        parts = [tensors.get(key) for key in ("frequencies", "widths", "lows")]
        kept = [
            p for p in parts if p is not None and p.ndim == 1 and p.dtype == np.int32 and len(p)
        ]
        if len(kept) < len(parts) or kept[1].min() < 2:
            raise PslError("compressai tables: expected three int32 vectors; the model is damaged")
        frequencies, widths, lows = kept
        ends = np.cumsum(widths.astype(np.int64))
        if ends[-1] != len(frequencies) or widths.min() < 2:
            raise PslError("compressai tables: their widths do not fit; the model is damaged")
        split = np.split(frequencies.astype(np.int64), ends[:-1])
        return Tables(tuple(FrequencyTable(f) for f in split), lows)

    def symbols(self, values: Integers, index: Integers) -> tuple[Integers, Integers]:
        """Symbols (n,) of `values` (n,), and by how much those outside their tables are outside."""
        lows, highs = self.lows[index], self.highs[index]
        symbols: Integers = values + (values < 0) * (highs - lows + 2)
        outside = (values < lows) | (values > highs)
        symbols[outside] = highs[outside] + 1
        far = np.where(values < lows, values - lows, values - highs)
        return symbols, far[outside].clip(-_escapes.MAX_ESCAPE, _escapes.MAX_ESCAPE)

    def values(self, symbols: Integers, escapes: Integers, index: Integers) -> Integers:
        """What `symbols` and its escapes mean."""
        lows, highs = self.lows[index], self.highs[index]
        out: Integers = symbols - (symbols > highs) * (highs - lows + 2)
        outside = symbols == highs + 1
        out[outside] = np.where(escapes < 0, lows[outside], highs[outside]) + escapes
        return out
