"""Details of a tile: exact, absent where they are not worth it, and refused when malformed."""

from __future__ import annotations

from typing import Any

import numpy as np
import photo_models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pseudocodec.errors import Corrupt
from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.hyperprior._parts import split_at_length, with_length

CODE = HyperpriorCode(photo_models.detailed())
PLAIN = HyperpriorCode(
    {k: v for k, v in photo_models.detailed().items() if not k.startswith("detail_")}
)
assert CODE.details
COUNT, FIRST = CODE.details.count, CODE.details.first


def tile(height: int, width: int, scale: float, seed: int) -> tuple[NDArray[Any], ...]:
    """Gained latents, hyper-latents and details."""
    rng = np.random.default_rng(seed)
    shapes = [(CODE.latents, height, width), (CODE.hyper, -(-height // 4), -(-width // 4))]
    shapes += [(COUNT, height, width)]
    return tuple(rng.normal(0, scale, shape).astype(np.float32) for shape in shapes)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(FIRST, CODE.top),
    st.sampled_from([0.0, 0.4, 3.0, 3000.0]),
    st.sampled_from([0.01, 1.0, 100.0]),
    st.integers(0, 1000),
)
def test_what_is_coded_decodes(  # noqa: PLR0917
    height: int, width: int, level: int, scale: float, price: float, seed: int
) -> None:
    latents, hyper, values = tile(height, width, scale, seed)
    payload, gained = CODE.encode(latents, hyper, level)
    prices = np.full(COUNT, price, np.float32)
    longer, details = CODE.add_details(payload, values, level, prices)
    found, _ = CODE.decode(longer, height, width, level)
    assert found.shape == (CODE.channels(level), height, width)
    np.testing.assert_array_equal(found, np.concatenate([gained, details]))
    assert np.abs(details - values).max() <= 1.5
    without, _ = CODE.decode(payload, height, width, level)
    np.testing.assert_array_equal(without[: CODE.latents], gained)
    assert not without[CODE.latents :].any()


def test_they_are_behind_their_length_and_all_else_is_as_without_them() -> None:
    latents, hyper, values = tile(5, 6, 2.0, 1)
    for level in (FIRST - 1, FIRST):
        payload, _ = CODE.encode(latents, hyper, level)
        plain, _ = PLAIN.encode(latents, hyper, level)
        assert payload == (plain if level < FIRST else b"\0" + plain)
        assert CODE.channels(level) == CODE.latents + (COUNT if level == FIRST else 0)
        assert PLAIN.channels(level) == PLAIN.latents
    longer, _ = CODE.add_details(payload, values, FIRST, np.full(COUNT, 9, np.float32))
    stream, rest = split_at_length(longer, "details")
    assert stream
    assert rest == plain


def test_dear_details_are_left_out() -> None:
    latents, hyper, values = tile(9, 9, 1.0, 2)
    sizes, errors = [], []
    for price in (0.3, 3.0, 300.0):
        payload, _ = CODE.encode(latents, hyper, CODE.top)
        prices = np.full(COUNT, price, np.float32)
        longer, details = CODE.add_details(payload, values, CODE.top, prices)
        sizes.append(len(longer))
        errors.append(float(np.square(values - details).sum()))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert sizes[0] < sizes[2]


@pytest.mark.parametrize("which", ["longer", "ones", "long length", "nothing else", "cut"])
def test_what_no_encoder_writes_is_refused(which: str) -> None:
    latents, hyper, values = tile(5, 6, 2.0, 3)
    payload, _ = CODE.encode(latents, hyper, 300)
    good, _ = CODE.add_details(payload, values, 300, np.full(COUNT, 9, np.float32))
    stream, rest = split_at_length(good, "details")
    bad = {
        "longer": with_length(stream + b"\0") + rest,
        "ones": with_length(b"\xff" * 9) + rest,
        "long length": b"\x80\0" + rest,
        "nothing else": with_length(stream),
        "cut": with_length(stream)[:-1],
    }[which]
    assert CODE.decode(good, 5, 6, 300).latents.any()
    with pytest.raises(Corrupt, match="tile"):
        CODE.decode(bad, 5, 6, 300)
