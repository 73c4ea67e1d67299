"""The filter of a tile to a stream and back.

What latents decode to goes through a filter that the encoder fits to the picture (`nets.filters`).
It is sent as whole numbers, coordinates of its weights, each with the table that it has at the
level. There is none where they are all zero, for which the stream is empty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pseudocodec.entropy import scales
from pseudocodec.entropy.scales import ScaleTables
from pseudocodec.errors import PslError
from pseudocodec.hyperprior import _parts as parts
from pseudocodec.hyperprior.integer import MOST_INDEX, within

FILTER = "filter_"  # names of tensors begin with it
INDEX = f"{FILTER}index"
MOST_VALUES = 1024
MOST = 1000  # absolute value of those that encoders choose
TRIED = 16  # beside the one of least error, towards zero; zero is tried, too
SWEEPS = 6  # over all values, at most, until none changes

Whole = NDArray[np.int32]
Doubles = NDArray[np.float64]


class FilterCode:
    """How a filter's values (count,) are coded; made from the tensors of a model's code.

    Attributes: `count`, `index` (rows, count; tables, ACTIVATION fractional bits). Raises PslError
    for tensors that do not fit.
    """

    def __init__(self, tensors: parts.Tensors, tables: ScaleTables, rows: int) -> None:
        try:
            self.index = parts.integers(tensors, INDEX)
        except KeyError as error:
            raise PslError(
                f"hyperprior filters: {error} is missing; get the model again"
            ) from error
        if self.index.ndim != 2 or len(self.index) != rows:
            raise PslError("hyperprior filters: a wrong shape; get the model again")
        self.tables, self.count = tables, self.index.shape[1]
        if not 0 < self.count <= MOST_VALUES or not within(self.index, MOST_INDEX):
            raise PslError("hyperprior filters: a number is out of range; get the model again")

    def encode(self, values: Whole, level: int) -> bytes:
        """Values (count,) -> a stream, empty if they are all zero."""
        return scales.encode(values, self.tables_of(level), self.tables)

    def decode(self, stream: bytes, level: int) -> Whole:
        """A stream -> values (count,). Raises Corrupt for one that `encode` does not write."""
        return scales.decode(stream, self.tables_of(level), self.tables)

    def tables_of(self, level: int) -> NDArray[np.uint8]:
        """The table of each value (count,)."""
        return parts.tables_at(self.index, level, (self.count, 1, 1), self.tables).ravel()

    def choose(self, curvature: Doubles, slope: Doubles, level: int) -> Whole:
        """The values v (count,) of the least v' curvature v - 2 slope' v, in bits, plus their own.

        One by one, over and over: `curvature` (count, count) is not quite diagonal.
        """
        tables, bends = self.tables_of(level), curvature.diagonal()
        values, left = np.zeros(self.count, np.int32), slope.copy()  # of which values are taken off
        for _ in range(SWEEPS):
            before = values.copy()
            for i in np.flatnonzero(bends > 0):
                aim = left[i] + bends[i] * values[i]
                nearest = int(np.clip(np.rint(aim / bends[i]), -MOST, MOST))
                fewer = np.arange(min(abs(nearest), TRIED) + 1)
                tried = np.append(nearest - np.sign(nearest) * fewer, 0).astype(np.int32)
                bits = self.tables.information(tried, np.full(len(tried), tables[i]))
                best = tried[np.argmin(bends[i] * tried**2 - 2 * aim * tried + bits)]
                left -= curvature[i] * (best - values[i])
                values[i] = best
            if (values == before).all():
                break
        return values
