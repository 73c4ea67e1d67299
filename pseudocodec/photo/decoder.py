"""Photo payloads to pictures: all of it, or a region from the tiles it needs.

`open_payload` and `synthesise` go by the kind of the model: here they are for those whose nets were
trained; `overfit.decoder` registers its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import singledispatch
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt
from pseudocodec.hyperprior import Decoded
from pseudocodec.model.base import AnySizeModel, torch_device
from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo import payload
from pseudocodec.photo.pictures import Latents, Values, pictured
from pseudocodec.photo.tiles import PATCH, TILE, Box, Grid
from pseudocodec.photo.window import Window

Bytes = NDArray[np.uint8]
ReadAt = Callable[[int, int], bytes]  # offset in the payload and length -> bytes
OnDamage = Callable[[int, Corrupt], None]  # told of a tile's number and of what is wrong
NO_FILTER: Values = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Tiles:
    """Where what decodes of a picture comes from: `content(i)` of tile i, and its level.

    Where nets and latents are a tile's own, `content(i)` is what they make of it: its pixels.
    """

    grid: Grid
    grey: bool
    level: int
    content: Callable[[int], Any]

    def numbers(self, number: int) -> NDArray[np.float32]:
        """All that decodes from a tile, one behind the other."""
        content = self.content(number)
        parts = content if isinstance(content, Decoded) else [content]
        return np.concatenate([part.astype(np.float32, copy=False).ravel() for part in parts])


@singledispatch
def open_payload(
    model: AnySizeModel, read_at: ReadAt, size: int, grid: Grid, *, cut: bool = False
) -> Tiles:
    """The tiles of a payload of `size` bytes, each read and decoded when it is asked for.

    With `cut` the payload may end early: tiles beyond its end are damaged ones.

    Raises Corrupt, here and from `content`, for damage that checksums or contradictions show.
    """
    raise TypeError(f"{type(model).__name__} has no tiles")


@open_payload.register(PhotoModel)
def _(model: PhotoModel, read_at: ReadAt, size: int, grid: Grid, *, cut: bool = False) -> Tiles:
    def decode(data: bytes, box: Box, level: int) -> Decoded:
        return model.code.decode(data, box.height, box.width, level)

    return tiles_in(read_at, size, grid, cut=cut, top=model.code.top, decode=decode)


def tiles_in(
    read_at: ReadAt,
    size: int,
    grid: Grid,
    *,
    cut: bool,
    top: int,
    decode: Callable[[bytes, Box, int], Any],
) -> Tiles:
    """The tiles of a payload, of which `decode` makes what they hold, given box and level.

    Raises as `open_payload`; so does a level above `top`.
    """
    data = read_at(0, min(size, payload.front_size(grid)))
    front = payload.unpack(data, size, grid, cut=cut)
    if front.level > top:
        raise Corrupt(f"photo: level {front.level}, the model has {top}; the file is damaged")

    def content(number: int) -> Any:
        """Read and decode a tile."""
        start, end = front.offsets[number], front.offsets[number + 1]
        data = read_at(start, end - start)
        if front.checksums and payload.tile_crc(number, data) != front.checksums[number]:
            raise Corrupt(f"tile {number} of {grid.tiles} is damaged: its checksum differs")
        return decode(data, grid.tile(number), front.level)

    return Tiles(grid, front.grey, front.level, content)


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
    parts = list(_parts(grid.covering(region)))
    seen = [_seen(part, reach, grid.latents) for part in parts]
    channels = model.code.channels(tiles.level)
    filters: dict[int, Values] = {}

    def latents(number: int) -> Latents | None:
        content = _content(tiles, number, on_damage)
        filters[number] = content.filter if content else NO_FILTER
        return content.latents if content else None

    window = Window(grid, seen, channels, latents)
    for i, (part, box) in enumerate(zip(parts, seen, strict=True)):
        block = window.block(i)
        [number] = grid.touching(part)
        content = Decoded(block, filters[number])
        pixels = _pixels(model, content, part.relative_to(box), tiles, device)
        place = part.scaled(PATCH).inside(region)
        inside = place.relative_to(part.scaled(PATCH))
        out[*place.relative_to(region).slices, :colours] = pixels[inside.slices]
    return out


def _content(tiles: Tiles, number: int, on_damage: OnDamage | None) -> Decoded | None:
    """What decodes from a tile; None for a damaged one that was reported."""
    try:
        return tiles.content(number)  # type: ignore[no-any-return]
    except Corrupt as error:
        if on_damage is None:
            raise
        on_damage(number, error)
        return None


def _parts(box: Box) -> Iterator[Box]:
    """What of `box` belongs to each tile, across the shorter side first."""
    rows, columns = _cuts(box.top, box.bottom), _cuts(box.left, box.right)
    if box.height >= box.width:
        pairs = ((across, along) for across in rows for along in columns)
    else:
        pairs = ((across, along) for along in columns for across in rows)
    for (top, bottom), (left, right) in pairs:
        yield Box(top, left, bottom, right)


def _cuts(start: int, end: int) -> list[tuple[int, int]]:
    """The range from `start` to `end`, cut where tiles begin."""
    inner = range(start - start % TILE + TILE, end, TILE)
    return list(pairwise([start, *inner, end]))


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


def _pixels(model: PhotoModel, content: Decoded, part: Box, tiles: Tiles, device: str) -> Bytes:
    """Pixels (16 h, 16 w, C) of `part` of a block of gained latents and details."""
    import torch

    with torch.inference_mode():
        [image] = pictured(model, content, part, tiles.level, torch_device(device))
        if tiles.grey:
            image = image.mean(0, keepdim=True)
        image.clamp_(0, 1).mul_(255).round_()  # in place: a copy of a tile has 13 MB
        pixels: Bytes = image.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
        return pixels
