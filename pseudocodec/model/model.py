"""A loaded model: its nets on a device and its latent code."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.registry import build
from pseudocodec.model.catalogue import SUFFIX, by_id, by_name, register
from pseudocodec.model.file import ModelFacts, read_facts, read_tensors

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pseudocodec.nets.registry import Transform

MOST_IN_BATCH, BATCH_PIXELS = 256, 1 << 18  # through the nets at a time


class Model:
    """Analysis and synthesis nets with their latent code; made by `load_model`.

    Attributes: `id` (8 bytes), `facts` (name, picture size, ...), `code` (the latent code of
    streams whose prefixes decode), `dense` (a code that needs fewer bits and all of them, or None).
    The nets are loaded, and torch imported, when latents or pictures are first asked for.
    """

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        self.id, self.facts, self._path = identity, facts, path
        self._tensors = read_tensors(path)
        self.code: LatentCode = build(facts.code, self._tables("code."))
        self.dense: LatentCode | None = (
            None if facts.dense is None else build(facts.dense, self._tables("dense."))
        )
        self._transforms: dict[str, Transform] = {}

    def __repr__(self) -> str:
        """Name, id and picture size."""
        f = self.facts
        return f"<Model {f.name} {self.id.hex()}: {f.width}x{f.height}x{f.channels}>"

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

    def _tables(self, prefix: str) -> dict[str, NDArray[Any]]:
        tensors = self._tensors.items()
        return {key[len(prefix) :]: value for key, value in tensors if key.startswith(prefix)}

    @property
    def batch(self) -> int:
        """Pictures through the nets at a time: their features must fit into memory."""
        return max(1, min(MOST_IN_BATCH, BATCH_PIXELS // (self.facts.width * self.facts.height)))

    def tensors(
        self, images: Sequence[NDArray[np.uint8 | np.uint16]], device: str = "auto"
    ) -> Iterator[Tensor]:
        """Pictures (H, W, C), uint8 or uint16, as batches (n, C, H, W), float32 in [0, 1]."""
        import torch

        where = _device(device)
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

        where = _device(device)
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

    def transform(self, device: torch.device) -> Transform:
        """The nets on a device, loaded once."""
        key = str(device)
        if key not in self._transforms:
            import torch

            with torch.inference_mode(False):  # whatever the caller does: gradients need them, too
                self._transforms[key] = self._load(device)
        return self._transforms[key]

    def _load(self, device: torch.device) -> Transform:
        import torch

        from pseudocodec.nets.registry import build_transform

        transform = build_transform(self.facts.family, self.facts.net)
        weights = {
            key: torch.from_numpy(value.astype(np.float32) if value.dtype != np.int64 else value)
            for key, value in self._tensors.items()
            if not key.startswith(("code.", "dense."))
        }
        try:
            transform.load_state_dict(weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise PslError(
                f"{self._path}: the weights do not fit a {self.facts.family!r} net ({reason})"
            ) from error
        transform.check([code.dims for code in (self.code, self.dense) if code is not None])
        transform.requires_grad_(False).eval().to(device)
        transform.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return transform


def load_model(name_or_path: str | os.PathLike[str] | Model) -> Model:
    """The model of that name (see `models`) or in that .safetensors file.

    A model loaded from a path is known by its hash from then on: files encoded with it decode.
    Loading is cached. Raises UnknownModel for a name that is not installed, PslError for a file
    that is not a model.
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    text = os.fspath(name_or_path)
    if text.endswith(SUFFIX) or os.sep in text:
        path = Path(text).absolute()
        if not path.is_file():
            raise PslError(f"{text}: there is no such model file")
        facts = read_facts(path)
        return _load(register(path), path, facts)
    entry = by_name(text)
    return _load(entry.id, entry.path, entry.facts)


def model_of(identity: bytes) -> Model:
    """The model a file names by its id. Raises UnknownModel."""
    entry = by_id(identity)
    return _load(entry.id, entry.path, entry.facts)


_loaded: dict[bytes, Model] = {}


def _load(identity: bytes, path: Path, facts: ModelFacts) -> Model:
    if identity not in _loaded:
        _loaded[identity] = Model(identity, path, facts)
    return _loaded[identity]


@lru_cache
def _device(name: str) -> torch.device:
    """The torch device for "auto" (a GPU when there is one), "cpu", "cuda", "cuda:1" ..."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise PslError(f"device={name!r} cannot be used here ({reason}); use 'cpu'") from error
    return device
