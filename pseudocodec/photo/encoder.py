"""One picture on its way into a photo payload: its latents once, then any level."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.errors import PslError
from pseudocodec.hyperprior import Decoded
from pseudocodec.model.base import torch_device
from pseudocodec.photo import payload
from pseudocodec.photo.decoder import Tiles, synthesise
from pseudocodec.photo.filtering import fitted
from pseudocodec.photo.pictures import Latents, filtered_by, unfiltered
from pseudocodec.photo.tensors import level_tensor, tensor_of, window
from pseudocodec.photo.tiles import PATCH, Box, Grid

if TYPE_CHECKING:
    from torch import Tensor

    from pseudocodec.model import PhotoModel
    from pseudocodec.nets.contexts import ExpectedTables
    from pseudocodec.nets.hyperprior import HyperpriorTransform


class Effort(NamedTuple):
    """What an encoder does at one level of effort."""

    weight: float  # of errors when residuals are rounded for rate, too; 0: rounded only
    steps: int = 0  # of refinement: see `inversion.refine_photo`; with them, filters are fitted


WEIGHT = 2.0  # without steps: on validation pictures 1.3, 1.6 and 3 take 0.1 to 0.4 % more bits
REFINED_WEIGHT = 1.4  # with steps, which make good what the others' errors do
DETAIL_WEIGHT = 1.1  # of details: their transform is orthonormal
EFFORTS = (
    Effort(0.0),
    Effort(WEIGHT),
    *[Effort(REFINED_WEIGHT, steps) for steps in (2, 4, 6, 8, 12, 16, 24, 32)],
)
"""benchmarks/photo_effort.py measures what they take and gain."""
PLAIN = 1  # the highest without steps


class Coded(NamedTuple):
    """A picture coded at a level: its payload, and what decodes from its tiles."""

    level: int
    payload: bytes
    contents: list[Decoded]


class Encoder:
    """The latents of one picture (H, W, 1 or 3), uint8 or uint16, ready for every level.

    The transform is the same at all levels, so it runs once; what a level changes, steps and
    hyper-latents, is cheap. Memory: latents of 192 channels take as much as a colour picture of 8
    bits.
    """

    def __init__(
        self, model: PhotoModel, pixels: Pixels, *, effort: int = 0, device: str = "auto"
    ) -> None:
        if effort not in range(len(EFFORTS)):
            raise PslError(f"effort={effort}: expected a whole number from 0 to {len(EFFORTS) - 1}")
        self.model, self.pixels, self.effort = model, pixels, effort
        self.grid = Grid(*pixels.shape[:2])
        self.grey = pixels.shape[2] == 1
        self.device = torch_device(device)
        self._tiles = [self._analyse(self.grid.tile(i)) for i in range(self.grid.tiles)]

    @property
    def plain(self) -> Encoder:
        """This encoder without steps of refinement: itself where it takes none."""
        if not EFFORTS[self.effort].steps:
            return self
        twin = copy(self)
        twin.effort = PLAIN
        return twin

    @property
    def transform(self) -> HyperpriorTransform:
        """The nets, on the encoder's device."""
        return self.model.transform(self.device)

    def encode(self, level: int) -> Coded:
        """The picture at `level`, 0 to the code's top."""
        tiles = [self._code(number, level) for number in range(self.grid.tiles)]
        gained = [latents for _, latents in tiles]
        finished = [
            self._finished(number, level, data, gained) for number, (data, _) in enumerate(tiles)
        ]
        packed = payload.pack(self.grid, self.grey, level, [data for data, _ in finished])
        return Coded(level, packed, [content for _, content in finished])

    def decode(self, coded: Coded) -> NDArray[np.uint8]:
        """What decodes from `coded`: (H, W, 1 or 3)."""
        tiles = Tiles(self.grid, self.grey, coded.level, coded.contents.__getitem__)
        return synthesise(self.model, tiles, device=str(self.device))

    def _code(self, number: int, level: int) -> tuple[bytes, Latents]:
        """Bytes of a tile, and the gained latents that decode from them."""
        import torch

        t, plan = self.transform, EFFORTS[self.effort]
        at = level_tensor(level, self.device)
        with torch.inference_mode():
            gained = torch.from_numpy(self._tiles[number]).to(self.device)[None] * t.gain(at)
            hyper = t.hyper_analyse(gained)
        if plan.steps:
            gained = self._refined(number, hyper, at, plan)
        code = self.model.code
        prices = None
        if plan.weight:
            step = t.gain(at)[0, :, 0, 0]
            prices = (plan.weight * self.price(at) / step.square()).cpu().numpy()
        return code.encode(gained[0].cpu().numpy(), hyper[0].cpu().numpy(), level, prices)

    def shown(self, number: int, level: int, gained: Sequence[Latents]) -> Tensor:
        """What gained latents, of all tiles, decode to in tile `number`: see `unfiltered`."""
        tile = self.grid.tile(number)
        seen = tile.grown(self.transform.config.reach, self.grid.latents)
        block = self._around(seen, gained)
        return unfiltered(self.model, block, tile.relative_to(seen), level, self.device)

    def rest(self, number: int, decoded: Tensor) -> Tensor:
        """What is left of tile `number` by what decodes: both (1, 3, h, w), this in [-1, 1].

        Nothing beyond the picture's edge, nor where clipping what decodes gives the very pixel. Of
        a grey picture all three channels are what the mean of what decodes leaves.
        """
        import torch

        area = self.grid.tile(number).scaled(PATCH)
        pixels = tensor_of(window(self.pixels, area), self.device)
        with torch.inference_mode():
            if self.grey:
                decoded = decoded.mean(1, keepdim=True)
            return (pixels - decoded) * ((decoded.clamp(0, 1) != pixels) & (self._mask(area) > 0))

    def price(self, level: Tensor) -> Tensor:
        """What a squared step of error, pixels being in [0, 1], is worth in bits: (1,)."""
        config = self.transform.config
        return config.price(level) * 255**2 / config.channels

    def _finished(
        self, number: int, level: int, data: bytes, gained: Sequence[Latents]
    ) -> tuple[bytes, Decoded]:
        """Bytes of a tile with a filter and details, each if it pays, and what decodes from them.

        `data` are without; `gained` are the latents of all tiles.
        """
        code, latents = self.model.code, gained[number]
        values = np.zeros(code.filters.count if code.filters else 0, np.int32)
        fits = bool(code.filters) and EFFORTS[self.effort].steps > 0
        if not fits and not code.detailed(level):
            return data, Decoded(latents, values)
        shown = self.shown(number, level, gained)
        if fits:
            price = float(self.price(level_tensor(level, self.device)))
            plain = filtered_by(self.model, shown, level, values)
            values = fitted(self.model, shown, self.rest(number, plain), level, price)
        if code.detailed(level):
            decoded = filtered_by(self.model, shown, level, values)
            data, chosen = self._detailed(level, data, self.rest(number, decoded))
            latents = np.concatenate([latents, chosen.astype(np.float32)])
        if values.any():
            data = code.add_filter(data, values, level)
        return data, Decoded(latents, values)

    def _detailed(
        self, level: int, payload: bytes, rest: Tensor
    ) -> tuple[bytes, NDArray[np.int32]]:
        """Bytes of a tile with details for what is left, if they pay, and those details."""
        at, details = level_tensor(level, self.device), self.model.details(self.device)
        values = details.analyse(rest, at)[0].cpu().numpy()
        step_price = float(self.price(at) * details.step(at).square())
        prices = np.full(len(values), DETAIL_WEIGHT * step_price, np.float32)
        longer, chosen = self.model.code.add_details(payload, values, level, prices)
        saved = step_price * float(np.square(values).sum() - np.square(values - chosen).sum())
        if 8 * (len(longer) - len(payload)) >= saved:
            return payload, np.zeros_like(chosen)
        return longer, chosen

    def _mask(self, area: Box) -> Tensor:
        """(1, 1, h, w) for `area`, in pixels: 1 within the picture, 0 beyond its edge."""
        import torch

        mask = torch.zeros((1, 1, area.height, area.width), device=self.device)
        mask[..., *self.grid.pixels.inside(area).relative_to(area).slices] = 1
        return mask

    def _refined(self, number: int, hyper: Tensor, level: Tensor, plan: Effort) -> Tensor:
        import torch

        from pseudocodec.inversion.distortion import Scene
        from pseudocodec.inversion.refine_photo import refine_photo

        tile = self.grid.tile(number)
        seen = tile.grown(self.transform.config.reach, self.grid.latents)
        area = seen.scaled(PATCH)
        with torch.inference_mode(False):
            images = tensor_of(window(self.pixels, area), self.device)
            latents = torch.from_numpy(self._around(seen, self._tiles)).to(self.device)[None]
            scene = Scene(images, self._mask(area), latents, tile.relative_to(seen).slices)
            return refine_photo(
                self.transform,
                scene,
                hyper.clone(),
                level.clone(),
                weight=plan.weight,
                steps=plan.steps,
                contexts=self._contexts,
            )

    @cached_property
    def _contexts(self) -> ExpectedTables | None:
        from pseudocodec.nets.contexts import ExpectedTables

        contexts = self.model.code.contexts
        return ExpectedTables(contexts.net).to(self.device) if contexts else None

    def _around(self, box: Box, tiles: Sequence[Latents]) -> Latents:
        """Latents of `box`, of all of `tiles` that it touches."""
        out = np.empty((self.model.code.latents, box.height, box.width), np.float32)
        for number in self.grid.touching(box):
            tile = self.grid.tile(number)
            both = tile.inside(box)
            part = tiles[number][:, *both.relative_to(tile).slices]
            out[:, *both.relative_to(box).slices] = part
        return out

    def _analyse(self, tile: Box) -> Latents:
        """Latents of a tile, from its pixels and a halo."""
        import torch

        t = self.transform
        seen = tile.grown(t.config.reach, self.grid.latents)
        with torch.inference_mode():
            images = tensor_of(window(self.pixels, seen.scaled(PATCH)), self.device)
            latents = t.analyse(images)[0]
            inner = latents[:, *tile.relative_to(seen).slices]
            return np.ascontiguousarray(inner.cpu().numpy())
