"""What every loaded model is: facts, tensors, nets on devices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.model.file import ModelFacts, read_tensors

if TYPE_CHECKING:
    import torch

    from pseudocodec.container import Single
    from pseudocodec.rate import Target

TABLES = ("code.", "dense.")  # tensors that are no weights of the nets


class Model:
    """Nets with what codes their latents; made by `load_model`.

    Attributes: `id` (8 bytes), `facts` (name, picture size, ...). The nets are loaded, and torch
    imported, when latents or pictures are first asked for.
    """

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        self.id, self.facts, self._path = identity, facts, path
        self._tensors = read_tensors(path)
        self._transforms: dict[str, torch.nn.Module] = {}

    def __repr__(self) -> str:
        """Name, id and picture size."""
        f = self.facts
        size = f"{f.width}x{f.height}x{f.channels}" if f.width else "any size"
        return f"<{type(self).__name__} {f.name} {self.id.hex()}: {size}>"

    def _tables(self, prefix: str) -> dict[str, NDArray[Any]]:
        tensors = self._tensors.items()
        return {key[len(prefix) :]: value for key, value in tensors if key.startswith(prefix)}

    def transform(self, device: torch.device) -> torch.nn.Module:
        """The nets on a device, loaded once."""
        key = str(device)
        if key not in self._transforms:
            import torch

            with torch.inference_mode(False):  # whatever the caller does: gradients need them, too
                self._transforms[key] = self._load(device)
        return self._transforms[key]

    def _load(self, device: torch.device) -> torch.nn.Module:
        import torch

        from pseudocodec.nets.registry import build_transform

        transform = build_transform(self.facts.family, self.facts.net)
        weights = {
            key: torch.from_numpy(value.astype(np.float32) if value.dtype != np.int64 else value)
            for key, value in self._weights().items()
        }
        try:
            transform.load_state_dict(weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise PslError(
                f"{self._path}: the weights do not fit a {self.facts.family!r} net ({reason})"
            ) from error
        self._check(transform)
        transform.requires_grad_(False).eval().to(device)
        transform.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return transform

    def _weights(self) -> dict[str, NDArray[Any]]:
        """The nets' weights by name."""
        return {k: v for k, v in self._tensors.items() if not k.startswith(TABLES)}

    def _check(self, transform: torch.nn.Module) -> None:
        """Raises PslError when the nets do not fit the codes."""


class AnySizeModel(Model):
    """A model of pictures of any size, coded in tiles of their own (`photo.decoder`)."""


class ForeignModel(Model, ABC):
    """A model of another library's networks, whose coding an integration brings along."""

    @abstractmethod
    def encode_picture(self, image: object, target: Target, *, device: str) -> bytes:
        """The .psl file of a picture."""

    @abstractmethod
    def decode_picture(
        self, single: Single, *, region: tuple[int, int, int, int] | None, device: str
    ) -> NDArray[np.uint8]:
        """The picture of a file: (H, W), (H, W, 3), with alpha (H, W, 2) or (H, W, 4)."""


@lru_cache
def torch_device(name: str) -> torch.device:
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
