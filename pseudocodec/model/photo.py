"""Models of photographs: pictures of any size, latents under a hyperprior."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.hyperprior.details import MOST_DETAILS
from pseudocodec.hyperprior.integer import ACTIVATION, SCALE_STEP, WEIGHT
from pseudocodec.model.base import AnySizeModel
from pseudocodec.model.file import ModelFacts

if TYPE_CHECKING:
    import torch

    from pseudocodec.nets.details import Details
    from pseudocodec.nets.filters import Filters
    from pseudocodec.nets.hyperprior import HyperpriorTransform

DETAILS, FILTERS = "details.", "filters."  # names of tensors


class PhotoModel(AnySizeModel):
    """Nets for pictures of every size, and the integer code of their latents (`code`)."""

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        super().__init__(identity, path, facts)
        if facts.code != {"kind": HyperpriorCode.kind}:
            raise PslError(
                f"{path}: latent code {facts.code.get('kind')!r} is unknown for pictures of any "
                "size; upgrade pseudocodec"
            )
        self.code = HyperpriorCode(self._tables("code."))
        self._details: dict[str, Details] = {}
        self._filters: dict[str, Filters] = {}

    def transform(self, device: torch.device) -> HyperpriorTransform:
        """The nets on a device, loaded once."""
        return cast("HyperpriorTransform", super().transform(device))

    def details(self, device: torch.device) -> Details:
        """The transform of details on a device, loaded once. Raises PslError for a model of none.

        It does so, too, when the transform does not fit the code.
        """
        key = str(device)
        if key not in self._details:
            from pseudocodec.nets.details import Details

            code, wanted = self.code.details, {}
            if code:
                wanted = {"basis": (MOST_DETAILS, code.count), "steps": (len(code.index),)}
            self._details[key] = Details(**self._floats(DETAILS, wanted, device))
        return self._details[key]

    def filters(self, device: torch.device) -> Filters:
        """The basis of filters on a device, loaded once. Raises as `details`."""
        key = str(device)
        if key not in self._filters:
            from pseudocodec.nets.filters import COLOURS, TAPS, Filters

            code, wanted = self.code.filters, {}
            if code:
                wanted = {"basis": (code.count, COLOURS * TAPS), "steps": (len(code.index),)}
            self._filters[key] = Filters(**self._floats(FILTERS, wanted, device))
        return self._filters[key]

    def _floats(
        self, prefix: str, wanted: Mapping[str, tuple[int, ...]], device: torch.device
    ) -> dict[str, torch.Tensor]:
        """The tensors of a prefix, which must have the shapes that are wanted."""
        import torch

        tensors = self._tables(prefix)
        if not wanted or {name: value.shape for name, value in tensors.items()} != wanted:
            what = prefix.rstrip(".")
            raise PslError(f"{self._path}: its {what} do not fit its code; get it again")
        return {
            name: torch.from_numpy(value.astype(np.float32)).to(device)
            for name, value in tensors.items()
        }

    def _weights(self) -> dict[str, NDArray[Any]]:
        """With the hyper-synthesis in floats, which gradients are taken through, from integers.

        A code of other channels or levels than the nets gives weights that do not fit them.
        """
        code = self.code
        out = {k: v for k, v in super()._weights().items() if not k.startswith((DETAILS, FILTERS))}
        last = len(code.synthesis.layers) - 1
        for k, layer in enumerate(code.synthesis.layers):
            unit = np.full(len(layer.weights), 2.0**-WEIGHT)
            if k == last:
                unit[len(unit) // 2 :] *= SCALE_STEP  # logarithms instead of indices
            name = f"hyper_synthesis.convs.{k}.weight"
            out[name] = (layer.weights * unit[:, None, None, None]).astype(np.float32)
            biases = layer.biases * unit * 2.0**-ACTIVATION
            out[f"hyper_synthesis.biases.{k}.values"] = biases.astype(np.float32)
        mean, index = code.hyper_mean * 2.0**-ACTIVATION, code.hyper_index * 2.0**-ACTIVATION
        out["hyper_mean.values"] = mean.astype(np.float32)
        out["hyper_scale.values"] = (index * SCALE_STEP).astype(np.float32)
        return out
