"""Pictures whose records differ in length."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.lengths import by_length, squared_errors, told
from pseudocodec.model import load_model
from pseudocodec.model.vectors import VectorModel


@given(st.lists(st.integers(0, 9), max_size=20))
def test_each_length_comes_once_with_all_its_places(lengths: list[int]) -> None:
    found = list(by_length(np.array(lengths, np.int64)))
    assert [bits for bits, _ in found] == sorted(set(lengths))
    for bits, members in found:
        assert members.tolist() == [i for i, length in enumerate(lengths) if length == bits]


def test_what_the_nets_are_told_is_what_the_code_says_of_the_length() -> None:
    model = load_model("digits")
    assert isinstance(model, VectorModel)
    code, lengths = model.code_for(dense=True), np.array([256, 64, 256, 0])
    level, rho = told(code, lengths, torch.device("cpu"))
    for row, bits in enumerate(lengths.tolist()):
        assert level[row].item() == pytest.approx(code.level(bits))
        np.testing.assert_allclose(rho[row], code.distortions(bits), rtol=1e-6)


def test_squared_errors_are_of_each_picture() -> None:
    images = torch.zeros(3, 1, 2, 2)
    decoded = torch.stack([torch.full((1, 2, 2), value) for value in (0.0, 0.5, 1.0)])
    np.testing.assert_allclose(squared_errors(decoded, images), [0, 1, 4])
