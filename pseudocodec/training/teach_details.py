"""The details of a photo model, learnt from what it leaves of pictures: the last step of training.

Their transform is the Karhunen-Loeve transform of what is left, in units of the steps that latents
have, outside the space of the latents' linear path, where only what rounding leaves is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pseudocodec.hyperprior import LEVEL_STEPS
from pseudocodec.hyperprior._parts import tables_at
from pseudocodec.hyperprior.details import CONTEXTS, FIRST, INDEX, DetailCode
from pseudocodec.hyperprior.integer import ACTIVATION, LOWEST_SCALE, SCALE_STEP
from pseudocodec.model.file import model_id, read_facts, read_tensors, write_model
from pseudocodec.model.photo import DETAILS as TRANSFORM
from pseudocodec.model.photo import PhotoModel
from pseudocodec.nets.details import Details
from pseudocodec.photo.encoder import DETAIL_WEIGHT
from pseudocodec.photo.tensors import level_tensor
from pseudocodec.training.coded_squares import coded_squares
from pseudocodec.training.contexts import Tile, learn_contexts
from pseudocodec.training.job import OnNote, ignore

DETAILS = (TRANSFORM, f"code.{FIRST}", f"code.{INDEX}", f"code.{CONTEXTS}")
COUNT = 320
SHARE = 0.25  # of the levels, from the lowest, that have none
SHOWN = 1_600  # pictures, each at one level
EFFORT = 2  # of their encoders, the lowest that fits filters: details are what those leave
ROUNDED_UP = 0.65  # values from which on, before there are contexts to choose in

Reals = NDArray[np.float32]


class _Seen(NamedTuple):
    """What is left of a picture at a level: (1, 3, H, W), float16, in [-1, 1].

    `price` is what a squared step of error, pixels being in [0, 1], is worth in bits.
    """

    level: int
    price: float
    rest: Tensor


def teach_details(
    path: Path,
    squares: Tensor,
    *,
    seed: int = 0,
    shown: int = SHOWN,
    count: int = COUNT,
    device: str = "auto",
    on_note: OnNote = ignore,
    every: float = 60.0,
) -> bytes:
    """Give the photo model at `path` `count` details learnt from `squares`, uint8 (N, 3, S, S).

    At most `shown` of them are coded, each at a random level of those that have details; `on_note`
    hears how many every `every` seconds. Details that the model has already are replaced. Returns
    the model's new id.
    """
    tensors = {k: v for k, v in read_tensors(path).items() if not k.startswith(DETAILS)}
    write_model(path, read_facts(path), tensors, overwrite=True)
    model = PhotoModel(model_id(path), path, read_facts(path))
    first = round(SHARE * model.code.top)
    coded = coded_squares(
        model,
        squares,
        first,
        effort=EFFORT,
        shown=shown,
        seed=seed,
        device=device,
        on_note=on_note,
        every=every,
        what="details",
    )
    seen = [_Seen(each.level, each.price, each.rest.half().cpu()) for each in coded]
    details = _transform(model, seen, count)
    tensors[f"{TRANSFORM}basis"] = details.basis.numpy()
    tensors[f"{TRANSFORM}steps"] = details.steps.numpy()
    tensors |= {f"code.{key}": value for key, value in _code(model, details, seen, first).items()}
    return write_model(path, model.facts, tensors, overwrite=True)


def _transform(model: PhotoModel, seen: Sequence[_Seen], count: int) -> Details:
    """The transform of what is left; a level's step is the mean of the latents' steps."""
    t = model.transform(torch.device("cpu"))
    steps = (1 / t.gain(torch.arange(t.config.rows, dtype=torch.float32))).mean((1, 2, 3))
    outside = torch.eye(len(t.basis)) - t.basis @ torch.linalg.pinv(t.basis)
    powers = torch.zeros(len(t.basis), len(t.basis), dtype=torch.float64)
    details = Details(torch.eye(len(t.basis)), steps)
    for each in seen:
        flat = _values(details, each).reshape(len(t.basis), -1)
        powers += (flat @ flat.T).double()
    powers = outside.double() @ powers @ outside.double().T
    vectors = torch.linalg.eigh(powers).eigenvectors.flip(1)
    return Details(vectors[:, :count].float().contiguous(), steps)


def _code(
    model: PhotoModel, details: Details, seen: Sequence[_Seen], first: int
) -> dict[str, NDArray[Any]]:
    """The tensors of `DetailCode`."""
    code, rows = model.code, len(details.steps)
    levels = [each.level for each in seen]
    values = [_values(details, each).numpy() for each in seen]
    index = _index(values, levels, rows).clip(0, code.tables.count - 1)
    out: dict[str, NDArray[Any]] = {FIRST: np.array([first])}
    out[INDEX] = np.rint(index * (1 << ACTIVATION)).astype(np.int64)
    whole = [np.trunc(v + np.sign(v) * (1 - ROUNDED_UP)).astype(np.int32) for v in values]
    for last in (False, True):
        tiles = [
            Tile(w, np.ascontiguousarray(tables_at(out[INDEX], level, w.shape, code.tables)), level)
            for w, level in zip(whole, levels, strict=True)
        ]
        learnt = learn_contexts(tiles, code.tables, code.top)
        out |= {f"{CONTEXTS}{key}": value for key, value in learnt.items()}
        if not last:
            whole = _chosen(DetailCode(out, code.tables, rows, code.top), details, seen, values)
    return out


def _chosen(
    code: DetailCode, details: Details, seen: Sequence[_Seen], values: Sequence[Reals]
) -> list[NDArray[np.int32]]:
    """Details as an encoder chooses them."""
    out = []
    for (level, price, _), each in zip(seen, values, strict=True):
        step = float(details.step(level_tensor(level, torch.device("cpu"))))
        prices = np.full(len(each), DETAIL_WEIGHT * price * step**2, np.float32)
        out.append(code.encode(each, level, prices)[1])
    return out


def _values(details: Details, seen: _Seen) -> Tensor:
    """Details (count, h, w), not rounded."""
    at = level_tensor(seen.level, torch.device("cpu"))
    return details.analyse(seen.rest.float(), at)[0]


def _index(values: Sequence[Reals], levels: Sequence[int], rows: int) -> NDArray[np.float64]:
    """Tables (rows, count) of the deviations, each picture counting for the rows beside its level.

    Rows that none is beside take those of the next.
    """
    share, power = np.zeros(rows), np.zeros((rows, len(values[0])))
    for value, level in zip(values, levels, strict=True):
        row, fraction = divmod(level, LEVEL_STEPS)
        for at, weight in ((row, 1 - fraction / LEVEL_STEPS), (row + 1, fraction / LEVEL_STEPS)):
            if weight:
                share[at] += weight
                power[at] += weight * np.square(value).mean((1, 2))
    known = np.nonzero(share)[0]
    nearest = known[np.abs(np.arange(rows)[:, None] - known).argmin(1)]
    deviations = np.sqrt(power[nearest] / share[nearest, None])
    index: NDArray[np.float64] = np.log(np.maximum(deviations, LOWEST_SCALE) / LOWEST_SCALE)
    return index / SCALE_STEP
