"""Pictures drawn in a terminal."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from pseudocodec._cli.show import RAMP, show


def drawn(*pictures: np.ndarray, width: int = 80, colour: str | None = None) -> list[str]:
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=colour is not None,
        color_system=colour,  # type: ignore[arg-type]
        legacy_windows=False,
        _environ={"TERM": "xterm"},
    )
    show({f"no. {i}": array for i, array in enumerate(pictures)}, console)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_each_cell_is_two_pixels_in_full_colour() -> None:
    array = np.array([[[255, 0, 0]], [[0, 128, 255]]], np.uint8)
    first, caption = drawn(array, colour="truecolor")
    assert first.startswith("\x1b[38;2;255;0;0;48;2;0;128;255m\u2580\x1b[0m")
    assert "no. 0" in caption


def test_greys_are_drawn_without_colour_as_a_ramp() -> None:
    levels = np.linspace(0, 255, len(RAMP)).round().astype(np.uint8)
    array = np.tile(levels[None, :, None], (2, 1, 1))
    assert drawn(array)[0] == RAMP
    assert "\x1b" not in "".join(drawn(array))


def test_wide_pictures_are_scaled_to_fit() -> None:
    white = np.full((300, 400, 3), 255, np.uint8)
    lines = drawn(white, white, width=42)
    assert lines[0] == "@" * 20 + "  " + "@" * 20
    assert len(lines) == 16 // 2 + 1  # 20 columns at 4:3 are 15 rows of pixels, made even


def test_small_pictures_keep_their_size() -> None:
    assert drawn(np.full((28, 28, 1), 255, np.uint8))[:-1] == ["@" * 28] * 14


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 500, 3), (500, 1, 1)])
def test_extreme_shapes(shape: tuple[int, int, int]) -> None:
    lines = drawn(np.full(shape, 255, np.uint8), width=40)
    assert lines[0] == "@" * min(shape[1], 40)
