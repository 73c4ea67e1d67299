"""Photo payloads to pictures: all of it, or a region from the tiles it needs.

`open_payload` and `synthesise` go by the kind of the model: here they are for those whose nets were
trained; `overfit.decoder` registers its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt
from pseudocodec.model.base import AnySizeModel, torch_device
from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo import payload
from pseudocodec.photo.pictures import pictured
from pseudocodec.photo.tiles import PATCH, TILE, Box, Grid
from pseudocodec.photo.window import Latents, Window

Bytes = NDArray[np.uint8]
ReadAt = Callable[[int, int], bytes]  # offset in the payload and length -> bytes
OnDamage = Callable[[int, Corrupt], None]  # told of a tile's number and of what is wrong


@dataclass(frozen=True)
class Tiles:
    """Where the latents and details of a picture come from: `gained(i)` for tile i, and its level.

    Where nets and latents are a tile's own, `gained(i)` is what they make of it: its pixels.
    """

    grid: Grid
    grey: bool
    level: int
    gained: Callable[[int], NDArray[Any]]


@singledispatch
def open_payload(
    model: AnySizeModel, read_at: ReadAt, size: int, grid: Grid, *, cut: bool = False
) -> Tiles:
    """The tiles of a payload of `size` bytes, each read and decoded when it is asked for.

    With `cut` the payload may end early: tiles beyond its end are damaged ones.

    Raises Corrupt, here and from `gained`, for damage that checksums or contradictions show.
    """
    raise TypeError(f"{type(model).__name__} has no tiles")


@open_payload.register(PhotoModel)
def _(model: PhotoModel, read_at: ReadAt, size: int, grid: Grid, *, cut: bool = False) -> Tiles:
    def decode(data: bytes, box: Box, level: int) -> Latents:
        return model.code.decode(data, box.height, box.width, level)

    return tiles_in(read_at, size, grid, cut=cut, top=model.code.top, decode=decode)


def tiles_in(
    read_at: ReadAt,
    size: int,
    grid: Grid,
    *,
    cut: bool,
    top: int,
    decode: Callable[[bytes, Box, int], NDArray[Any]],
) -> Tiles:
    """The tiles of a payload, of which `decode` makes what they hold, given box and level.

    Raises as `open_payload`; so does a level above `top`.
    """
    data = read_at(0, min(size, payload.front_size(grid)))
    front = payload.unpack(data, size, grid, cut=cut)
    if front.level > top:
        raise Corrupt(f"photo: level {front.level}, the model has {top}; the file is damaged")

    def gained(number: int) -> NDArray[Any]:
        """Read and decode a tile."""
        start, end = front.offsets[number], front.offsets[number + 1]
        data = read_at(start, end - start)
        if front.checksums and payload.tile_crc(number, data) != front.checksums[number]:
            raise Corrupt(f"tile {number} of {grid.tiles} is damaged: its checksum differs")
        return decode(data, grid.tile(number), front.level)

    return Tiles(grid, front.grey, front.level, gained)


@singledispatch
def synthesise(
    model: AnySizeModel,
    tiles: Tiles,
    region: Box | None = None,
    *,
    device: str = "auto",
    spare: int = 0,
    on_damage: OnDamage | None = None,
) -> Bytes:
    """Pixels (h, w, 1 or 3 + `spare`) of `region`, by default of the whole picture.

    With `on_damage`, a damaged tile is reported and decodes to a flat
    colour; else its Corrupt is raised. `spare` channels behind the colours are left for the caller
    to fill.
    """
    raise TypeError(f"{type(model).__name__} has no tiles")


@synthesise.register(PhotoModel)
def _(
    model: PhotoModel,
    tiles: Tiles,
    region: Box | None = None,
    *,
    device: str = "auto",
    spare: int = 0,
    on_damage: OnDamage | None = None,
) -> Bytes:
    # The nets see real neighbours: beside the tiles that a region touches, those within the nets'
    # reach are decoded, too. A tile is held from the first part that sees it to the last. Parts
    # follow each other across the shorter side, so that two rows of tiles are held: with 192
    # channels, 6 KB for each pixel of it.
    grid = tiles.grid
    region = region or grid.pixels
    colours = 1 if tiles.grey else 3
    out = np.empty((region.height, region.width, colours + spare), np.uint8)
    reach = model.transform(torch_device(device)).config.reach
    parts = [part for band in _bands(grid.covering(region)) for part in _bands(band)]
    seen = [_seen(part, reach, grid.latents) for part in parts]
    channels = model.code.channels(tiles.level)
    window = Window(grid, seen, channels, lambda n: _gained(tiles, n, on_damage))
    for i, (part, box) in enumerate(zip(parts, seen, strict=True)):
        pixels = _pixels(model, window.block(i), part.relative_to(box), tiles, device)
        place = part.scaled(PATCH).inside(region)
        inside = place.relative_to(part.scaled(PATCH))
        out[*place.relative_to(region).slices, :colours] = pixels[inside.slices]
    return out


def _gained(tiles: Tiles, number: int, on_damage: OnDamage | None) -> Latents | None:
    """Latents and details of a tile; None for a damaged one that was reported."""
    try:
        return tiles.gained(number)
    except Corrupt as error:
        if on_damage is None:
            raise
        on_damage(number, error)
        return None


def _bands(box: Box) -> Iterator[Box]:
    """Pieces of at most a tile along the longer side; twice, at most a tile."""
    if box.height >= box.width:
        for top in range(box.top, box.bottom, TILE):
            yield box._replace(top=top, bottom=min(top + TILE, box.bottom))
    else:
        for left in range(box.left, box.right, TILE):
            yield box._replace(left=left, right=min(left + TILE, box.right))


def _seen(part: Box, reach: int, latents: Box) -> Box:
    """What the nets look at for `part`: a full one sees equally much at a border, further inwards.

    Nothing comes of that but equal sizes. With three of them, for corners, edges and the middle,
    each would leave holes in the heap that the next does not fit: 200 MB.
    """
    top, left, bottom, right = part.grown(reach, latents)
    rows, columns = (min(TILE + 2 * reach, side) for side in (latents.height, latents.width))
    if part.height == TILE and bottom - top < rows:
        top, bottom = (0, rows) if top == 0 else (bottom - rows, bottom)
    if part.width == TILE and right - left < columns:
        left, right = (0, columns) if left == 0 else (right - columns, right)
    return Box(top, left, bottom, right)


def _pixels(model: PhotoModel, gained: Latents, part: Box, tiles: Tiles, device: str) -> Bytes:
    """Pixels (16 h, 16 w, C) of `part` of a block of gained latents and details."""
    import torch

    with torch.inference_mode():
        [image] = pictured(model, gained, part, tiles.level, torch_device(device))
        if tiles.grey:
            image = image.mean(0, keepdim=True)
        image.clamp_(0, 1).mul_(255).round_()  # in place: a copy of a tile has 13 MB
        pixels: Bytes = image.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return pixels
