"""Photo payloads to pictures: all of it, or a region from the tiles it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt
from pseudocodec.model.base import torch_device
from pseudocodec.photo import payload
from pseudocodec.photo.tensors import level_tensor
from pseudocodec.photo.tiles import PATCH, TILE, Box, Grid

if TYPE_CHECKING:
    from pseudocodec.model import PhotoModel

Bytes = NDArray[np.uint8]
Latents = NDArray[np.float32]
ReadAt = Callable[[int, int], bytes]  # offset in the payload and length -> bytes


@dataclass(frozen=True)
class Tiles:
    """Where the latents of a picture come from: `gained(i)` for tile i, and its level."""

    grid: Grid
    grey: bool
    level: int
    gained: Callable[[int], Latents]


def open_payload(
    model: PhotoModel, read_at: ReadAt, size: int, grid: Grid, *, cut: bool = False
) -> Tiles:
    """The tiles of a payload of `size` bytes, each read and decoded when it is asked for.

    With `cut` the payload may end early: tiles beyond its end are damaged ones.

    Raises Corrupt, here and from `gained`, for damage that checksums or contradictions show.
    """
    data = read_at(0, min(size, payload.front_size(grid)))
    front = payload.unpack(data, size, grid, cut=cut)
    if front.level > model.code.top:
        raise Corrupt(
            f"photo: level {front.level}, the model has {model.code.top}; the file is damaged"
        )

    def gained(number: int) -> Latents:
        """Read and decode a tile."""
        start, end = front.offsets[number], front.offsets[number + 1]
        data = read_at(start, end - start)
        if front.checksums and payload.tile_crc(number, data) != front.checksums[number]:
            raise Corrupt(f"tile {number} of {grid.tiles} is damaged: its checksum differs")
        box = grid.tile(number)
        return model.code.decode(data, box.height, box.width, front.level)

    return Tiles(grid, front.grey, front.level, gained)


def synthesise(
    model: PhotoModel,
    tiles: Tiles,
    region: Box | None = None,
    *,
    device: str = "auto",
    on_damage: Callable[[int, Corrupt], None] | None = None,
) -> Bytes:
    """Pixels (h, w, 1 or 3) of `region`, by default of the whole picture.

    The nets see real neighbours: beside the tiles that a region touches, those within the nets'
    reach are decoded, too. With `on_damage`, a damaged tile is reported and decodes to a flat
    colour; else its Corrupt is raised.
    """
    grid = tiles.grid
    region = region or grid.pixels
    out = np.empty((region.height, region.width, 1 if tiles.grey else 3), np.uint8)
    reach = model.transform(torch_device(device)).config.reach
    wanted = grid.covering(region)
    field = wanted.grown(reach, grid.latents)
    latents = np.zeros((model.code.latents, field.height, field.width), np.float32)
    for number in grid.touching(field):
        box = grid.tile(number)
        both = box.inside(field)
        try:
            gained = tiles.gained(number)
        except Corrupt as error:
            if on_damage is None:
                raise
            on_damage(number, error)
            continue
        latents[:, *both.relative_to(field).slices] = gained[:, *both.relative_to(box).slices]
    for part in _parts(wanted):
        seen = part.grown(reach, grid.latents)
        block = latents[:, *seen.relative_to(field).slices]
        pixels = _pixels(model, block, part.relative_to(seen), tiles, device)
        place = part.scaled(PATCH).inside(region)
        inside = place.relative_to(part.scaled(PATCH))
        out[place.relative_to(region).slices] = pixels[inside.slices]
    return out


def _parts(latents: Box) -> Iterator[Box]:
    """Pieces of at most a tile, to bound what the nets hold."""
    for top in range(latents.top, latents.bottom, TILE):
        for left in range(latents.left, latents.right, TILE):
            bottom, right = min(top + TILE, latents.bottom), min(left + TILE, latents.right)
            yield Box(top, left, bottom, right)


def _pixels(model: PhotoModel, gained: Latents, part: Box, tiles: Tiles, device: str) -> Bytes:
    """Pixels (16 h, 16 w, C) of `part` of a block of gained latents."""
    import torch

    where = torch_device(device)
    t = model.transform(where)
    with torch.inference_mode():
        at = level_tensor(tiles.level, where)
        images = t.synthesise(torch.from_numpy(gained).to(where)[None] / t.gain(at), at)
        image = images[0, :, *part.scaled(PATCH).slices]
        if tiles.grey:
            image = image.mean(0, keepdim=True)
        pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
        return pixels.cpu().numpy()
