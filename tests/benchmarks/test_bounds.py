import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bounds


@pytest.mark.parametrize("bits", [0, 1, 10, 64, 1000])
def test_white_source_follows_its_closed_form(bits):
    variance, components = 0.3, 10
    (row,) = bounds.curve(np.full(components, variance), [bits])
    assert row["mse"] == pytest.approx(variance * 2 ** (-2 * bits / components), rel=1e-12)
    assert row["psnr"] == pytest.approx(-10 * math.log10(row["mse"]))
    assert row["bytes"] == bits / 8


def test_the_weaker_component_waits_for_the_water_to_fall():
    # Variances 4 and 1: one bit takes 4 to 1; from there both share the rate.
    rows = bounds.curve([1, 4], [0, 0.5, 1, 3])
    assert [row["mse"] for row in rows] == pytest.approx([5 / 2, 3 / 2, 1, 1 / 4])


def test_components_that_never_vary_count_in_the_mean_only():
    with_zeros = bounds.curve([1, 0, 0, 0], [2])[0]["mse"]
    assert with_zeros == pytest.approx(bounds.curve([1], [2])[0]["mse"] / 4)


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=30), st.floats(0, 200))
def test_agrees_with_the_definition_at_the_level_it_implies(variances, bits):
    (row,) = bounds.curve(variances, [bits])

    def distortion(level):
        return float(np.minimum(variances, level).mean())

    low, high = 0.0, max(variances)
    for _ in range(600):  # bisect for the level at which the distortion is the one returned
        middle = (low + high) / 2
        low, high = (middle, high) if distortion(middle) < row["mse"] else (low, middle)
    rate = np.maximum(np.log2(np.asarray(variances) / high) / 2, 0).sum()
    # Inactive components lie below the level, so its relative error is at most 30 times that of
    # the distortion, a few units in the last place; the rate adds up 30 logarithms of it.
    assert rate == pytest.approx(bits, abs=1e-10)


def test_a_negative_rate_is_refused():
    with pytest.raises(ValueError, match=r"-1 bits is negative"):
        bounds.curve([1], [-1])


def test_images_that_never_vary_are_refused():
    with pytest.raises(ValueError, match="all variances are 0"):
        bounds.curve([0, 0], [1])


def test_spectrum_is_that_of_the_sample_covariance():
    images = np.random.default_rng(1).integers(0, 256, (2500, 2, 3), np.uint8)
    expected = np.linalg.eigvalsh(np.cov(images.reshape(2500, 6).T / 255))
    assert bounds.spectrum(images) == pytest.approx(expected[::-1])


def test_a_spectrum_is_computed_once_for_the_same_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(bounds, "CACHE", tmp_path / "cache")
    images = np.random.default_rng(2).integers(0, 256, (20, 2, 3), np.uint8)
    first = bounds.cached_spectrum(images)
    assert np.array_equal(first, bounds.spectrum(images))
    monkeypatch.setattr(bounds, "spectrum", lambda images: np.zeros(6))
    assert np.array_equal(bounds.cached_spectrum(images), first)
    assert not bounds.cached_spectrum(images + np.uint8(1)).any()
