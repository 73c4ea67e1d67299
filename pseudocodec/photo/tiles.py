"""How a picture is cut: tiles of latents, each coded alone, with halos for the nets.

A tile's bytes depend on its own latents only, so that any tile decodes without the others. The nets
look further: they see a halo of real neighbours around each tile, as wide as they reach, and what
they compute within the tile is what they would have computed for the whole picture. No seam shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

PATCH = 16  # pixels a latent, along each side
TILE = 64  # latents a tile, along each side: 1,024 pixels


class Box(NamedTuple):
    """A rectangle of rows top to bottom and columns left to right, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def grown(self, by: int, within: Box) -> Box:
        """Larger by `by` on each side, but inside `within`."""
        return Box(
            max(self.top - by, within.top),
            max(self.left - by, within.left),
            min(self.bottom + by, within.bottom),
            min(self.right + by, within.right),
        )

    def inside(self, other: Box) -> Box:
        """What both have in common."""
        return self.grown(0, other)

    def relative_to(self, other: Box) -> Box:
        """The same rectangle in coordinates of `other`'s corner."""
        top, left = other.top, other.left
        return Box(self.top - top, self.left - left, self.bottom - top, self.right - left)

    def scaled(self, factor: int) -> Box:
        """In units a `factor` smaller."""
        return Box(*(factor * side for side in self))

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns as an index."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


class Grid(NamedTuple):
    """The latents of a picture of `height` x `width` pixels, and their tiles in reading order."""

    height: int
    width: int

    @property
    def pixels(self) -> Box:
        """The picture."""
        return Box(0, 0, self.height, self.width)

    @property
    def latents(self) -> Box:
        """All latents: the picture grown to whole patches."""
        return Box(0, 0, -(-self.height // PATCH), -(-self.width // PATCH))

    @property
    def columns(self) -> int:
        """Tiles beside each other."""
        return -(-self.latents.right // TILE)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return -(-self.latents.bottom // TILE) * self.columns

    def tile(self, number: int) -> Box:
        """Tile `number`, in latents."""
        row, column = divmod(number, self.columns)
        whole = self.latents
        top, left = row * TILE, column * TILE
        return Box(top, left, min(top + TILE, whole.bottom), min(left + TILE, whole.right))

    def touching(self, box: Box) -> Iterator[int]:
        """Numbers of the tiles that overlap `box`, in latents."""
        for row in range(box.top // TILE, -(-box.bottom // TILE)):
            for column in range(box.left // TILE, -(-box.right // TILE)):
                yield row * self.columns + column

    def covering(self, region: Box) -> Box:
        """The latents of the pixels of `region`."""
        return Box(
            region.top // PATCH,
            region.left // PATCH,
            -(-region.bottom // PATCH),
            -(-region.right // PATCH),
        )
