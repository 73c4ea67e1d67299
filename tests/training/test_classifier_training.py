"""Training of the digit classifier on pictures that a few steps can tell apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.evaluation.digit_classifier import judged, read
from pseudocodec.training.classifier import (
    ClassifierRecipe,
    _moved,
    _schedule,
    train_classifier,
    write_classifier,
)

BRIEF = ClassifierRecipe(epochs=2, batch=32)
Bytes = NDArray[np.uint8]


def bars(count: int = 160) -> tuple[Bytes, Bytes]:
    """Upright bars, label 0, and level ones, label 1, at many places."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((count, 28, 28), np.uint8), (np.arange(count) % 2).astype(np.uint8)
    for image, label, place in zip(images, labels, rng.integers(6, 20, count), strict=True):
        (image if label else image.T)[place : place + 3, 4:24] = 200
    return images, labels


def test_from_pictures_to_a_file_that_judges(tmp_path: Path) -> None:
    images, labels = bars()
    told: list[tuple[int, float]] = []
    recipe = ClassifierRecipe(epochs=4, batch=32)
    net = train_classifier(images, labels, recipe, lambda *seen: told.append(seen))
    assert [epoch for epoch, _ in told] == [1, 2, 3, 4] and told[-1][1] < told[0][1]
    path = tmp_path / "bars.safetensors"
    digest = write_classifier(net, path, overwrite=False)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.stat().st_size < 250_000
    logits = judged(images, read(path, digest))
    assert np.mean(logits.argmax(axis=1) == labels) > 0.9
    with pytest.raises(PslError, match="exists already"):
        write_classifier(net, path, overwrite=False)


def test_the_same_recipe_gives_the_same_weights() -> None:
    one, same, other = (
        train_classifier(*bars(64), ClassifierRecipe(epochs=1, batch=32, seed=seed)).state_dict()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_digits_are_moved_whole() -> None:
    torch.manual_seed(0)
    image = torch.zeros(28, 28, dtype=torch.uint8)
    image[10:14, 12:15] = torch.arange(1, 13).reshape(4, 3)
    moved = _moved(image.expand(200, 28, 28), 2)
    assert moved.shape == (200, 28, 28)
    ways = {
        (y, x)
        for y in range(-2, 3)
        for x in range(-2, 3)
        if any(torch.equal(m, image.roll((y, x), (0, 1))) for m in moved)
    }
    assert len(ways) == 25
    assert moved.sum() == 200 * image.sum()


def test_the_rate_rises_and_falls() -> None:
    rates = [_schedule(i / 100) for i in range(101)]
    assert max(rates) == max(rates[8:13]) > 0.9
    assert rates[0] < 0.02 and rates[-1] == 0


@pytest.mark.parametrize(
    ("shape", "dtype"), [((40, 28), "u1"), ((40, 32, 32), "u1"), ((31, 28, 28), "u1"),
                         ((40, 28, 28), "f4"), ((40, 28, 28, 1), "u1")],
)  # fmt: skip
def test_only_digits_a_batch_at_least(shape: tuple[int, ...], dtype: str) -> None:
    labels = np.zeros(shape[0], np.uint8)
    with pytest.raises(PslError, match=r"images: expected uint8 \(n, 28, 28\) with n >= 32"):
        train_classifier(np.zeros(shape, dtype), labels, BRIEF)


@pytest.mark.parametrize("labels", [np.zeros(39, np.uint8), np.full(40, 10, np.uint8),
                                    np.zeros(40), np.zeros((40, 10), np.uint8)])  # fmt: skip
def test_only_labels_that_fit(labels: Bytes) -> None:
    with pytest.raises(PslError, match=r"labels: expected uint8 \(40,\) from 0 to 9"):
        train_classifier(np.zeros((40, 28, 28), np.uint8), labels, BRIEF)
