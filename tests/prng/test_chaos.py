import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.prng.chaos import TRANSIENT, ChaoticMap, Henon, Logistic, Tent

MAPS = [Henon(), Logistic(), Logistic(4), Tent()]
each_map = pytest.mark.parametrize("chaotic", MAPS, ids=repr)


@given(st.sampled_from(MAPS), st.data())
def test_values_stay_in_the_interval(chaotic: ChaoticMap, data: st.DataObject) -> None:
    starts = data.draw(st.lists(st.floats(*chaotic.starts), max_size=4))
    sequences = chaotic.sequence(starts, 200)
    assert sequences.shape == (len(starts), 200)
    assert np.all(np.abs(sequences) <= 1)


@each_map
def test_every_part_of_the_start_interval_stays_bounded(chaotic: ChaoticMap) -> None:
    sequences = chaotic.sequence(np.linspace(*chaotic.starts, 1001), 1000)
    assert np.all(np.abs(sequences) <= 1)


@each_map
def test_draw_is_the_sequence_after_the_transient(chaotic: ChaoticMap) -> None:
    drawn = chaotic.draw(np.random.default_rng(5), 3, 40)
    starts = np.random.default_rng(5).uniform(*chaotic.starts, 3)
    assert np.array_equal(drawn, chaotic.sequence(starts, TRANSIENT + 40)[:, TRANSIENT:])


def test_logistic_recurrence() -> None:
    assert Logistic(4).sequence([0.25, 0.75], 3).tolist() == [[-0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]


def test_tent_recurrence() -> None:
    assert Tent(1.5).sequence([0.5], 3).tolist() == [[0, 0.5, -0.25]]


def test_henon_recurrence() -> None:
    got = Henon().sequence([0.0], 4)[0] * 1.33
    assert got == pytest.approx([0, 1, -0.4, 1 - 1.4 * 0.16 + 0.3])


def test_tent_does_not_die_out() -> None:
    sequences = Tent().sequence(np.random.default_rng(1).uniform(0, 1, 100), 1000)
    assert sequences[:, -500:].std(axis=1).min() > 0.5  # 0.577 if uniform; at mu = 2 it is 0


@pytest.mark.parametrize("r", [0.0, -1.0, 4.01, float("nan")])
def test_logistic_parameter_out_of_range(r: float) -> None:
    with pytest.raises(PslError, match="choose 0 < r <= 4"):
        Logistic(r)


@pytest.mark.parametrize("mu", [0.0, -1.0, 2.0, float("nan")])
def test_tent_parameter_out_of_range(mu: float) -> None:
    with pytest.raises(PslError, match="choose 0 < mu < 2"):
        Tent(mu)


@each_map
@pytest.mark.parametrize("start", [-1.5, 1.5, float("nan"), float("inf")])
def test_initial_value_out_of_range(chaotic: ChaoticMap, start: float) -> None:
    with pytest.raises(PslError, match="is no initial value"):
        chaotic.sequence([start], 5)


def test_initial_values_of_wrong_shape() -> None:
    with pytest.raises(PslError, match="one-dimensional"):
        Logistic().sequence([[0.5]], 5)


def test_sequence_of_length_zero() -> None:
    with pytest.raises(PslError, match="length 0"):
        Logistic().sequence([0.5], 0)


def test_draw_of_length_zero() -> None:
    with pytest.raises(PslError, match="length 0"):
        Logistic().draw(np.random.default_rng(0), 1, 0)


def test_negative_count() -> None:
    with pytest.raises(PslError, match="-1 sequences"):
        Logistic().draw(np.random.default_rng(0), -1, 5)


def test_draw_too_large() -> None:
    with pytest.raises(TooLarge, match="exceed the limit"):
        Logistic().draw(np.random.default_rng(0), 2**28, 1)
