"""Models of one kind of pictures: a latent vector each, and the codes for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.registry import build
from pseudocodec.model.base import Model, torch_device
from pseudocodec.model.file import ModelFacts

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pseudocodec.nets.registry import VectorTransform

MOST_IN_BATCH, BATCH_PIXELS = 256, 1 << 18  # through the nets at a time


class VectorModel(Model):
    """Analysis and synthesis nets for pictures of one size, with their latent codes.

    Beside what every `Model` has: `code` (the latent code of streams whose prefixes decode) and
    `dense` (a code that needs fewer bits and all of them, or None).
    """

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        super().__init__(identity, path, facts)
        self.code: LatentCode = build(facts.code, self._tables("code."))
        self.dense: LatentCode | None = (
            None if facts.dense is None else build(facts.dense, self._tables("dense."))
        )

    def code_for(self, dense: bool) -> LatentCode:
        """The latent code of a payload. Raises PslError when the model has no dense one."""
        if not dense:
            return self.code
        if self.dense is None:
            raise PslError(
                f"model {self.facts.name!r} ({self.id.hex()}) has no dense latent code, which the "
                "file asks for; it is damaged"
            )
        return self.dense

    def writes_dense(self, *, progressive: bool) -> bool:
        """Whether payloads go into the dense code: prefixes are not asked for, or never decode."""
        has_prefixes = self.code.least_bits < self.code.max_bits
        return self.dense is not None and not (progressive and has_prefixes)

    @property
    def batch(self) -> int:
        """Pictures through the nets at a time: their features must fit into memory."""
        return max(1, min(MOST_IN_BATCH, BATCH_PIXELS // (self.facts.width * self.facts.height)))

    def tensors(
        self, images: Sequence[NDArray[np.uint8 | np.uint16]], device: str = "auto"
    ) -> Iterator[Tensor]:
        """Pictures (H, W, C), uint8 or uint16, as batches (n, C, H, W), float32 in [0, 1]."""
        import torch

        where = torch_device(device)
        for start in range(0, len(images), self.batch):
            part = [
                image.astype(np.float32) / np.iinfo(image.dtype).max
                for image in images[start : start + self.batch]
            ]
            yield torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).to(where)

    def analyse(
        self,
        images: Sequence[NDArray[np.uint8 | np.uint16]],
        level: float,
        device: str = "auto",
    ) -> NDArray[np.float32]:
        """Pictures (H, W, C), uint8 or uint16, of the model's size -> latents (n, d) float32.

        `level` is that of the code and the bits they are for: the encoder is told the rate.
        """
        import torch

        out = [np.empty((0, self.code.dims), np.float32)]
        with torch.inference_mode():
            for x in self.tensors(images, device):
                levels = torch.full((len(x),), level, device=x.device)
                out.append(self.transform(x.device).analyse(x, levels).cpu().numpy())
        return np.concatenate(out)

    def synthesise(
        self, latents: NDArray[np.float32], levels: NDArray[np.float32], device: str = "auto"
    ) -> NDArray[np.uint8]:
        """Latents (n, d) and their levels (n,) (log2 of the water level) -> uint8 (n, H, W, C).

        Pixels are computed in float32: they may differ by one step between machines; the latents
        they come from do not.
        """
        import torch

        where = torch_device(device)
        transform = self.transform(where)
        f = self.facts
        out = np.empty((len(latents), f.height, f.width, f.channels), np.uint8)
        with torch.inference_mode():
            for start in range(0, len(latents), self.batch):
                part = slice(start, start + self.batch)
                z = torch.from_numpy(latents[part]).to(where)
                x = transform.synthesise(z, torch.from_numpy(levels[part]).to(where))
                pixels = (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
                out[part] = pixels.cpu().numpy()
        return out

    def transform(self, device: torch.device) -> VectorTransform:
        """The nets on a device, loaded once."""
        return cast("VectorTransform", super().transform(device))

    def _check(self, transform: torch.nn.Module) -> None:
        dims = [code.dims for code in (self.code, self.dense) if code is not None]
        cast("VectorTransform", transform).check(dims)
