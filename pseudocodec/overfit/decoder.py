"""Payloads of fitted nets and latents to pictures; the same pixels everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt
from pseudocodec.overfit import tile
from pseudocodec.overfit.design import unflatten
from pseudocodec.overfit.start import Starts
from pseudocodec.overfit.synthesis import render
from pseudocodec.photo.decoder import OnDamage, ReadAt, Tiles, tiles_in
from pseudocodec.photo.tiles import PATCH, Box, Grid

if TYPE_CHECKING:
    from pseudocodec.overfit.model import OverfitModel

Bytes = NDArray[np.uint8]
FLAT = 128  # of a tile that is damaged


def pixels_of(
    starts: Starts, data: bytes, size: tuple[int, int], start: int, *, grey: bool
) -> Bytes:
    """The pixels (h, w, 1 or 3) of a tile of `size` (h, w). Raises Corrupt for a damaged one."""
    row = starts.rows[start]
    content = tile.unpack(row, starts.tables, data, *size)
    nets = unflatten(tile.parameters(row, content))
    return render(nets, content.latents, grey=grey)


def open_payload(
    model: OverfitModel, read_at: ReadAt, size: int, grid: Grid, *, cut: bool = False
) -> Tiles:
    """See `photo.decoder.open_payload`; `content` gives pixels (h, w, 1 or 3)."""
    grey = False

    def decode(data: bytes, box: Box, level: int) -> Bytes:
        area = box.scaled(PATCH).inside(grid.pixels)
        shape = (area.height, area.width)
        return pixels_of(model.starts, data, shape, level, grey=grey)

    tiles = tiles_in(read_at, size, grid, cut=cut, top=model.starts.top, decode=decode)
    grey = tiles.grey
    return tiles


def synthesise(
    model: OverfitModel,
    tiles: Tiles,
    region: Box | None = None,
    *,
    device: str = "auto",
    spare: int = 0,
    on_damage: OnDamage | None = None,
) -> Bytes:
    """See `photo.decoder.synthesise`; a tile is decoded, used and let go."""
    grid = tiles.grid
    region = region or grid.pixels
    colours = 1 if tiles.grey else 3
    out = np.empty((region.height, region.width, colours + spare), np.uint8)
    for number in grid.touching(grid.covering(region)):
        area = grid.tile(number).scaled(PATCH).inside(grid.pixels)
        both = area.inside(region)
        part = out[*both.relative_to(region).slices, :colours]
        try:
            part[:] = tiles.content(number)[both.relative_to(area).slices]
        except Corrupt as error:
            if on_damage is None:
                raise
            on_damage(number, error)
            part[:] = FLAT
    return out
