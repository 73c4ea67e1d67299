"""A picture's latents as one array, and the payload of any such array."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.errors import TooLarge
from pseudocodec.exploration.operations import Latents
from pseudocodec.hyperprior import Decoded
from pseudocodec.model import PhotoModel
from pseudocodec.model.base import torch_device
from pseudocodec.photo import payload
from pseudocodec.photo.decoder import NO_FILTER, Tiles, synthesise
from pseudocodec.photo.tensors import level_tensor, tensor_of, window
from pseudocodec.photo.tiles import PATCH, Grid

MOST_PIXELS = 1 << 23  # of a picture: the nets see all of it at once, in some GB


class WholeCoder:
    """Codes latents of a picture's shape at one level, tile by tile as an encoder does.

    Latents are gained, in quantiser steps: (latents, ceil(H / 16), ceil(W / 16)).
    """

    def __init__(self, model: PhotoModel, pixels: Pixels, level: int, device: str) -> None:
        """`pixels` (H, W, 1 or 3). Raises TooLarge for more than `MOST_PIXELS`."""
        height, width, channels = pixels.shape
        if height * width > MOST_PIXELS:
            raise TooLarge(
                f"the picture has {width} x {height} pixels; to explore its latents it must not "
                f"have more than {MOST_PIXELS}: crop it, or scale it down"
            )
        self.model, self.level, self.device = model, level, torch_device(device)
        self.grid = Grid(height, width)
        self.grey = channels == 1
        self.latents = self._analyse(pixels)

    def encode(self, latents: Latents, prior: Latents) -> tuple[bytes, Latents]:
        """The payload of `latents` with the hyper-latents of `prior`, and what decodes from it."""
        tiles, coded = [], np.empty_like(latents)
        for number in range(self.grid.tiles):
            at = (slice(None), *self.grid.tile(number).slices)
            hyper = self._hyper_analyse(prior[at])
            data, coded[at] = self.model.code.encode(latents[at], hyper, self.level)
            tiles.append(data)
        return payload.pack(self.grid, self.grey, self.level, tiles), coded

    def decode(self, coded: Latents) -> NDArray[np.uint8]:
        """The picture (H, W, 1 or 3) of coded latents, which have neither details nor a filter."""
        details = self.model.code.channels(self.level) - len(coded)

        def content(number: int) -> Decoded:
            latents = coded[:, *self.grid.tile(number).slices]
            return Decoded(np.pad(latents, ((0, details), (0, 0), (0, 0))), NO_FILTER)

        tiles = Tiles(self.grid, self.grey, self.level, content)
        return synthesise(self.model, tiles, device=str(self.device))

    def _analyse(self, pixels: Pixels) -> Latents:
        import torch

        t = self.model.transform(self.device)
        with torch.inference_mode():
            images = tensor_of(window(pixels, self.grid.latents.scaled(PATCH)), self.device)
            gained = t.analyse(images) * t.gain(level_tensor(self.level, self.device))
            return gained[0].cpu().numpy()

    def _hyper_analyse(self, gained: Latents) -> Latents:
        import torch

        t = self.model.transform(self.device)
        with torch.inference_mode():
            tile = torch.from_numpy(np.ascontiguousarray(gained)).to(self.device)
            return t.hyper_analyse(tile[None])[0].cpu().numpy()
