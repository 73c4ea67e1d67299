"""What the shipped digit classifier says of the shipped digit, and of MNIST where it is there."""

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.evaluation import digit_classifier
from pseudocodec.evaluation.digit_classifier import FILE, SHA256, read
from pseudocodec.evaluation.digit_features import (
    digit_accuracy,
    digit_cross_entropy,
    digit_feature_distance,
    digit_features,
)

Bytes = NDArray[np.uint8]
SHARED = Path(__file__).parents[3] / "shared" / "data"
MNIST = Path(os.environ.get("PSEUDOCODEC_DATA") or SHARED) / "mnist"
SHOWN = 5  # what the shipped digit is


@pytest.fixture(scope="module")
def stack(digits: list[Bytes]) -> Bytes:
    """The shipped digit, moved about, (12, 28, 28)."""
    return np.stack(digits)


def test_the_shipped_digit_is_read(stack: Bytes) -> None:
    labels = np.full(len(stack), SHOWN)
    assert digit_accuracy(stack, labels) == 1
    assert digit_accuracy(stack, (labels + 1) % 10) == 0
    assert 0 < digit_cross_entropy(stack, labels) < 0.5 < digit_cross_entropy(stack, labels - 1)


def test_features(stack: Bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    features = digit_features(stack)
    assert features.shape == (12, 96) and features.dtype == np.float32
    assert features.min() >= 0 and np.ptp(features, axis=0).max() > 0
    monkeypatch.setattr(digit_classifier, "BATCH", 5)
    np.testing.assert_allclose(digit_features(stack), features, rtol=1e-4, atol=1e-5)


def test_the_cross_entropy_is_that_of_the_softmax(
    stack: Bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of logits 0, ln 2, ln 3 ... the shares are 1, 2, 3 ... of 55; large ones overflow nothing."""
    logits = np.log(np.arange(1, 11, dtype=np.float32)) + np.float32(5_000)
    monkeypatch.setattr(
        "pseudocodec.evaluation.digit_features.judged", lambda images, net: np.stack([logits] * 2)
    )
    found = digit_cross_entropy(stack[:2], np.array([0, 9], np.uint8))
    assert found == pytest.approx((math.log(55) + math.log(5.5)) / 2, abs=1e-2)


def test_the_distance_grows_with_the_damage(stack: Bytes) -> None:
    noise = np.random.default_rng(0).integers(0, 100, stack.shape)
    some, more = (np.clip(stack + noise * k, 0, 255).astype(np.uint8) for k in (1, 2))
    assert digit_feature_distance(stack, stack) == pytest.approx(0, abs=1e-6)
    near, far = digit_feature_distance(stack, some), digit_feature_distance(stack, more)
    assert 0 < near < far
    assert digit_feature_distance(some, stack) == pytest.approx(near)


def test_a_distance_needs_two_pictures(stack: Bytes) -> None:
    with pytest.raises(PslError, match="n >= 2"):
        digit_feature_distance(stack, stack[:1])


@pytest.mark.parametrize("shape", [(28, 28), (0, 28, 28), (2, 32, 32), (2, 28, 28, 1), ()])
def test_only_digits(shape: tuple[int, ...]) -> None:
    with pytest.raises(PslError, match=r"images: the digit classifier takes uint8 \(n, 28, 28\)"):
        digit_features(np.zeros(shape, np.uint8))


def test_only_bytes(stack: Bytes) -> None:
    with pytest.raises(PslError, match="got float64"):
        digit_features(stack / 255)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "said"),
    [(np.zeros(11, int), r"one for each of 12 images, got int64 \(11,\)"),
     (np.zeros((12, 10), int), "one for each"), (np.zeros(12), "got float64"),
     (np.full(12, 10), "labels from 10 to 10: expected 0 to 9"),
     (np.full(12, -1), "from -1 to -1")],
)  # fmt: skip
def test_only_labels_that_fit(stack: Bytes, labels: NDArray[np.int64], said: str) -> None:
    for measure in (digit_accuracy, digit_cross_entropy):
        with pytest.raises(PslError, match=said):
            measure(stack, labels)


def test_another_file_is_refused(tmp_path: Path) -> None:
    damaged = bytearray(FILE.read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "file").write_bytes(damaged)
    with pytest.raises(PslError, match=r"not the digit classifier, or damaged .* install pseudo"):
        read(tmp_path / "file", SHA256)
    with pytest.raises(PslError, match="the digit classifier cannot be read"):
        read(tmp_path / "absent", SHA256)


def test_it_reads_the_test_digits_of_mnist() -> None:
    if not (MNIST / "t10k-labels-idx1-ubyte.gz").is_file():
        pytest.skip("MNIST is not beside the repository, nor in PSEUDOCODEC_DATA")
    content = gzip.decompress((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())
    images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)
    content = gzip.decompress((MNIST / "t10k-labels-idx1-ubyte.gz").read_bytes())
    labels = np.frombuffer(content, np.uint8, offset=8)
    assert digit_accuracy(images, labels) >= 0.992
    assert digit_cross_entropy(images, labels) < 0.03
