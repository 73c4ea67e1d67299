"""What effort buys: fewer bits and less error together, and the decoder does not notice."""

from __future__ import annotations

import numpy as np
import photo_models
import pytest
import torch

import pseudocodec
from pseudocodec.metrics import mse
from pseudocodec.model import PhotoModel
from pseudocodec.photo.encoder import EFFORTS, Coded, Encoder

PICTURE = photo_models.smooth(90, 70, seed=4)


def cost(encoder: Encoder, coded: Coded) -> float:
    """Bits a pixel and what the error is worth in them."""
    level = torch.tensor([coded.level / 256])
    price = float(encoder.transform.config.price(level))
    error = mse(PICTURE, encoder.decode(coded)) * 255**2
    return 8 * len(coded.payload) / (PICTURE.size / 3) + price * error


@pytest.mark.parametrize("level", [300, 900])
def test_steps_lower_the_cost(photo_model: PhotoModel, level: int) -> None:
    costs = []
    for effort in (0, 4, 6):
        encoder = Encoder(photo_model, PICTURE, effort=effort, device="cpu")
        costs.append(cost(encoder, encoder.encode(level)))
    assert max(costs[1:]) < 0.97 * costs[0]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("effort", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_files_decode_to_what_the_encoder_says(
    photo_model: PhotoModel, effort: int, channels: int
) -> None:
    picture = PICTURE[:, :, :channels]
    encoder = Encoder(photo_model, picture, effort=effort, device="cpu")
    assert encoder.grid.tiles == 4
    coded = encoder.encode(512)
    data = pseudocodec.encode(picture, model=photo_model, quality=50, effort=effort, device="cpu")
    assert data.endswith(coded.payload)
    decoded = pseudocodec.decode(data, device="cpu")
    np.testing.assert_array_equal(decoded, encoder.decode(coded).squeeze())


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (17, 31)])
def test_small_pictures_are_refined_too(photo_model: PhotoModel, size: tuple[int, int]) -> None:
    picture = photo_models.smooth(*size)
    data = pseudocodec.encode(picture, model=photo_model, effort=4)
    assert pseudocodec.decode(data).shape == picture.shape


def test_equal_pictures_give_equal_bytes(photo_model: PhotoModel) -> None:
    """Refinement draws random numbers, the same ones every time and nobody else's."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    files = {pseudocodec.encode(PICTURE, model=photo_model, effort=4) for _ in range(2)}
    assert len(files) == 1
    assert torch.rand(2).equal(expected)


@pytest.mark.parametrize("effort", [1, 4])
def test_a_caller_may_have_switched_gradients_off(photo_model: PhotoModel, effort: int) -> None:
    expected = pseudocodec.encode(PICTURE, model=photo_model, effort=effort)
    for off in (torch.inference_mode, torch.no_grad):
        with off():
            assert pseudocodec.encode(PICTURE, model=photo_model, effort=effort) == expected


def test_another_default_dtype_does_no_harm(photo_model: PhotoModel) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        data = pseudocodec.encode(PICTURE, model=photo_model, effort=4)
    finally:
        torch.set_default_dtype(torch.float32)
    assert pseudocodec.decode(data).shape == PICTURE.shape


@pytest.mark.parametrize("effort", [-1, len(EFFORTS), 2.5])
def test_efforts_out_of_range_are_refused(photo_model: PhotoModel, effort: int) -> None:
    with pytest.raises(pseudocodec.PslError, match=f"effort={effort}: expected a whole number"):
        pseudocodec.encode(PICTURE, model=photo_model, effort=effort)


@pytest.mark.parametrize("options", [{"nbytes": 260}, {"psnr": 30.0}])
def test_targets_hold_at_any_effort(photo_model: PhotoModel, options: dict[str, float]) -> None:
    data = pseudocodec.encode(PICTURE, model=photo_model, effort=4, **options)  # type: ignore[arg-type]
    assert len(data) <= options.get("nbytes", len(data))
    error = mse(PICTURE, pseudocodec.decode(data))
    assert -10 * np.log10(error) >= options.get("psnr", 0)
