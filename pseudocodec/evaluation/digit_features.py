"""What a classifier of digits says of pictures of digits, and a Fréchet distance on its features.

The classification test of L. Monchieri, Image embedding in pseudorandom latent space (2024): can a
classifier that was trained on originals still read the digits that came back?
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.evaluation.digit_classifier import judged, shipped
from pseudocodec.metrics import Images, frechet_distance

Labels = NDArray[np.integer[Any]]
"""Which digit each of n pictures is to show, (n,), from 0 to 9."""


def digit_features(images: Images) -> NDArray[np.float32]:
    """What the shipped digit classifier sees before it decides, (n, 96), from 0 up.

    The mean over all places of its last convolution, in float32 on the CPU.

    Args:
        images: digits as MNIST has them, white on black, uint8 (n, 28, 28).

    Raises:
        PslError: images of another shape or dtype, or none; the classifier's file is damaged.
    """
    return judged(images, shipped().features)


def digit_feature_distance(a: Images, b: Images) -> float:
    """Fréchet distance of digit-classifier features (not FID), squared, 0 or more.

    The formula of the FID on other features: those of the classifier of digits that ships with
    this library, see `digit_features`. It compares with no published FID, only with itself, and
    only between sets of equally many pictures. For the FID see `evaluation.inception.fid`.

    Args:
        a: uint8 (n, 28, 28), n >= 2; a few thousand for a distance worth stating.
        b: uint8 (m, 28, 28), m >= 2.

    Raises:
        PslError: as `digit_features`, or a set of a single picture.
    """
    return frechet_distance(digit_features(a), digit_features(b))


def digit_cross_entropy(images: Images, labels: Labels) -> float:
    """Mean of -ln p(label | image) by the shipped digit classifier, in nats; 0 is the best.

    Args:
        images: uint8 (n, 28, 28): originals, or what is left of them.
        labels: which digits the originals show, whole numbers (n,) from 0 to 9.

    Raises:
        PslError: as `digit_features`, or the labels do not fit.
    """
    wanted, logits = _checked(images, labels), _logits(images)
    shifted = logits - logits.max(axis=1, keepdims=True)
    wrong = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(wanted)), wanted]
    return float(wrong.mean())


def digit_accuracy(images: Images, labels: Labels) -> float:
    """Share of the pictures, 0 to 1, that the shipped digit classifier takes for their label.

    Arguments and errors are those of `digit_cross_entropy`.
    """
    wanted = _checked(images, labels)
    return float((_logits(images).argmax(axis=1) == wanted).mean())


def _logits(images: Images) -> NDArray[np.float64]:
    return judged(images, shipped()).astype(np.float64)


def _checked(images: Images, labels: Labels) -> Labels:
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise PslError(
            f"labels: expected whole numbers, one for each of {len(images)} images, "
            f"got {labels.dtype} {labels.shape}"
        )
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= 9:
        raise PslError(f"labels from {labels.min()} to {labels.max()}: expected 0 to 9")
    return labels
