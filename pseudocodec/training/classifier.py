"""Training of the classifier that measures pictures of digits."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.metrics import Images
from pseudocodec.nets.classifier import CLASSES, SIDE, DigitClassifier, pixels
from pseudocodec.nets.precision import autocast


@dataclass(frozen=True)
class ClassifierRecipe:
    """What a run does; the same recipe, pictures and processor give the same weights."""

    epochs: int = 8
    batch: int = 256
    rate: float = 4e-3  # peak learning rate of AdamW
    weight_decay: float = 1e-2
    shift: int = 2  # pixels, at most, that a digit is moved each way
    seed: int = 0


def train_classifier(
    images: Images,
    labels: NDArray[np.uint8],
    recipe: ClassifierRecipe | None = None,
    on_epoch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> DigitClassifier:
    """A classifier of digits, trained on the CPU and in evaluation mode.

    Args:
        images: uint8 (n, 28, 28), at least one batch.
        labels: which digit each shows, uint8 (n,) from 0 to 9.
        recipe: by default that of the shipped classifier.
        on_epoch: is told the number of epochs done and the mean loss of the last, in nats.

    Raises:
        PslError: the arrays do not fit each other or are fewer than a batch.
    """
    recipe = recipe or ClassifierRecipe()
    _check(images, labels, recipe.batch)
    torch.manual_seed(recipe.seed)
    net = DigitClassifier()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=recipe.weight_decay)
    inputs, targets = torch.from_numpy(images.copy()), torch.from_numpy(labels.copy()).long()
    steps = len(inputs) // recipe.batch
    step = 0
    for epoch in range(recipe.epochs):
        total = 0.0
        for pick in _batches(len(inputs), recipe.batch):
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate * _schedule(step / (steps * recipe.epochs))
            with autocast(torch.device("cpu")):
                logits = net(pixels(_moved(inputs[pick], recipe.shift)))
            loss = F.cross_entropy(logits.float(), targets[pick])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()
            step += 1
        on_epoch(epoch + 1, total / steps)
    return net.eval()


def _check(images: Images, labels: NDArray[np.uint8], batch: int) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or len(images) < batch:
        raise PslError(
            f"images: expected uint8 (n, {SIDE}, {SIDE}) with n >= {batch}, "
            f"got {images.dtype} {images.shape}"
        )
    if labels.dtype != np.uint8 or labels.shape != images.shape[:1] or labels.max() >= CLASSES:
        raise PslError(
            f"labels: expected uint8 ({len(images)},) from 0 to {CLASSES - 1}, "
            f"got {labels.dtype} {labels.shape}"
        )


def _batches(count: int, batch: int) -> Iterator[Tensor]:
    """Indices of whole batches, in a new order each time."""
    order = torch.randperm(count)
    yield from torch.split(order[: count // batch * batch], batch)


def _moved(images: Tensor, shift: int) -> Tensor:
    """Each of the digits (B, 28, 28) moved by up to `shift` pixels either way; zeros come in."""
    padded = F.pad(images, (shift, shift, shift, shift))
    at = torch.arange(SIDE) + torch.randint(2 * shift + 1, (2, len(images), 1))
    return padded[torch.arange(len(images))[:, None, None], at[0][:, :, None], at[1][:, None, :]]


def _schedule(fraction: float) -> float:
    """Share of the peak rate: a rise over a tenth of the steps, then half a cosine to nothing."""
    return min(1.0, 10 * fraction + 0.01) * (1 + math.cos(math.pi * fraction)) / 2


def write_classifier(net: DigitClassifier, path: Path, *, overwrite: bool) -> str:
    """Write weights and statistics as float16, atomically; returns the file's SHA-256 in hex.

    Raises PslError when the file cannot be written, or exists and `overwrite` is not given.
    """
    from safetensors.torch import save

    state = {k: v.half().contiguous() for k, v in net.state_dict().items() if v.is_floating_point()}
    data = save(state)
    with atomic_write(path, overwrite=overwrite) as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()
