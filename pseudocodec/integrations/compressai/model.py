"""A model file with one of CompressAI's networks, and how its latents pass through a stream."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import Single
from pseudocodec.errors import PslError
from pseudocodec.integrations.compressai.architectures import Config
from pseudocodec.integrations.compressai.payload import LATENT, PADDING
from pseudocodec.integrations.compressai.pictures import decode_picture, encode_picture
from pseudocodec.integrations.compressai.stream import Stream, through
from pseudocodec.integrations.compressai.tables import Tables
from pseudocodec.model.base import ForeignModel, torch_device
from pseudocodec.model.file import ModelFacts
from pseudocodec.photo.codec import Region
from pseudocodec.rate import Target

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FAMILY = "compressai"
CONTEXT = 5  # latents that the autoregressive context sees, along each side
SCALE_BITS = 32  # fractional ones of the deviations that choose tables: float32 loses none


class CompressaiModel(ForeignModel):
    """A network of CompressAI and its tables; made by `load_model`.

    Raises PslError for a file whose parts do not fit together.
    """

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        super().__init__(identity, path, facts)
        net = {key: value for key, value in facts.net.items() if key != "origin"}
        try:
            self.config = Config(**net)
        except TypeError as error:
            raise PslError(f"{path}: its network is described wrongly ({error})") from error
        if facts.code != {"kind": FAMILY}:
            raise PslError(f"{path}: latent code {facts.code.get('kind')!r}; upgrade pseudocodec")
        kind = self.config.kind
        self._bottleneck = Tables.from_tensors(self._tables("code.bottleneck."))
        counts = [(self.config.N if kind.hyper else self.config.M, self._bottleneck)]
        if kind.hyper:
            self._conditional = Tables.from_tensors(self._tables("code.conditional."))
            counts.append((len(self._tensors.get("code.scales", ())), self._conditional))
        if any(len(tables.lows) != count for count, tables in counts):
            raise PslError(f"{path}: its tables do not fit its network; get it again")

    def encode_picture(self, image: object, target: Target, *, device: str) -> bytes:
        """See `encode_picture`."""
        return encode_picture(self, image, target, device=device)

    def decode_picture(
        self, single: Single, *, region: Region | None, device: str
    ) -> NDArray[np.uint8]:
        """See `decode_picture`."""
        return decode_picture(self, single, region=region, device=device)

    def network(self, device: str) -> tuple[Any, torch.device]:
        """The nets and their device, which is the CPU for what codes latent by latent."""
        where = torch_device("cpu" if self.config.kind.serial else device)
        return self.transform(where), where

    def _load(self, device: torch.device) -> torch.nn.Module:
        import torch

        network = self.config.build()
        weights = {
            key: torch.from_numpy(value.astype(np.float32))
            for key, value in self._tensors.items()
            if not key.startswith("code.")
        }
        if self.config.kind.hyper:
            scales = torch.from_numpy(self._tensors["code.scales"]).double() / 2**SCALE_BITS
            network.gaussian_conditional.scale_table = scales.float()
        expected = dict(network.named_parameters())
        if {k: v.shape for k, v in weights.items()} != {k: v.shape for k, v in expected.items()}:
            raise PslError(
                f"{self._path}: the weights do not fit a {self.config.architecture} network; "
                "get the model again"
            )
        with torch.no_grad():
            for key, parameter in expected.items():
                parameter.copy_(weights[key])
        loaded: torch.nn.Module = network.requires_grad_(False).eval().to(device)
        return loaded

    def code(self, network: Any, stream: Stream, like: Tensor, y: Tensor | None) -> Tensor:
        """Latents (1, M, h, w) through `stream`: `y` is written, or where it is None, read.

        `like` has their shape and device. Returns the decoded latents.
        """
        kind = self.config.kind
        medians = network.entropy_bottleneck.quantiles[:, 0, 1].view(1, -1, 1, 1)
        if not kind.hyper:
            return through(stream, self._bottleneck, _channels(like), medians.expand_as(like), y)
        z = None if y is None else network.h_a(y if kind.means else y.abs())
        ratio = PADDING // LATENT
        shape = (1, self.config.N, like.shape[2] // ratio, like.shape[3] // ratio)
        means = medians.expand(shape)
        parameters = network.h_s(through(stream, self._bottleneck, _channels(means), means, z))
        if kind.serial:
            return self._code_serially(network, stream, parameters, y)
        scales, means = parameters.chunk(2, 1) if kind.means else (parameters, like.new_zeros(1))
        index = network.gaussian_conditional.build_indexes(scales)
        return through(stream, self._conditional, index, means.expand_as(like), y)

    def _code_serially(
        self, network: Any, stream: Stream, parameters: Tensor, y: Tensor | None
    ) -> Tensor:
        """Latent by latent, each with the parameters that its decoded neighbours give."""
        import torch
        import torch.nn.functional as F

        context, reach = network.context_prediction, CONTEXT // 2
        weight = context.weight * context.mask
        height, width = parameters.shape[2:]
        out = parameters.new_zeros(1, self.config.M, height + 2 * reach, width + 2 * reach)
        for row in range(height):
            for column in range(width):
                here = slice(row, row + 1), slice(column, column + 1)
                seen = out[:, :, row : row + CONTEXT, column : column + CONTEXT]
                known = (parameters[:, :, *here], F.conv2d(seen, weight, context.bias))
                scales, means = network.entropy_parameters(torch.cat(known, 1)).chunk(2, 1)
                index = network.gaussian_conditional.build_indexes(scales)
                value = None if y is None else y[:, :, *here]
                decoded = through(stream, self._conditional, index, means, value)
                seen[:, :, reach, reach] = decoded[:, :, 0, 0]
        return out[:, :, reach:-reach, reach:-reach]


def _channels(like: Tensor) -> Tensor:
    """The channel of each value of `like` (1, C, h, w): (1, C, 1, 1)."""
    import torch

    return torch.arange(like.shape[1], dtype=torch.int32).view(1, -1, 1, 1)
