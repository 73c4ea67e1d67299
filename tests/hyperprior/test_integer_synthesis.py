"""The integer hyper-synthesis: equal to plain Python integers, refused where it is not exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from reference_decoder import hyper_synthesis

from pseudocodec.errors import PslError
from pseudocodec.hyperprior.integer import (
    LIMIT,
    MOST_BIAS,
    MOST_GAIN,
    MOST_WEIGHT,
    IntegerHyperSynthesis,
    Layer,
    row_at,
)

Integers = NDArray[np.int64]
ROWS, HYPER, LATENTS = 3, 3, 4
SHAPES = ((8, HYPER, 3), (8, 2, 3), (4, 2, 3), (2 * LATENTS, 4, 1))
SHUFFLED = (True, True, False, False)


def layers(weight: int, bias: int, seed: int = 0) -> list[Layer]:
    """Layers with entries up to `weight` and `bias`."""
    rng = np.random.default_rng(seed)
    return [
        Layer(
            rng.integers(-weight, weight + 1, (out, inputs, k, k)),
            rng.integers(-bias, bias + 1, (ROWS, out)),
            shuffled,
        )
        for (out, inputs, k), shuffled in zip(SHAPES, SHUFFLED, strict=True)
    ]


def gains(most: int) -> Integers:
    return np.random.default_rng(1).integers(0, most + 1, (ROWS, LATENTS))


@pytest.mark.parametrize("level", [0, 1, 100, 256, 511, 512])
@pytest.mark.parametrize(
    ("weight", "bias", "gain", "hyper"),
    [
        (3000, 1 << 20, 500, 4000),
        (MOST_WEIGHT, MOST_BIAS, MOST_GAIN, LIMIT),  # everything at its limit
    ],
)
def test_it_is_what_plain_integers_give(
    level: int, weight: int, bias: int, gain: int, hyper: int
) -> None:
    parts, unit = layers(weight, bias), gains(gain)
    h = np.random.default_rng(2).integers(-hyper, hyper + 1, (HYPER, 2, 3))
    means, indices = IntegerHyperSynthesis(parts, unit)(h, level)
    tensors = {f"weight.{k}": layer.weights for k, layer in enumerate(parts)}
    tensors |= {f"bias.{k}": layer.biases for k, layer in enumerate(parts)}
    expected = hyper_synthesis(tensors | {"gain": unit}, h.tolist(), level)
    assert (means.tolist(), indices.tolist()) == expected
    assert means.shape == indices.shape == (LATENTS, 8, 12)
    assert min(len(np.unique(means)), len(np.unique(indices))) > 1


def test_row_at_interpolates_and_rounds_down_halves_up() -> None:
    rows = np.array([[0, -3, 10], [256, -4, 11]])
    assert row_at(rows, 0).tolist() == [0, -3, 10]
    assert row_at(rows, 128).tolist() == [128, -3, 11]  # -3.5 and 10.5, up
    assert row_at(rows, 255).tolist() == [255, -4, 11]
    assert row_at(rows, 256).tolist() == [256, -4, 11]


def replaced(k: int, **changes: Any) -> list[Layer]:
    """Good layers, but for `changes` of layer k."""
    parts = layers(100, 100)
    old = parts[k]
    fields = {"weights": old.weights, "biases": old.biases, "shuffled": old.shuffled} | changes
    parts[k] = Layer(**fields)
    return parts


LEAST = np.iinfo(np.int64).min  # whose absolute value is no int64


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(8, np.int64),
        np.zeros((), np.int64),
        np.zeros((8, HYPER, 5, 5), np.int64),
        np.zeros((8, HYPER, 3, 1), np.int64),
        np.zeros((6, HYPER, 3, 3), np.int64),
        np.zeros((8, 0, 3, 3), np.int64),
    ],
)
@pytest.mark.parametrize("k", [0, 1])
def test_weights_of_a_wrong_shape_are_refused(k: int, weights: Integers) -> None:
    with pytest.raises(PslError, match=f"layer {k} has a wrong shape"):
        IntegerHyperSynthesis(replaced(k, weights=weights), gains(10))


@pytest.mark.parametrize(
    "biases", [np.zeros((ROWS, 7), int), np.zeros((2, 8), int), np.zeros(8, int)]
)
def test_biases_of_a_wrong_shape_are_refused(biases: Integers) -> None:
    with pytest.raises(PslError, match="layer 0 has a wrong shape"):
        IntegerHyperSynthesis(replaced(0, biases=biases), gains(10))


def test_layers_that_do_not_follow_each_other_are_refused() -> None:
    with pytest.raises(PslError, match="layer 1 has a wrong shape"):
        IntegerHyperSynthesis(replaced(0, shuffled=False), gains(10))


@pytest.mark.parametrize("value", [MOST_WEIGHT + 1, -MOST_WEIGHT - 1, LEAST, 1 << 62])
def test_weights_out_of_range_are_refused(value: int) -> None:
    weights = np.zeros((8, HYPER, 3, 3), np.int64)
    weights[1, 0, 2, 2] = value
    with pytest.raises(PslError, match="layer 0 is out of range"):
        IntegerHyperSynthesis(replaced(0, weights=weights), gains(10))


@pytest.mark.parametrize("value", [MOST_BIAS + 1, -MOST_BIAS - 1, LEAST])
def test_biases_out_of_range_are_refused(value: int) -> None:
    biases = np.zeros((ROWS, 8), np.int64)
    biases[2, 3] = value
    with pytest.raises(PslError, match="layer 1 is out of range"):
        IntegerHyperSynthesis(replaced(1, biases=biases), gains(10))


def test_sums_that_would_round_are_refused() -> None:
    """32,000 inputs of the largest weight: above 2^53."""
    wide = Layer(np.full((4, 32_000, 3, 3), MOST_WEIGHT), np.zeros((ROWS, 4), np.int64), False)
    with pytest.raises(PslError, match="layer 0 is out of range"):
        IntegerHyperSynthesis([wide], np.zeros((ROWS, 2), np.int64))


@pytest.mark.parametrize(
    "gain",
    [
        np.zeros((), np.int64),
        np.zeros(LATENTS, np.int64),
        np.zeros((0, LATENTS), np.int64),
        np.zeros((ROWS, 0), np.int64),
        np.zeros((ROWS, LATENTS + 1), np.int64),
    ],
)
def test_gains_of_a_wrong_shape_are_refused(gain: Integers) -> None:
    with pytest.raises(PslError, match="gains"):
        IntegerHyperSynthesis(layers(100, 100), gain)


@pytest.mark.parametrize("value", [-1, MOST_GAIN + 1, LEAST])
def test_gains_out_of_range_are_refused(value: int) -> None:
    gain = gains(10)
    gain[1, 2] = value
    with pytest.raises(PslError, match="gains are out of range"):
        IntegerHyperSynthesis(layers(100, 100), gain)
