"""The basis of a photo model's filters, learnt from those that are best for single pictures.

A filter's weights are taken for normal: without a mean, which shrinkage has learnt already, and
with one covariance that each level scales. Squares of training photographs are small, so that the
best weights of each have much of chance in them; the distribution is found by expectation and
maximisation, in which a square says as much of its weights as it knows. The basis has the
coordinates that are independent, and in which equal steps do equally much to pictures (a
Karhunen-Loeve transform in the metric of the errors).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pseudocodec.hyperprior import LEVEL_STEPS
from pseudocodec.hyperprior.filters import INDEX
from pseudocodec.hyperprior.integer import ACTIVATION, LOWEST_SCALE, SCALE_STEP
from pseudocodec.model.file import model_id, read_facts, read_tensors, write_model
from pseudocodec.model.photo import FILTERS, PhotoModel
from pseudocodec.nets.filters import COLOURS, TAPS, products
from pseudocodec.nets.hyperprior import between
from pseudocodec.training.coded_squares import CodedSquare, coded_squares
from pseudocodec.training.job import OnNote, ignore
from pseudocodec.training.teach_details import DETAILS

TAUGHT = (FILTERS, f"code.{INDEX}")
SHOWN = 1_600  # pictures, each at one level
EFFORT = 3  # of their encoders: as most files are coded
WEIGHTS = COLOURS * TAPS
ROUNDS = 8  # of expectation and maximisation
FIRST = 1e-3  # variance of weights before that
NOISE = 8.0  # of the variance of what is left, which is not white
SPREAD = 4.0  # rows, within which a picture counts for a level
AREA = 1 << 18  # pixels of the pictures that steps are chosen for
LEAST = 0.05  # bits that a coordinate must be worth for such a picture
BATCH = 128


class Shown(NamedTuple):
    """What a picture says of the weights that are best for it."""

    level: int
    price: float  # in bits, of a squared step of error, pixels being in [0, 1]
    pixels: int
    error: float  # squared, summed
    squares: Tensor  # (TAPS, TAPS), of taps,
    mixed: Tensor  # and of them with what is left (TAPS, 3); both float64


def teach_filters(
    path: Path,
    squares: Tensor,
    *,
    seed: int = 0,
    shown: int = SHOWN,
    device: str = "auto",
    on_note: OnNote = ignore,
    every: float = 60.0,
) -> bytes:
    """Give the photo model at `path` filters learnt from `squares`, uint8 (N, 3, S, S).

    At most `shown` of them are coded, each at a random level; `on_note` hears how many every
    `every` seconds. Filters that the model has already are replaced, and details taken away, which
    are learnt from what filters leave (`teach_details`). Returns the model's new id.
    """
    old = read_tensors(path).items()
    tensors = {k: v for k, v in old if not k.startswith((*TAUGHT, *DETAILS))}
    write_model(path, read_facts(path), tensors, overwrite=True)
    model = PhotoModel(model_id(path), path, read_facts(path))
    coded = coded_squares(
        model,
        squares,
        0,
        effort=EFFORT,
        shown=shown,
        seed=seed,
        device=device,
        on_note=on_note,
        every=every,
        what="filters",
    )
    tensors |= learn_filters([of_square(each) for each in coded], len(model.code.hyper_index))
    return write_model(path, model.facts, tensors, overwrite=True)


def of_square(coded: CodedSquare) -> Shown:
    """What least squares make of it."""
    taps, mixed = products(coded.shown, coded.rest)
    error = float(coded.rest.cpu().double().square().sum())
    return Shown(coded.level, coded.price, coded.rest[0, 0].numel(), error, taps, mixed)


def learn_filters(seen: Sequence[Shown], rows: int) -> dict[str, NDArray[Any]]:
    """The tensors of a model's filters and of their code, for `rows` rows of levels."""
    seen = [each for each in seen if each.error > 0]
    level = torch.tensor([each.level / LEVEL_STEPS for each in seen], dtype=torch.float64)
    near = (1 - (level - torch.arange(rows)[:, None]).abs() / SPREAD).clamp(min=1e-6)
    near /= near.sum(1, keepdim=True)  # (rows, pictures)
    scales, covariance = _distribution(seen, level, near)
    value = torch.tensor([each.price / each.pixels for each in seen], dtype=torch.float64)
    metrics = value[:, None, None] * torch.stack([each.squares for each in seen])
    root, inverse = _roots(_each_colour(metrics.mean(0)))
    power, axes = torch.linalg.eigh(root @ covariance @ root)
    kept = (power.flip(0) * scales.max() * AREA > LEAST).sum().clamp(min=1)
    power, basis = power.flip(0)[:kept], (inverse @ axes.flip(1)[:, :kept]).T
    shaped = basis.view(-1, COLOURS, TAPS)
    worth = torch.einsum("kcn,snm,kcm->s", shaped, metrics, shaped) / kept
    steps = (6 / math.log(2) / AREA / (near @ worth.log()).exp()).sqrt()
    deviations = (power * scales[:, None]).sqrt() / steps[:, None]
    index = (deviations.clamp(min=LOWEST_SCALE) / LOWEST_SCALE).log() / SCALE_STEP
    return {
        f"{FILTERS}basis": basis.float().contiguous().numpy(),
        f"{FILTERS}steps": steps.float().numpy(),
        f"code.{INDEX}": np.rint(index.numpy() * (1 << ACTIVATION)).astype(np.int64),
    }


def _distribution(seen: Sequence[Shown], level: Tensor, near: Tensor) -> tuple[Tensor, Tensor]:
    """Scales (rows,), whose mean is 1, and the covariance (WEIGHTS, WEIGHTS) that they scale."""
    scales = torch.ones(len(near), dtype=torch.float64)
    covariance = torch.eye(WEIGHTS, dtype=torch.float64) * FIRST
    for _ in range(ROUNDS):
        precision = torch.linalg.inv(covariance)
        scale = between(scales[:, None], level)
        spread, total = [], torch.zeros_like(covariance)
        for i in range(0, len(seen), BATCH):
            part = slice(i, i + BATCH)
            guess, left = _guess(seen[part], precision / scale[part, :, None])
            spread.append((left * precision).sum((1, 2)) + ((guess @ precision) * guess).sum(1))
            total += (left / scale[part, :, None]).sum(0) + guess.T @ (guess / scale[part])
        scales = near @ torch.cat(spread) / WEIGHTS
        covariance = total / len(seen) * scales.mean()
        scales = scales / scales.mean()
    return scales, covariance


def _guess(seen: Sequence[Shown], precision: Tensor) -> tuple[Tensor, Tensor]:
    """Expected weights (n, WEIGHTS) of pictures, and their covariances.

    `precision` (n, WEIGHTS, WEIGHTS) is what is known of all pictures of their levels.
    """
    certain = torch.tensor([COLOURS * s.pixels / (NOISE * s.error) for s in seen])
    squares = torch.stack([_each_colour(s.squares) for s in seen])
    mixed = torch.stack([s.mixed.T.flatten() for s in seen])
    factor = torch.linalg.cholesky(certain[:, None, None] * squares + precision)
    guess = torch.cholesky_solve((certain[:, None] * mixed)[:, :, None], factor)[:, :, 0]
    return guess, torch.cholesky_inverse(factor)


def _each_colour(squares: Tensor) -> Tensor:
    """Of weights of all colours (WEIGHTS, WEIGHTS), which see the same taps."""
    return torch.kron(torch.eye(COLOURS, dtype=squares.dtype), squares)


def _roots(metric: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a symmetric matrix, and its inverse."""
    power, axes = torch.linalg.eigh(metric)
    root = power.clamp(min=1e-9 * float(power.max())).sqrt()
    return axes * root @ axes.T, axes / root @ axes.T
