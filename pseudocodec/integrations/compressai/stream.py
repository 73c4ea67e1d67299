"""The payload of a picture: one stream of the range coder, written or read by the same calls."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from pseudocodec.entropy import _escapes
from pseudocodec.entropy.coder import Reader, Writer, groups
from pseudocodec.integrations.compressai.tables import Integers, Tables

if TYPE_CHECKING:
    from torch import Tensor


class Stream:
    """A payload that is written; or one that is read, and written again to see that it is whole.

    The caller passes its values through `code` in the same order both ways, which is what keeps
    encoder and decoder alike. `checksum` is the CRC-32 of the table indices so far.
    """

    def __init__(self, payload: bytes | None = None) -> None:
        self._reader = None if payload is None else Reader(payload)
        self._writer = Writer()
        self.checksum = 0

    def code(self, values: Integers | None, index: Integers, tables: Tables) -> Integers:
        """Integers (n,) with the table of their `index` (n,): written, or read where None is given.

        Returns what a reader gets, which is `values` unless one is 2^16 outside its table.
        """
        self.checksum = zlib.crc32(index.astype("<u2").tobytes(), self.checksum)
        grouped = groups(index, tables.tables)
        if self._reader is None:
            assert values is not None
            symbols, escapes = tables.symbols(values, index)
        else:
            symbols = self._reader.take(grouped)
            count = int(np.count_nonzero(symbols == tables.highs[index] + 1))
            escapes = _escapes.take(self._reader, count) if count else np.zeros(0, np.int32)
        self._writer.put(symbols, grouped)
        if len(escapes):
            _escapes.put(self._writer, escapes)
        return tables.values(symbols, escapes, index)

    def written(self) -> bytes:
        """The payload."""
        return self._writer.payload()[0]


def through(
    stream: Stream, tables: Tables, index: Tensor, means: Tensor, values: Tensor | None
) -> Tensor:
    """Values (1, C, h, w) less their means, rounded, through `stream`; what decodes from it."""
    import torch

    whole = None
    if values is not None:
        whole = (values - means).round().clamp(-(2.0**30), 2.0**30).to(torch.int32)
    decoded = stream.code(
        None if whole is None else whole.flatten().cpu().numpy(),
        index.expand_as(means).flatten().cpu().numpy(),
        tables,
    )
    return torch.from_numpy(decoded).to(means).view(means.shape) + means
