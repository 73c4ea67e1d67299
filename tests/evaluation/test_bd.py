"""BD-rate: cases that can be worked out by hand, SciPy's interpolation, published curves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.errors import PslError
from pseudocodec.evaluation.bd import Point, bd_rate

ANCHOR = [(0.1, 26.0), (0.3, 30.0), (0.7, 33.5), (1.1, 35.2), (2.0, 38.0)]
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "kodak" / "published_curves.json"


def scaled(points: list[Point], factor: float) -> list[Point]:
    return [(rate * factor, quality) for rate, quality in points]


@pytest.mark.parametrize(("factor", "percent"), [(0.8, -20), (1, 0), (1.25, 25), (3, 200)])
def test_a_rate_scaled_at_every_quality(factor: float, percent: float) -> None:
    assert bd_rate(scaled(ANCHOR, factor), ANCHOR) == pytest.approx(percent, abs=1e-9)


def test_two_lines_that_cross() -> None:
    """log10(rate) rises by 1 and by 3 over the same 10 dB: on average by 1 apart."""
    assert bd_rate([(1, 30), (1_000, 40)], [(1, 30), (10, 40)]) == pytest.approx(900)


def test_only_qualities_that_both_reach_count() -> None:
    """Twice the rate from 30 to 35 dB; what the curves do elsewhere does not matter."""
    anchor = [(1.0, 20), (10.0, 30), (100.0, 40)]
    curve = [(20.0, 30), (20 * math.sqrt(10), 35)]
    assert bd_rate(curve, anchor) == pytest.approx(100)


def test_a_cubic_between_unequal_chords() -> None:
    """Slopes by hand: chords 1 and 3 over equal steps, so 1.5 inside, 0 and 4 at the ends.

    Hermite cubics of unit step have the area (y0 + y1) / 2 + (m0 - m1) / 12: over both steps
    (0 + 1) / 2 + (0 - 1.5) / 12 + (1 + 4) / 2 + (1.5 - 4) / 12 = 8 / 3; the line from (0, 0) to
    (2, 4) has 4, so the logarithms lie 2 / 3 apart on average.
    """
    curve, line = [(1.0, 0.0), (10.0, 1.0), (10_000.0, 2.0)], [(1.0, 0.0), (10_000.0, 2.0)]
    assert bd_rate(curve, line) == pytest.approx((10 ** (-2 / 3) - 1) * 100)


def test_the_order_of_the_points_does_not_matter() -> None:
    assert bd_rate(ANCHOR[::-1], ANCHOR) == pytest.approx(0, abs=1e-9)


def test_points_nobody_would_choose_are_left_out() -> None:
    worse = [(0.5, 29.0), (0.7, 31.0), (3.0, 38.0)]
    assert bd_rate([*ANCHOR, *worse], ANCHOR) == pytest.approx(0, abs=1e-9)


def test_no_common_quality() -> None:
    assert bd_rate([(1, 10), (2, 20)], [(1, 20), (2, 30)]) is None


@pytest.mark.parametrize("point", [(0.0, 30.0), (-1.0, 30.0), (math.nan, 30.0), (1.0, math.inf)])
def test_points_of_no_curve(point: Point) -> None:
    with pytest.raises(PslError, match="none of a curve"):
        bd_rate([*ANCHOR, point], ANCHOR)


def test_one_point_is_no_curve() -> None:
    with pytest.raises(PslError, match="1 of 2 points are left"):
        bd_rate(ANCHOR, [(1.0, 30.0), (2.0, 30.0)])


@st.composite
def curves(draw: st.DrawFn) -> list[Point]:
    size = draw(st.integers(2, 6))
    steps = st.lists(st.floats(0.1, 3), min_size=size, max_size=size)
    rates, qualities = (np.cumsum(draw(steps)).tolist() for _ in range(2))
    return [
        (10 ** (rate - 2), quality + 20) for rate, quality in zip(rates, qualities, strict=True)
    ]


@pytest.fixture(scope="module")
def interpolate() -> Any:
    return pytest.importorskip("scipy.interpolate")


@given(curve=curves(), anchor=curves())
def test_as_with_the_interpolation_of_scipy(
    interpolate: Any, curve: list[Point], anchor: list[Point]
) -> None:
    parts = []
    low = max(curve[0][1], anchor[0][1])
    high = min(curve[-1][1], anchor[-1][1])
    if high <= low:
        assert bd_rate(curve, anchor) is None
        return
    for points in (curve, anchor):
        rate, quality = np.array(points).T
        line = interpolate.PchipInterpolator(quality, np.log10(rate))
        parts.append(line.integrate(low, high) / (high - low))
    expected = (10 ** (parts[0] - parts[1]) - 1) * 100
    assert bd_rate(curve, anchor) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("codec", "percent"), [("JPEG", 208), ("AV1", 16), ("BPG 4:4:4", 22)])
def test_published_curves_against_vtm(codec: str, percent: int) -> None:
    if not PUBLISHED.is_file():
        pytest.skip("the published Kodak curves are not beside the repository")
    content = json.loads(PUBLISHED.read_text())["curves"]
    points, anchor = (
        list(zip(content[name]["bpp"], content[name]["psnr_rgb"], strict=True))
        for name in (codec, "VTM")
    )
    assert round(bd_rate(points, anchor) or 0) == percent
