"""Any picture there and back: sizes, colours, sample types, targets and efforts at random."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_tools import tiny
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.image import to_8_bit
from pseudocodec.metrics import psnr
from pseudocodec.picture import as_picture

Array = NDArray[Any]
MODES = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}
FLAT, GRID, _, PHOTO, _ = tiny.models()
OWN = {FLAT.facts.name: (8, 8), GRID.facts.name: (10, 9, 3)}

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def pictures(shape: tuple[int, ...]) -> st.SearchStrategy[Array]:
    """Arrays of any sample type: flat, or noise of a drawn seed."""
    types = [np.uint8, np.uint16, np.float32, np.float64]

    def noise(kind: type, seed: int) -> Array:
        rng = np.random.default_rng(seed)
        if np.issubdtype(kind, np.floating):
            return rng.random(shape).astype(kind)
        return rng.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)

    def flat(kind: type, share: float) -> Array:
        full = 1.0 if np.issubdtype(kind, np.floating) else np.iinfo(kind).max
        return np.full(shape, share * full).astype(kind)

    kinds = st.sampled_from(types)
    made = st.builds(noise, kinds, st.integers(0, 99)) | st.builds(flat, kinds, st.floats(0, 1))
    return made | arrays(np.uint8, shape, fill=st.integers(0, 255))


@st.composite
def photos(draw: st.DrawFn) -> Array:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return draw(pictures((height, width, *MODES[draw(st.sampled_from(sorted(MODES)))])))


targets = st.one_of(
    st.floats(0, 100).map(lambda value: {"quality": value}),
    st.integers(60, 3000).map(lambda value: {"nbytes": value}),
    st.floats(0.5, 60).map(lambda value: {"bpp": value}),
    st.floats(3, 30).map(lambda value: {"psnr": value}),
)
efforts = st.sampled_from([0, 1, 3])


def encoded(picture: Array, **options: Any) -> bytes | None:
    """Encoded twice; None where the target cannot be met, which is said."""
    before = picture.copy()
    picture.setflags(write=False)
    try:
        data = pseudocodec.encode(picture, **options)
    except pseudocodec.PslError as error:
        assert re.search(r"nbytes=|psnr=|bytes was asked for", str(error)), error
        event("the target cannot be met")
        return None
    assert data == pseudocodec.encode(picture, **options)
    np.testing.assert_array_equal(picture, before)
    return data


def check_target(data: bytes, pixels: int, target: dict[str, float]) -> None:
    if "nbytes" in target:
        assert len(data) <= target["nbytes"]
    if "bpp" in target:
        assert 8 * len(data) <= target["bpp"] * pixels


def decoded(data: bytes) -> NDArray[np.uint8]:
    picture = pseudocodec.decode(data)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, pseudocodec.decode(data))
    return picture


@quick
@given(photos(), targets, efforts)
def test_photographs(picture: Array, target: dict[str, float], effort: int) -> None:
    data = encoded(picture, model=PHOTO, effort=effort, **target)
    if data is None:
        return
    check_target(data, picture.shape[0] * picture.shape[1], target)
    wanted, found = as_picture(picture), decoded(data)
    colours, alpha = wanted.pixels, wanted.alpha
    kept = None if alpha is None else to_8_bit(alpha)
    if kept is not None and not (kept == 255).all():  # opaque in 8 bits counts as none
        np.testing.assert_array_equal(found[:, :, -1], kept)
        found = found[:, :, :-1]
    found = found.reshape(*picture.shape[:2], -1)
    assert found.shape == colours.shape
    if "psnr" in target:
        assert psnr(to_8_bit(colours), found) >= target["psnr"] - 0.05


@st.composite
def of_one_kind(draw: st.DrawFn) -> tuple[Any, Array, bool]:
    model = draw(st.sampled_from([FLAT, GRID]))
    own = OWN[model.facts.name]
    fit = draw(st.booleans())
    sides = (draw(st.integers(1, 30)), draw(st.integers(1, 30))) if fit else own[:2]
    return model, draw(pictures((*sides, *own[2:]))), fit


@quick
@given(of_one_kind(), targets, efforts, st.booleans())
def test_pictures_of_one_kind(
    of: tuple[Any, Array, bool], target: dict[str, float], effort: int, progressive: bool
) -> None:
    model, picture, fit = of
    options = {"effort": effort, "resize": fit, "progressive": progressive}
    data = encoded(picture, model=model, **options, **target)
    if data is None:
        return
    own = OWN[model.facts.name]
    # Bits a pixel are those of the picture that is coded, at the model's size.
    check_target(data, own[0] * own[1], target)
    assert decoded(data).shape == picture.shape


@settings(quick, max_examples=5)
@given(pictures((28, 28)), st.sampled_from([{"quality": 40}, {"nbytes": 30}]), efforts)
def test_the_shipped_digits(picture: Array, target: dict[str, float], effort: int) -> None:
    data = encoded(picture, model="digits", effort=effort, **target)
    assert data is not None
    check_target(data, 28 * 28, target)
    assert decoded(data).shape == (28, 28)


@settings(quick, max_examples=10)
@given(st.lists(photos().filter(lambda p: p.ndim == 2 or p.shape[2] == 3), min_size=1, max_size=4))
def test_archives_of_photographs(tmp_path_factory: Any, many: list[Array]) -> None:
    path = tmp_path_factory.mktemp("archive") / "a.psl"
    pseudocodec.save(path, many, model=PHOTO, quality=30, effort=0)
    with pseudocodec.open(path) as archive:
        assert [picture.shape for picture in archive] == [picture.shape for picture in many]
        for number in range(-len(many), len(many)):
            assert archive[number].shape == many[number].shape


@pytest.mark.parametrize("progressive", [False, True])
def test_a_size_beyond_what_the_code_describes_takes_the_most(
    tmp_path: Path, progressive: bool
) -> None:
    """The two codes of a model need not reach equally far: each has its own most."""
    picture = np.random.default_rng(5).integers(0, 256, (10, 9, 3), np.uint8)
    options = {"nbytes": 1000, "effort": 0, "progressive": progressive}
    pseudocodec.save(tmp_path / "a.psl", [picture, picture], model=GRID, **options)
    with pseudocodec.open(tmp_path / "a.psl") as archive:
        assert archive[1].shape == picture.shape
    assert decoded(pseudocodec.encode(picture, model=GRID, **options)).shape == picture.shape


def _non_contiguous(picture: Array) -> Array:
    return np.repeat(picture, 2, axis=1)[:, ::2]


def _reversed(picture: Array) -> Array:
    return np.ascontiguousarray(picture[::-1, ::-1])[::-1, ::-1]


def _read_only(picture: Array) -> Array:
    out = picture.copy()
    out.setflags(write=False)
    return out


def _big_endian(picture: Array) -> Array:
    return picture.astype(picture.dtype.newbyteorder(">"))


def _unaligned(picture: Array) -> Array:
    raw = np.zeros(picture.nbytes + 1, np.uint8)
    out = raw[1:].view(picture.dtype).reshape(picture.shape)
    out[...] = picture
    return out


LAYOUTS = [_non_contiguous, _reversed, _read_only, _big_endian, _unaligned, np.asfortranarray]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__.strip("_"))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["flat", "grid", "photo"])
def test_the_layout_of_an_array_does_not_matter(
    name: str, dtype: type, layout: Callable[[Array], Array]
) -> None:
    model, shape = {
        "flat": (FLAT, (8, 8)),
        "grid": (GRID, (10, 9, 3)),
        "photo": (PHOTO, (21, 18, 4)),
    }[name]
    picture = np.random.default_rng(2).integers(0, 256, shape).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        picture /= 255
    options = {"model": model, "quality": 50, "effort": 0}
    same = layout(picture)
    np.testing.assert_array_equal(same, picture)
    assert pseudocodec.encode(same, **options) == pseudocodec.encode(picture, **options)
