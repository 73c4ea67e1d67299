"""What effort buys: a closer picture in the same number of bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pseudocodec.encoding import EFFORTS, describe
from pseudocodec.errors import PslError
from pseudocodec.latent.base import LatentCode
from pseudocodec.model import load_model
from pseudocodec.model.catalogue import by_name
from pseudocodec.model.vectors import VectorModel

Bytes = NDArray[np.uint8]
BITS = 128


@pytest.fixture(scope="module")
def model() -> VectorModel:
    return load_model("digits")


@pytest.fixture
def pictures(digits: list[Bytes]) -> list[Bytes]:
    """The model's input: (28, 28, 1)."""
    return [digit[:, :, None] for digit in digits]


def codes(model: VectorModel) -> list[LatentCode]:
    return [model.code, model.code_for(dense=True)]


def symbols_of(
    model: VectorModel, code: LatentCode, pictures: list[Bytes], bits: int, effort: int
) -> NDArray[np.int64]:
    """Symbols (n, k) for `bits` bits each."""
    described = describe(model, code, pictures, bits, effort=effort, device="cpu")
    assert {length for _, length in described} == {bits}
    return np.stack([symbols for symbols, _ in described])


def errors(
    model: VectorModel, code: LatentCode, pictures: list[Bytes], effort: int
) -> NDArray[np.float64]:
    """Mean squared error (n,) of what decodes."""
    symbols = symbols_of(model, code, pictures, BITS, effort)
    payloads = code.pack(symbols, BITS)
    latents = code.decode(np.stack([code.unpack(*payload) for payload in payloads]), BITS)
    levels = np.full(len(latents), code.level(BITS), np.float32)
    decoded = model.synthesise(latents, levels, "cpu").astype(float)
    return ((decoded - np.stack(pictures)) ** 2).mean((1, 2, 3))


@pytest.mark.parametrize("dense", [False, True])
def test_effort_buys_quality(model: VectorModel, pictures: list[Bytes], dense: bool) -> None:
    code = model.code_for(dense)
    least, more = (errors(model, code, pictures, effort) for effort in (0, 5))
    # Refinement lowers the error expected of the code; for a picture its luck may outweigh that.
    assert np.mean(more < least) > 0.5
    assert more.mean() < 0.95 * least.mean()


def test_a_picture_does_not_depend_on_the_others(model: VectorModel, pictures: list[Bytes]) -> None:
    """Trials draw the same latents for every picture, whatever stands beside it."""
    for code in codes(model):
        together = symbols_of(model, code, pictures, BITS, 2)
        alone = [symbols_of(model, code, [p], BITS, 2) for p in pictures[:3]]
        np.testing.assert_array_equal(together[:3], np.concatenate(alone))


def test_equal_pictures_get_equal_symbols(model: VectorModel, pictures: list[Bytes]) -> None:
    for code in codes(model):
        twice = [symbols_of(model, code, pictures[:2], BITS, 3) for _ in "ab"]
        np.testing.assert_array_equal(*twice)


def test_nets_first_used_without_gradients_can_be_refined_with(pictures: list[Bytes]) -> None:
    shipped = by_name("digits")
    fresh = VectorModel(shipped.id, shipped.path, shipped.facts)
    fresh.analyse(pictures, 0.0, "cpu")
    assert len(describe(fresh, fresh.code, pictures[:1], BITS, effort=3, device="cpu")) == 1


def test_a_caller_may_have_switched_gradients_off(
    model: VectorModel, pictures: list[Bytes]
) -> None:
    expected = symbols_of(model, model.code, pictures[:2], BITS, 3)
    for off in (torch.inference_mode, torch.no_grad):
        with off():
            found = symbols_of(model, model.code, pictures[:2], BITS, 3)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bits", [0, 1])
def test_payloads_too_small_to_carry_anything(
    model: VectorModel, pictures: list[Bytes], bits: int
) -> None:
    symbols = symbols_of(model, model.code, pictures, bits, 5)
    assert symbols.shape == (len(pictures), 0)


@pytest.mark.parametrize("effort", [-1, len(EFFORTS), 3.5])
def test_efforts_out_of_range_are_refused(
    model: VectorModel, pictures: list[Bytes], effort: int
) -> None:
    with pytest.raises(PslError, match=f"effort={effort}: expected a whole number from 0 to 9"):
        describe(model, model.code, pictures, BITS, effort=effort, device="cpu")


def test_efforts_rise() -> None:
    for one, next_one in pairwise(EFFORTS):
        assert one.steps <= next_one.steps
        assert one.trials <= next_one.trials
        assert one.code <= next_one.code
        assert one.slow_trials <= next_one.slow_trials
        assert one.lengths <= next_one.lengths
        assert max(next_one.lengths, 1) <= next_one.trials
