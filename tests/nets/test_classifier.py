"""The classifier of digits: its shapes, and what it ignores."""

from __future__ import annotations

import torch

from pseudocodec.nets.classifier import CLASSES, FEATURES, DigitClassifier, pixels


@torch.no_grad()
def test_shapes() -> None:
    torch.manual_seed(0)
    net = DigitClassifier().eval()
    images = pixels(torch.randint(256, (3, 28, 28), dtype=torch.uint8))
    assert images.shape == (3, 1, 28, 28) and 0 <= images.min() < images.max() <= 1
    features = net.features(images)
    assert features.shape == (3, FEATURES) and features.min() >= 0
    logits = net(images)
    assert logits.shape == (3, CLASSES)
    assert torch.equal(logits, net.head(features))


@torch.no_grad()
def test_each_picture_is_judged_by_itself() -> None:
    torch.manual_seed(0)
    net = DigitClassifier().eval()
    images = pixels(torch.randint(256, (4, 28, 28), dtype=torch.uint8))
    alone = torch.cat([net(image[None]) for image in images])
    torch.testing.assert_close(net(images), alone)
