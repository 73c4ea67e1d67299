"""The network of the FID against another implementation, and its resampling."""

from __future__ import annotations

import pytest
import torch
from inception_weights import pictures, weights

from pseudocodec.nets.inception import SIDE, Inception, resized

KNOWN = [
    [0.00010607987, 0.31782407, 0.033958130, 0.28292230, 0.23711631, 0.0026770351, 0, 0.012487149],
    [0.00096079335, 0.33351314, 0.048275385, 0.30434492, 0.24024916, 0.0031927796, 0, 0.010708634],
]
MEANS = [0.059911415, 0.062786020]


@torch.no_grad()
def test_features_of_torch_fidelity() -> None:
    """By FeatureExtractorInceptionV3 of torch-fidelity 0.4.0 with the same weights and pictures.

    They agree to 4e-7; between the two pictures features differ by 0.01 on average.
    """
    net = Inception().eval()
    net.load_state_dict(weights())
    features = net(torch.tensor(pictures()).permute(0, 3, 1, 2).float())
    assert features.shape == (2, 2048)
    torch.testing.assert_close(features[:, ::256], torch.tensor(KNOWN), rtol=0, atol=1e-5)
    torch.testing.assert_close(features.mean(1), torch.tensor(MEANS), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 28, 298, 299, 640])
def test_pixels_are_taken_from_where_tensorflow_takes_them(size: int) -> None:
    """On a ramp the value is the place: that of pixel i, not of its centre."""
    ramp = torch.arange(size, dtype=torch.float32).expand(1, 1, 3, size)
    expected = (torch.arange(SIDE) * size / SIDE).clamp(max=size - 1)
    for images in (ramp, ramp.mT):
        found = resized(images)
        assert found.shape == (1, 1, SIDE, SIDE)
        along = found if images is ramp else found.mT
        torch.testing.assert_close(along, expected.expand_as(along), rtol=1e-6, atol=1e-4)


def test_pictures_of_its_size_stay_as_they_are() -> None:
    images = torch.rand(1, 3, SIDE, SIDE)
    assert torch.equal(resized(images), images)
