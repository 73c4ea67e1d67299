"""Batches in which some pictures cannot be coded."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.errors import PslError, UnknownModel
from pseudocodec.model import load_model
from pseudocodec.parallel.jobs import Numbered, Portable, Then, _each

Batch = list[Numbered[int]]


def positive(numbers: list[int]) -> list[int]:
    """Fails as a whole, as the latent codes do, and does not say which one is to blame."""
    if min(numbers) <= 0:
        raise PslError("one of them is not positive")
    return [10 * number for number in numbers]


@given(st.lists(st.integers(-3, 3)))
def test_errors_stand_in_the_places_of_those_to_blame(numbers: list[int]) -> None:
    coded = _each(positive, [Numbered(i, number) for i, number in enumerate(numbers)])
    assert len(coded) == len(numbers)
    for number, result in zip(numbers, coded, strict=True):
        assert isinstance(result, PslError) if number <= 0 else result == 10 * number


def test_what_was_wrong_before_is_passed_on() -> None:
    wrong = PslError("not a picture")
    assert _each(positive, [Numbered(0, 1), Numbered(1, wrong)]) == [10, wrong]


def test_a_function_sees_the_numbers_and_its_errors_are_kept() -> None:
    def tell(number: int, result: int) -> str:
        if number == 7:
            raise PslError("not this one")
        return f"{number}: {result}"

    def job(batch: Batch) -> list[int | PslError]:
        return _each(positive, batch)

    first, second, third = Then(job, tell)([Numbered(5, 1), Numbered(7, 2), Numbered(9, -1)])
    assert first == "5: 10"
    assert str(second) == "not this one"
    assert str(third) == "one of them is not positive"


def test_a_model_travels_as_its_path() -> None:
    model = load_model("digits")
    pickled = pickle.dumps(Portable(model))
    assert len(pickled) < 1000
    assert pickle.loads(pickled).model is model  # this process has it already


def test_a_model_that_is_gone_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    portable = Portable(load_model("digits"))
    monkeypatch.setattr(portable.model, "id", bytes(8))
    with pytest.raises(UnknownModel):
        pickle.dumps(portable)
