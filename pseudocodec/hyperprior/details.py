"""Detail coefficients of a tile to a stream and back.

Latents are as many as most pictures need at most rates. What they leave of a picture is transformed
once more, linearly (`nets.details`), and from some level on those coefficients are coded too: whole
numbers, each with the table that its channel has at the level, in contexts of their own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy.scales import ScaleTables
from pseudocodec.errors import PslError
from pseudocodec.hyperprior import _parts as parts
from pseudocodec.hyperprior.integer import MOST_INDEX, within

DETAIL = "detail_"  # names of tensors begin with it
FIRST, INDEX, CONTEXTS = f"{DETAIL}first", f"{DETAIL}index", f"{DETAIL}contexts."
MOST_DETAILS = 768  # those of 16 x 16 pixels of three colours

Whole = NDArray[np.int32]


class DetailCode:
    """How details (count, h, w) are coded; made from the tensors of a model's code.

    Attributes: `count` (channels), `first` (the lowest level of files that can have them), `index`
    (rows, count; tables, ACTIVATION fractional bits), `contexts`. Raises PslError for tensors that
    are missing or do not fit.
    """

    def __init__(self, tensors: parts.Tensors, tables: ScaleTables, rows: int, top: int) -> None:
        try:
            first, self.index = parts.integers(tensors, FIRST), parts.integers(tensors, INDEX)
        except KeyError as error:
            raise PslError(
                f"hyperprior details: {error} is missing; get the model again"
            ) from error
        if first.shape != (1,) or self.index.ndim != 2 or len(self.index) != rows:
            raise PslError("hyperprior details: a wrong shape; get the model again")
        self.tables, self.first, self.count = tables, int(first[0]), self.index.shape[1]
        fits = 0 <= self.first <= top and 0 < self.count <= MOST_DETAILS
        if not fits or not within(self.index, MOST_INDEX):
            raise PslError("hyperprior details: a number is out of range; get the model again")
        contexts = parts.contexts_of(tensors, CONTEXTS, tables, self.count, top)
        if contexts is None:
            raise PslError("hyperprior details: their contexts are missing; get the model again")
        self.contexts = contexts

    def encode(
        self, values: NDArray[np.float32], level: int, prices: NDArray[np.float32]
    ) -> tuple[bytes, Whole]:
        """Real values (count, h, w) in steps -> a stream, and the details chosen for them.

        `prices` (count,): see `Contexts.encode_values`.
        """
        tables = self.tables_of(values.shape[1:], level)
        return self.contexts.encode_values(values.astype(np.float64), tables, level, prices)

    def decode(self, stream: bytes, size: tuple[int, int], level: int) -> Whole:
        """A stream -> details (count, h, w); zeros for an empty one. Raises Corrupt."""
        if not stream:
            return np.zeros((self.count, *size), np.int32)
        return self.contexts.decode(stream, self.tables_of(size, level), level)

    def tables_of(self, size: tuple[int, ...], level: int) -> NDArray[np.uint8]:
        """The table of each detail (count, h, w)."""
        return parts.tables_at(self.index, level, (self.count, *size), self.tables)
