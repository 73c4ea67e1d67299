"""The tiles that a decoder looks at: each decoded once, and held as long as parts to come need it.

They lie in one array whose places are used again. Arrays of their own, a few MB each, freed between
those of the nets, would leave holes in the heap: on pictures of 16 megapixels and more, 200 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pseudocodec.photo.tiles import Box, Grid

Latents = NDArray[np.float32]


class Window:
    """Blocks of latents for boxes known beforehand, asked for in their order.

    `gained` gives the latents (channels, h, w) of a tile, or None where zeros are to stand.
    """

    def __init__(
        self,
        grid: Grid,
        boxes: Sequence[Box],
        channels: int,
        gained: Callable[[int], Latents | None],
    ) -> None:
        self._grid, self._boxes, self._gained = grid, boxes, gained
        self._last = {number: i for i, box in enumerate(boxes) for number in grid.touching(box)}
        self._places: dict[int, int | None] = {}  # of the tiles held; None for zeros
        first = grid.tile(0)
        self._store = np.empty((self._most(), channels, first.height, first.width), np.float32)
        self._free = list(range(len(self._store)))

    def block(self, i: int) -> Latents:
        """The latents (channels, h, w) of box `i`; those only it needed are let go."""
        box = self._boxes[i]
        out = np.zeros((self._store.shape[1], box.height, box.width), np.float32)
        for number in self._grid.touching(box):
            if number not in self._places:
                self._places[number] = self._take_in(number)
            place = self._places[number]
            if place is not None:
                tile = self._grid.tile(number)
                both = box.inside(tile)
                held = self._store[place][:, *both.relative_to(tile).slices]
                out[:, *both.relative_to(box).slices] = held
        for number in [number for number in self._places if self._last[number] == i]:
            place = self._places.pop(number)
            if place is not None:
                self._free.append(place)
        return out

    def _take_in(self, number: int) -> int | None:
        latents = self._gained(number)
        if latents is None:
            return None
        place = self._free.pop()
        self._store[place, :, : latents.shape[1], : latents.shape[2]] = latents
        return place

    def _most(self) -> int:
        """How many tiles are ever held together."""
        held: set[int] = set()
        most = 0
        for i, box in enumerate(self._boxes):
            held.update(self._grid.touching(box))
            most = max(most, len(held))
            held = {number for number in held if self._last[number] > i}
        return most
