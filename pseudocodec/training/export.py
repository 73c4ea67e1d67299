"""From trained nets to a model file: integer tables of the latent code, weights in float16."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pseudocodec.latent.base import LatentCode
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.schedule import UNIT, Schedule, ideal_levels
from pseudocodec.latent.trellis import Trellis
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.prng import THESIS
from pseudocodec.training.loop import Trainer

GENERATOR = THESIS["lcg-524287"]
MAX_BITS = 512  # 64 bytes a picture
SMALLEST_BYTES = 2
CALIBRATION_PICTURES = 20_000
FIT_PICTURES = 256
FIT_BITS = (40, 120, 240, 480)
STREAM_EFFICIENCIES = (0.80, 0.84, 0.88)  # tried for the composition code
DENSE_EFFICIENCIES = (0.82, 0.86, 0.90, 0.94)  # tried for the trellis code


def export_model(trainer: Trainer, name: str, path: Path) -> bytes:
    """Write the trainer's averaged nets and two fitted latent codes; returns the model's id.

    Streams get the composition code, whose prefixes decode, archives the denser trellis.

    Latent components are put in order of falling variance, so that a stage of the code touches a
    prefix of them.
    """
    nets = trainer.averaged(calibration=CALIBRATION_PICTURES)
    log_variances = nets.channel.log_variances.detach().double().cpu()
    order = torch.argsort(log_variances, descending=True)
    variances = log_variances[order].exp().numpy()
    analysis = _reordered_analysis(nets.analysis, order)
    synthesis = _reordered_synthesis(nets.synthesis, order)
    weights = {f"analysis.{k}": v for k, v in analysis.items()}
    weights |= {f"synthesis.{k}": v for k, v in synthesis.items()}
    with torch.no_grad():
        images = trainer.images[:FIT_PICTURES].float() / 255
        latents = nets.analysis(images)[:, order].float().cpu().numpy()
    stream = fit_code(latents, variances, _composition, STREAM_EFFICIENCIES)
    dense = fit_code(latents, variances, _trellis, DENSE_EFFICIENCIES)
    facts = ModelFacts(
        name,
        "flat",
        trainer.config.as_dict(),
        stream.describe(),
        (SMALLEST_BYTES, MAX_BITS // 8),
        dense.describe(),
    )
    tensors: dict[str, NDArray[Any]] = {k: v.cpu().numpy() for k, v in weights.items()}
    tensors |= {f"code.{key}": table for key, table in stream.tables().items()}
    tensors |= {f"dense.{key}": table for key, table in dense.tables().items()}
    return write_model(path, facts, tensors, overwrite=True)


def fit_code(
    latents: NDArray[np.float32],
    variances: NDArray[np.float64],
    make: Callable[[Schedule], LatentCode],
    efficiencies: Sequence[float],
) -> LatentCode:
    """The code whose assumed efficiency leaves the least error on these latents.

    The schedule must say how far the bits really get: levels too low overshoot, too high leave bits
    unused. One number, the efficiency against Shannon's R(D), is fitted on training latents; errors
    are compared on a log scale over FIT_BITS.
    """
    integers = np.maximum(1, np.rint(variances / variances.max() * UNIT)).astype(np.int64)
    weights = integers / UNIT

    def error(code: LatentCode) -> float:
        total = 0.0
        for bits in FIT_BITS:
            decoded = code.decode(code.encode(latents, bits, effort=0), bits)
            total += float(np.log(np.mean((decoded - latents) ** 2 @ weights)))
        return total

    codes = [make(Schedule(integers, ideal_levels(weights, MAX_BITS, e))) for e in efficiencies]
    return min(codes, key=error)


def _composition(schedule: Schedule) -> LatentCode:
    return Composition(GENERATOR, schedule)


def _trellis(schedule: Schedule) -> LatentCode:
    return Trellis(GENERATOR, schedule)


def _reordered_analysis(net: torch.nn.Module, order: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights with the latent outputs permuted."""
    rows = {"head.weight", "head.bias", "linear.weight", "linear.bias"}
    rows |= {"whiten.running_mean", "whiten.running_var"}
    return {k: v[order] if k in rows else v for k, v in net.state_dict().items()}


def _reordered_synthesis(net: torch.nn.Module, order: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights with the latent inputs permuted; those of the condition stay."""
    state = dict(net.state_dict())
    first, latents = state["first.weight"], len(order)
    state["first.weight"] = torch.cat([first[:, order], first[:, latents:]], dim=1)
    state["linear.weight"] = state["linear.weight"][:, order]
    return state
