"""Residuals in their contexts: exact both ways, as the specification says, and worth it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import photo_models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pseudocodec.entropy import scales
from pseudocodec.errors import Corrupt
from pseudocodec.hyperprior import _context_kernel as kernel
from pseudocodec.hyperprior.contexts import Contexts, untaught
from pseudocodec.training.contexts import Tile, learn_contexts
from pseudocodec.training.export_photo import code_tensors

REFERENCE = Path(__file__).parents[2] / "formats" / "psl" / "reference"
sys.path.insert(0, str(REFERENCE))
import psl_contexts  # noqa: E402

Tensors = dict[str, NDArray[Any]]
CHANNELS, TOP = 52, 512  # some of them have no mean
KEPT = {
    key.removeprefix("scales."): value
    for key, value in code_tensors(photo_models.transform()).items()
    if key.startswith("scales.")
}
TABLES = scales.ScaleTables.from_tensors(KEPT)
FREQUENCIES = [table.frequencies.tolist() for table in TABLES.tables]


def tile(height: int, width: int, *, seed: int = 0, spread: float = 2.0) -> Tile:
    """Residuals that depend on those beside and above them, of few large ones."""
    rng = np.random.default_rng(seed)
    index = rng.integers(0, 40, (CHANNELS, height, width)).astype(np.uint8)
    deviations = 0.11 * np.exp(index * 0.123)
    noise = rng.normal(0, 1, index.shape) * deviations * spread
    for y in range(height):
        noise[:, y, 1:] += 0.6 * noise[:, y, :-1]
        noise[1:, y] += 0.3 * noise[:-1, y]
    return Tile(np.rint(noise).astype(np.int32), index, int(rng.integers(0, TOP + 1)))


TAUGHT = learn_contexts([tile(6, 7, seed=s) for s in range(20)], TABLES, TOP)
CODE = Contexts(TAUGHT, TABLES, CHANNELS, TOP)
UNTAUGHT = Contexts(untaught(CHANNELS, TABLES.count), TABLES, CHANNELS, TOP)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([0.0, 1.0, 30.0, 3000.0]),
    st.integers(0, 99),
)
def test_residuals_come_back(height: int, width: int, spread: float, seed: int) -> None:
    shown = tile(height, width, spread=spread, seed=seed)
    residuals = shown.residuals.clip(-scales.MAX_RESIDUAL, scales.MAX_RESIDUAL)
    for code in (CODE, UNTAUGHT):
        stream = code.encode(residuals, shown.tables, shown.level)
        decoded = code.decode(stream, shown.tables, shown.level)
        np.testing.assert_array_equal(decoded, residuals)
        assert decoded.dtype == np.int32


@pytest.mark.parametrize("code", [TAUGHT, untaught(CHANNELS, TABLES.count)], ids=("taught", "not"))
@pytest.mark.parametrize(("size", "spread"), [((1, 1), 1.0), ((3, 2), 2.0), ((2, 3), 1500.0)])
def test_the_specification_in_plain_integers_decodes_it(
    size: tuple[int, int], spread: float, code: Tensors
) -> None:
    shown = tile(*size, spread=spread)
    stream = Contexts(code, TABLES, CHANNELS, TOP).encode(*shown)
    psl_contexts.check(code, CHANNELS, TABLES.count)
    found = psl_contexts.residuals(
        stream, shown.tables, code, FREQUENCIES, 8 * shown.level // (TOP + 1)
    )
    np.testing.assert_array_equal(found, shown.residuals)


def test_streams_get_shorter_by_what_was_learnt() -> None:
    shown = tile(8, 8, seed=99)
    taught, not_taught = (len(code.encode(*shown)) for code in (CODE, UNTAUGHT))
    plain = len(scales.encode(shown.residuals.ravel(), shown.tables.ravel(), TABLES))
    assert taught < 0.96 * not_taught
    assert taught < 0.9 * plain


def test_nothing_takes_next_to_nothing() -> None:
    shown = tile(8, 8)
    nothing = np.zeros_like(shown.residuals)
    stream = UNTAUGHT.encode(nothing, np.zeros_like(shown.tables), 0)
    assert len(stream) < nothing.size / 100


def test_the_extremes_of_residuals() -> None:
    shown = tile(4, 4)
    most = np.where(shown.residuals % 2, scales.MAX_RESIDUAL, -scales.MAX_RESIDUAL).astype(np.int32)
    for code in (CODE, UNTAUGHT):
        stream = code.encode(most, shown.tables, TOP)
        np.testing.assert_array_equal(code.decode(stream, shown.tables, TOP), most)


def test_streams_that_no_writer_writes_are_refused() -> None:
    shown = tile(5, 5)
    stream = CODE.encode(*shown)
    for bad in (stream + b"\x01", stream + b"\x00", stream + bytes(99)):
        with pytest.raises(Corrupt, match="contexts"):
            CODE.decode(bad, shown.tables, shown.level)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_decode_to_what_they_code_or_are_refused(stream: bytes) -> None:
    shown = tile(3, 3)
    try:
        found = CODE.decode(stream, shown.tables, shown.level)
    except Corrupt:
        return
    assert CODE.encode(found, shown.tables, shown.level) == stream


def test_values_are_rounded_where_errors_are_dear_and_zero_where_bits_are() -> None:
    shown = tile(6, 6)
    values = shown.residuals + np.random.default_rng(0).uniform(-0.45, 0.45, shown.residuals.shape)
    dear, cheap, fair = (np.full(CHANNELS, price, np.float32) for price in (1e9, 0.0, 3.0))
    stream, residuals = CODE.encode_values(values, shown.tables, shown.level, dear)
    np.testing.assert_array_equal(residuals, shown.residuals)
    assert stream == CODE.encode(*shown)
    chosen, kept = CODE.encode_values(values, shown.tables, shown.level, fair)
    assert len(chosen) < len(stream)
    assert np.abs(kept - shown.residuals).max() == 1
    np.testing.assert_array_equal(CODE.decode(chosen, shown.tables, shown.level), kept)
    assert len(CODE.encode_values(values, shown.tables, shown.level, cheap)[0]) < len(chosen)


def test_a_tile_leaves_nothing_behind() -> None:
    shown = tile(4, 5)
    first = CODE.encode(*shown)
    CODE.encode(*tile(5, 5, seed=7))
    assert CODE.encode(*shown) == first


def test_sizes_and_ratios_are_where_the_specification_says() -> None:
    assert [kernel.size_of(g << 12) for g in (0, 3, 4, 5, 7, 8, 9, 10, 16)] == [
        0, 0, 0, 1, 3, 4, 4, 5, 8,
    ]  # fmt: skip
    assert kernel.size_of((1 << 31) << 12) == kernel.SIZES - 1
    assert [kernel.ratio(seen, 20) for seen in (0, 7, 8, 13, 17, 22, 28, 38, 56)] == [
        0, 0, 1, 2, 3, 4, 5, 6, 7,
    ]  # fmt: skip
