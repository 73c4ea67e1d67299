"""From trained nets to a model file: integer tables of the latent codes, compact weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import MAX_ATOMS, Composition
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.trellis import Trellis
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.prng import THESIS
from pseudocodec.training.loop import Nets, Trainer

GENERATOR = THESIS["lcg-524287"]
FIT_VALUES = 1 << 17  # of latents, at each rate, that codes are fitted to ...
FIT_PICTURES = 192  # ... of so many pictures at most
FIT_SHARES = (0.08, 0.25, 0.5, 0.9)  # rates that are compared, of the largest payload
STREAM_EFFICIENCIES = (0.80, 0.84, 0.88)  # tried for the composition code
DENSE_EFFICIENCIES = (0.86, 0.90, 0.94, 0.97)  # tried for the trellis code
# Of the trellis, by patch: with large nets it is not what costs.
STATE_BITS = {4: 13, 8: 15, 16: 15}
BYTE_WEIGHTS = {"linear.whole"}  # stored in 8 bits: orthonormal, so what is lost is spread thin

Latents = Mapping[int, NDArray[np.float32]]
"""Latents (n, d) by the bits they are to be coded with: the encoder is told the rate."""


def export_model(trainer: Trainer, name: str, path: Path) -> bytes:
    """Write the trainer's averaged nets and two fitted latent codes; returns the model's id.

    Streams get the composition code, whose prefixes decode, archives the denser trellis.

    Latent components are put in order of falling variance, so that a stage of the code touches a
    prefix of them.
    """
    nets = trainer.averaged().cpu()
    log_variances = nets.channel.log_variances.detach().double()
    order = torch.argsort(log_variances, descending=True)
    variances = log_variances[order].exp().numpy()
    nets.transform.order.copy_(order)
    smallest, largest = trainer.plan.payload_bytes
    latents = _latents(nets, trainer, [round(8 * largest * share) for share in FIT_SHARES])
    # As few as can hold the bits: on faces, 2 blocks were worth 0.3 to 0.5 dB more than 8.
    blocks = -(-8 * largest // (MAX_ATOMS * (GENERATOR.bits + 1)))
    stream = fit_code(
        latents,
        variances,
        _whole_rounds(8 * largest, blocks),
        lambda schedule: Composition(GENERATOR, schedule, blocks=blocks, shuffle=blocks > 1),
        STREAM_EFFICIENCIES,
    )
    state_bits = STATE_BITS[trainer.plan.config.patch]
    dense = fit_code(
        latents,
        variances,
        8 * largest,
        lambda schedule: Trellis(GENERATOR, schedule, state_bits=state_bits),
        DENSE_EFFICIENCIES,
    )
    config = trainer.plan.config.as_dict()
    described = (stream.describe(), (smallest, largest), dense.describe())
    tensors: dict[str, NDArray[Any]] = {
        key: tensor.numpy() for key, tensor in nets.transform.state_dict().items()
    }
    tensors |= {f"code.{key}": table for key, table in stream.tables().items()}
    tensors |= {f"dense.{key}": table for key, table in dense.tables().items()}
    facts = ModelFacts(name, "grid", config, *described)
    return write_model(path, facts, tensors, overwrite=True, in_bytes=BYTE_WEIGHTS)


def fit_code(
    latents: Latents,
    variances: NDArray[np.float64],
    max_bits: int,
    make: Callable[[Schedule], LatentCode],
    efficiencies: Sequence[float],
) -> LatentCode:
    """The code whose assumed efficiency leaves the least error on these latents.

    The schedule must say how far the bits really get: levels too low overshoot, too high leave bits
    unused. One number, the efficiency against Shannon's R(D), is fitted on training latents; errors
    are compared on a log scale over the rates.
    """
    integers = np.maximum(1, np.rint(variances / variances.max() * UNIT)).astype(np.int64)
    weights = integers / UNIT

    def error(code: LatentCode) -> float:
        total = 0.0
        for bits, vectors in latents.items():
            decoded = code.decode(code.encode(vectors, bits, effort=0), bits)
            total += float(np.log(np.mean((decoded - vectors) ** 2 @ weights)))
        return total

    codes = [make(Schedule(integers, ideal_levels(weights, max_bits, e))) for e in efficiencies]
    return min(codes, key=error)


@torch.no_grad()
def _latents(nets: Nets, trainer: Trainer, rates: Sequence[int]) -> Latents:
    """Latents of the first training pictures, for each rate."""
    count = min(FIT_PICTURES, max(1, FIT_VALUES // trainer.plan.config.dims))
    images = trainer.images[:count].cpu().float() / 255
    out = {}
    for bits in rates:
        levels = nets.channel.levels(torch.full((len(images),), float(bits)))
        out[bits] = nets.transform.analyse(images, levels).numpy()
    return out


def _whole_rounds(bits: int, blocks: int) -> int:
    """`bits`, up to whole rounds of atoms where there are several blocks."""
    unit = blocks * (GENERATOR.bits + 1) if blocks > 1 else 1
    return math.ceil(bits / unit) * unit
