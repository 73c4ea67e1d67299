"""The same nets with another latent code: a copy of a model whose dense code is fitted anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from pseudocodec._pixels import Pixels
from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.schedule import UNIT, Schedule
from pseudocodec.model.catalogue import by_id
from pseudocodec.model.file import read_tensors, write_model
from pseudocodec.model.vectors import VectorModel
from pseudocodec.training.export import BYTE_WEIGHTS, FIT_SHARES, fit_code


def recode(
    model: VectorModel,
    images: Sequence[Pixels],
    path: Path,
    make: Callable[[Schedule], LatentCode],
    efficiencies: Sequence[float],
) -> bytes:
    """Write a copy of `model` to `path` with a dense code of `make`; returns the new model's id.

    The code's schedule is the best of `efficiencies` (see `fit_code`) on training pictures
    (H, W, C) of the model's size. Raises PslError for a `path` that exists, and for a model without
    a dense code.
    """
    old = model.code_for(dense=True)
    tensors = read_tensors(by_id(model.id).path)
    rates = [round(old.max_bits * share) for share in FIT_SHARES]
    latents = {bits: model.analyse(images, old.level(bits)) for bits in rates}
    variances = tensors["dense.variances"] / UNIT
    code = fit_code(latents, variances, old.max_bits, make, efficiencies)
    kept = {key: value for key, value in tensors.items() if not key.startswith("dense.")}
    kept |= {f"dense.{key}": table for key, table in code.tables().items()}
    facts = dataclasses.replace(model.facts, dense=code.describe())
    return write_model(path, facts, kept, overwrite=False, in_bytes=BYTE_WEIGHTS)
