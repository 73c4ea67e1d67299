"""One photograph to the bytes of a .psl file and back."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import Chunk, Geometry, Single, write_single
from pseudocodec.container.chunks import pack_section
from pseudocodec.container.layout import COMMON, GEOMETRY
from pseudocodec.container.single import SingleFront, verify_single
from pseudocodec.container.source import Bounded
from pseudocodec.errors import Corrupt, DamagedWarning, PslError
from pseudocodec.photo.decoder import Tiles, open_payload, synthesise
from pseudocodec.photo.progress import OnProgress
from pseudocodec.photo.rate import encode_pixels
from pseudocodec.photo.tiles import Box, Grid
from pseudocodec.picture import ALPHA, PROFILE, as_picture, from_chunks, to_chunks
from pseudocodec.rate import Target

if TYPE_CHECKING:
    from pseudocodec._pixels import Pixels
    from pseudocodec.model import AnySizeModel

Bytes = NDArray[np.uint8]
Region = tuple[int, int, int, int]  # left, top, right, bottom, as in Pillow


def encode_photo(
    model: AnySizeModel,
    image: object,
    target: Target,
    *,
    effort: int,
    device: str,
    on_progress: OnProgress = None,
) -> bytes:
    """The .psl file of a picture of any size, with its transparency and ICC profile."""
    picture = as_picture(image)
    height, width, _ = picture.pixels.shape
    chunks = to_chunks(picture)
    overhead = COMMON.size + GEOMETRY.size + len(pack_section(chunks))
    payload = encode_pixels(
        model,
        picture.pixels,
        target,
        overhead=overhead,
        effort=effort,
        device=device,
        on_progress=on_progress,
    )
    size = Geometry(width, height)
    return write_single(model.id, payload, geometry=size, chunks=chunks, dense=True)


def encode_payload(
    model: AnySizeModel, pixels: Pixels, target: Target, *, effort: int, device: str
) -> bytes:
    """The payload of one picture of an archive, (H, W, 1 or 3)."""
    return encode_pixels(model, pixels, target, effort=effort, device=device)


def decode_payload(
    model: AnySizeModel, payload: bytes, size: Geometry | None, *, dense: bool, device: str
) -> Bytes:
    """One picture of an archive: (H, W) or (H, W, 3)."""
    return _squeezed(synthesise(model, tiles_of(model, payload, size, dense=dense), device=device))


def tiles_of(model: AnySizeModel, payload: bytes, size: Geometry | None, *, dense: bool) -> Tiles:
    """The tiles of a payload in a file that says `size` and `dense`; none is decoded yet.

    Raises Corrupt for a file that no writer of photos makes.
    """
    return _tiles_of(model, payload, _size(size, dense=dense))


def decode_photo(
    model: AnySizeModel,
    single: Single,
    *,
    region: Region | None = None,
    keep_going: bool = False,
    device: str,
) -> Bytes:
    """The picture of a file read whole: (H, W), (H, W, 3), with alpha (H, W, 2) or (H, W, 4).

    With `keep_going`, damaged and missing tiles are named in a DamagedWarning and left flat.
    """
    size = _size(single.geometry, dense=single.dense)
    tiles = _tiles_of(model, single.payload, size, cut=keep_going)
    if not single.verified and not (keep_going and tiles.grid.tiles > 1):
        raise Corrupt("the checksum of the file differs: it is truncated or damaged")
    damaged: list[int] = []
    box = box_of(region, tiles.grid)
    pixels = synthesise(
        model,
        tiles,
        box,
        device=device,
        spare=_spare(single.chunks),
        on_damage=(lambda number, _: damaged.append(number)) if keep_going else None,
    )
    if damaged or not single.verified:
        warnings.warn(_complaint(tiles.grid, damaged), DamagedWarning, stacklevel=3)
    return _finished(pixels, single.chunks, size, box)


def decode_region(
    model: AnySizeModel, front: SingleFront, file: Bounded, region: Region, *, device: str
) -> Bytes:
    """A region of the picture in `file`, of which only the tiles it needs are read.

    The checksums of the tiles are verified, and that of the whole file only if it has chunks that
    change what is seen, which nothing else protects. A picture of one tile has no checksum of its
    own and is read whole.
    """
    if any(chunk.tag != PROFILE for chunk in front.chunks):
        verify_single(file)
    size = _size(front.geometry, dense=front.dense)
    grid = Grid(size.height, size.width)
    start = front.payload_offset

    def read_at(offset: int, length: int) -> bytes:
        return file.read_at(start + offset, length)

    tiles = open_payload(model, read_at, file.size - start, grid)
    box = box_of(region, grid)
    pixels = synthesise(model, tiles, box, device=device, spare=_spare(front.chunks))
    return _finished(pixels, front.chunks, size, box)


def _tiles_of(model: AnySizeModel, payload: bytes, size: Geometry, *, cut: bool = False) -> Tiles:
    grid, file = Grid(size.height, size.width), Bounded(io.BytesIO(payload))
    return open_payload(model, file.read_at, len(payload), grid, cut=cut)


def _spare(chunks: Iterable[Chunk]) -> int:
    """Channels beside the colours: 1 with a chunk of transparency."""
    return int(any(chunk.tag == ALPHA for chunk in chunks))


def _finished(pixels: Bytes, chunks: Iterable[Chunk], size: Geometry, box: Box) -> Bytes:
    """With the alpha of `box` in the spare channel, which an opaque plane takes away again.

    The plane is unpacked last, when the nets' memory is free again. The profile, which pixels do
    without, is not looked at.
    """
    kept = [chunk for chunk in chunks if chunk.tag == ALPHA]
    if not kept:
        return _squeezed(pixels)
    alpha, _ = from_chunks(kept, size.width, size.height)
    if alpha is None:
        return _squeezed(pixels[:, :, :-1])
    pixels[:, :, -1] = alpha[box.slices]
    return pixels


def _size(geometry: Geometry | None, *, dense: bool) -> Geometry:
    if geometry is None:
        raise Corrupt("the file does not say how large its picture is; it is damaged")
    if not dense:
        raise Corrupt("the file claims that prefixes of a photo decode; it is damaged")
    return geometry


def box_of(region: Region | None, grid: Grid) -> Box:
    """A region as a box, all of the picture without one. Raises PslError outside the picture."""
    if region is None:
        return grid.pixels
    left, top, right, bottom = region
    if not (0 <= left < right <= grid.width and 0 <= top < bottom <= grid.height):
        raise PslError(
            f"region={tuple(region)}: expected left, top, right, bottom within the "
            f"{grid.width} x {grid.height} pixels of the picture"
        )
    return Box(top, left, bottom, right)


def _complaint(grid: Grid, damaged: list[int]) -> str:
    if not damaged:
        return "the checksum of the file differs: it is damaged, outside the tiles decoded here"
    names = ", ".join(_name(grid, number) for number in damaged)
    return f"{len(damaged)} of {grid.tiles} tiles are damaged and left flat: {names}"


def _name(grid: Grid, number: int) -> str:
    box = grid.tile(number).scaled(16).inside(grid.pixels)
    return f"{number} (pixels {box.left},{box.top} to {box.right},{box.bottom})"


def _squeezed(pixels: Bytes) -> Bytes:
    return pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
