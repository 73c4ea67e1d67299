"""The same nets with another latent code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.latent.schedule import Schedule
from pseudocodec.latent.trellis import Trellis
from pseudocodec.metrics import psnr
from pseudocodec.model import load_model
from pseudocodec.model.vectors import VectorModel
from pseudocodec.training.export import GENERATOR
from pseudocodec.training.recode import recode

STATE_BITS = 8  # a coarse trellis, fitted in a moment


@pytest.fixture(scope="module")
def model() -> VectorModel:
    model = load_model("digits")
    assert isinstance(model, VectorModel)
    return model


def coarse(schedule: Schedule) -> Trellis:
    return Trellis(GENERATOR, schedule, state_bits=STATE_BITS)


def test_only_the_dense_code_is_another(
    model: VectorModel, digits: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    path = tmp_path / "coarse.safetensors"
    pictures = [digit[:, :, None] for digit in digits]
    made = recode(model, pictures, path, coarse, (0.8, 0.9))
    other = load_model(path)
    assert isinstance(other, VectorModel)
    assert other.id == made != model.id
    assert other.code_for(dense=True).describe()["state_bits"] == STATE_BITS

    level = model.code.level(128)
    np.testing.assert_array_equal(other.analyse(pictures, level), model.analyse(pictures, level))
    file = tmp_path / "digits.psl"
    pseudocodec.save(file, digits, model=path, nbytes=40)
    with pseudocodec.open(file) as archive:
        assert psnr(np.stack(digits), archive[:]) > 20


def test_an_existing_file_is_not_replaced(
    model: VectorModel, digits: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"mine")
    with pytest.raises(PslError, match="exists"):
        recode(model, [digit[:, :, None] for digit in digits], path, coarse, (0.9,))
    assert path.read_bytes() == b"mine"
