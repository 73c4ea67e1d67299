"""From a trained photo net to a model file: integers for the code, compact weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pseudocodec.entropy.scales import scale_tables
from pseudocodec.hyperprior.code import MOST_HYPER_MEAN, HyperpriorCode
from pseudocodec.hyperprior.integer import (
    ACTIVATION,
    GAIN,
    HIGHEST_SCALE,
    LOWEST_SCALE,
    MOST_BIAS,
    MOST_GAIN,
    MOST_WEIGHT,
    SCALE_STEP,
    SCALES,
    WEIGHT,
)
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.nets.hyperprior import HyperpriorTransform, Rows

CODED = ("hyper_synthesis.", "hyper_mean.", "hyper_scale.")
"""Nets that the integer tables stand for; see `PhotoModel`."""

DECODER = ("synthesis.", "embedding.", "shrinkage.")
"""Nets that only decoding runs: no payload depends on them."""


def export_photo(transform: HyperpriorTransform, name: str, path: Path) -> bytes:
    """Write the nets, their hyper-synthesis as integers only; returns the model's id."""
    tensors: dict[str, NDArray[Any]] = {
        key: value.detach().float().cpu().numpy()
        for key, value in transform.state_dict().items()
        if not key.startswith(CODED)
    }
    tensors |= {f"code.{key}": table for key, table in code_tensors(transform).items()}
    config = transform.config.as_dict()
    kind = {"kind": HyperpriorCode.kind}
    facts = ModelFacts(name, "hyperprior", config, kind, (0, 0))
    return write_model(path, facts, tensors, overwrite=True)


def export_tuned(
    facts: ModelFacts,
    tensors: Mapping[str, NDArray[Any]],
    transform: HyperpriorTransform,
    path: Path,
) -> bytes:
    """Write a model's `tensors` with the decoder of `transform`; returns the new model's id.

    All that decides how latents are coded is copied as the file has it: what encoders make of a
    picture stays the same as far as they do not look at what decodes, which refinement, filters and
    details do.
    """
    decoder = {
        key: value.detach().float().cpu().numpy()
        for key, value in transform.state_dict().items()
        if key.startswith(DECODER)
    }
    return write_model(path, facts, {**tensors, **decoder}, overwrite=True)


def code_tensors(transform: HyperpriorTransform) -> dict[str, NDArray[Any]]:
    """The tensors of `HyperpriorCode`."""
    synthesis = transform.hyper_synthesis
    out: dict[str, NDArray[Any]] = {}
    last = len(synthesis.convs) - 1
    for k, (conv, bias) in enumerate(zip(synthesis.convs, synthesis.biases, strict=True)):
        assert isinstance(conv, nn.Conv2d) and isinstance(bias, Rows)
        unit = torch.ones(conv.out_channels)
        if k == last:  # indices instead of logarithms
            unit[conv.out_channels // 2 :] = 1 / SCALE_STEP
        weight = conv.weight.cpu() * unit[:, None, None, None]
        out[f"weight.{k}"] = _fixed(weight, WEIGHT, MOST_WEIGHT).astype(np.int16)
        out[f"bias.{k}"] = _fixed(bias.values.cpu() * unit, WEIGHT + ACTIVATION, MOST_BIAS)
    gain = transform.deviations * transform.log_gain.values.exp()
    out["gain"] = _fixed(gain, GAIN, MOST_GAIN)
    out["hyper_mean"] = _fixed(transform.hyper_mean.values, ACTIVATION, MOST_HYPER_MEAN)
    scale = (transform.hyper_scale.values / SCALE_STEP).clamp(0, SCALES - 1)
    out["hyper_index"] = _fixed(scale, ACTIVATION, SCALES << ACTIVATION)
    tables = scale_tables(SCALES, LOWEST_SCALE, HIGHEST_SCALE)
    return out | {f"scales.{key}": value for key, value in tables.to_tensors().items()}


def _fixed(values: Tensor, bits: int, most: int) -> NDArray[np.int64]:
    """Fixed-point integers of `bits` fractional bits, at most `most` either side of zero."""
    scaled = torch.round(values.detach().double().cpu() * 2**bits).clamp(-most, most)
    return scaled.to(torch.int64).numpy()
