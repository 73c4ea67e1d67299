"""Rate control: qualities in order, sizes never above, PSNR never below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import photo_models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import pseudocodec
from pseudocodec.metrics import psnr
from pseudocodec.model import PhotoModel
from pseudocodec.photo.encoder import Coded, Encoder
from pseudocodec.photo.rate import CORRECTIONS, MOST_TRIES, _search

PICTURE = photo_models.smooth(300, 200, seed=7)
# 0.3 bits a pixel of this size are 2,250 bytes: a step of level changes some 2 of them.
SMALLEST, LARGEST = 700, 2600


def encode(image: object, model: PhotoModel, **options: object) -> bytes:
    return pseudocodec.encode(image, model=model, **{"effort": 0} | options)  # type: ignore[arg-type]


def test_quality_orders_bytes(photo_model: PhotoModel) -> None:
    sizes = [len(encode(PICTURE, photo_model, quality=q)) for q in range(0, 101, 5)]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] > 3 * sizes[0]


def test_the_default_quality_is_60(photo_model: PhotoModel) -> None:
    assert encode(PICTURE, photo_model) == encode(PICTURE, photo_model, quality=60)


@pytest.mark.parametrize("nbytes", [*range(SMALLEST, LARGEST, 271)])
def test_nbytes_is_reached_within_a_percent_and_never_exceeded(
    photo_model: PhotoModel, nbytes: int
) -> None:
    assert 0.99 * nbytes <= len(encode(PICTURE, photo_model, nbytes=nbytes)) <= nbytes


def test_nbytes_counts_alpha_and_profile(photo_model: PhotoModel) -> None:
    alpha = np.zeros(PICTURE.shape[:2], np.uint8)
    alpha[50:150, 20:90] = 200
    image = Image.fromarray(np.dstack([PICTURE, alpha]))
    image.info["icc_profile"] = b"profile" * 20
    assert 0.99 * 2000 <= len(encode(image, photo_model, nbytes=2000)) <= 2000


@pytest.mark.parametrize("bpp", [0.1, 0.2, 0.3])
def test_bpp_is_reached_within_a_percent_and_never_exceeded(
    photo_model: PhotoModel, bpp: float
) -> None:
    spent = 8 * len(encode(PICTURE, photo_model, bpp=bpp)) / (300 * 200)
    assert 0.99 * bpp <= spent <= bpp


@pytest.mark.parametrize("target", [32.0, 33.5, 35.0])
def test_psnr_is_reached_within_a_twentieth(photo_model: PhotoModel, target: float) -> None:
    decoded = pseudocodec.decode(encode(PICTURE, photo_model, psnr=target))
    assert target <= psnr(PICTURE, decoded) <= target + 0.05


def test_psnr_of_grey_is_of_grey(photo_model: PhotoModel) -> None:
    grey = np.ascontiguousarray(PICTURE[:, :, 0])
    decoded = pseudocodec.decode(encode(grey, photo_model, psnr=36.0))
    assert 36.0 <= psnr(grey, decoded) <= 36.05


def test_a_target_below_what_the_least_gives_takes_the_least(photo_model: PhotoModel) -> None:
    least = encode(PICTURE, photo_model, quality=0)
    assert encode(PICTURE, photo_model, psnr=5) == least
    assert encode(PICTURE, photo_model, nbytes=len(least)) == least


def test_a_size_beyond_the_most_takes_the_most(photo_model: PhotoModel) -> None:
    most = encode(PICTURE, photo_model, quality=100)
    assert encode(PICTURE, photo_model, nbytes=10**6) == most


def test_a_size_below_the_least_is_refused(photo_model: PhotoModel) -> None:
    least = len(encode(PICTURE, photo_model, quality=0))
    with pytest.raises(
        pseudocodec.PslError, match=rf"{least - 1} bytes was asked for.*at least {least} with model"
    ):
        encode(PICTURE, photo_model, nbytes=least - 1)
    with pytest.raises(pseudocodec.PslError, match="ask for more"):
        encode(PICTURE, photo_model, bpp=0.001)


def test_a_picture_that_some_level_keeps_exactly(photo_model: PhotoModel) -> None:
    """Its PSNR is infinite there, which the search must survive."""
    greys = [np.full((1, 1), value, np.uint8) for value in range(100, 160)]
    finest = [pseudocodec.decode(encode(grey, photo_model, quality=100)) for grey in greys]
    exact = [a for a, b in zip(greys, finest, strict=True) if a == b]
    assert exact
    for grey in exact[:5]:
        assert psnr(grey, pseudocodec.decode(encode(grey, photo_model, psnr=45))) >= 45


def test_a_psnr_out_of_reach_is_refused(photo_model: PhotoModel) -> None:
    with pytest.raises(pseudocodec.PslError, match=r"psnr=60.*reaches 3\d\.\d dB.*ask for less"):
        encode(PICTURE, photo_model, psnr=60)


def test_a_psnr_that_refinement_alone_reaches_is_reached(photo_model: PhotoModel) -> None:
    most = [
        psnr(PICTURE, pseudocodec.decode(encode(PICTURE, photo_model, quality=100, effort=effort)))
        for effort in (1, 6)
    ]
    assert most[1] > most[0] + 0.03
    wanted = most[1] - 0.01
    decoded = pseudocodec.decode(encode(PICTURE, photo_model, psnr=wanted, effort=6))
    assert psnr(PICTURE, decoded) >= wanted


@pytest.mark.parametrize(
    "options",
    [
        {"bpp": 1, "nbytes": 40},
        {"bpp": 0},
        {"bpp": float("nan")},
        {"bpp": -1},
        {"quality": -1},
        {"nbytes": 0.5},
    ],
)
def test_bad_targets_are_refused(photo_model: PhotoModel, options: dict[str, float]) -> None:
    with pytest.raises(pseudocodec.PslError):
        encode(PICTURE, photo_model, **options)


def searched(excess: Sequence[float], start: int, close: float) -> tuple[int | None, list[int]]:
    """The number that is found in a list of excesses, and those that were tried."""
    tried: list[int] = []

    def make(number: int) -> tuple[float, int]:
        tried.append(number)
        return float(excess[number]), number

    top = len(excess) - 1
    found = _search(make, top, steep=3 / (top or 1), start=start, close=(-close, 0.0))
    return found.coded if found else None, tried


@settings(max_examples=200)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=1025), st.integers(-99, 1200), st.booleans())
def test_search_gives_one_that_fits_whatever_the_shape(
    excess: list[float], start: int, rise: bool
) -> None:
    if rise:
        excess.sort()
    found, tried = searched(excess, start, 0.01)
    assert len(tried) <= MOST_TRIES
    assert len(tried) == len(set(tried))
    if found is None:
        assert min(excess[i] for i in tried) > 0
    else:
        assert excess[found] <= 0
        assert found == max(i for i in tried if excess[i] <= 0)
    if rise and len(tried) < MOST_TRIES:
        fitting = [i for i, e in enumerate(excess) if e <= 0]
        if found is None:
            assert not fitting
        else:
            assert found == fitting[-1] or excess[found] >= -0.01


@pytest.mark.parametrize("start", [0, 700, 3000, 4096])
def test_search_on_a_smooth_curve_takes_few_tries(start: int) -> None:
    curve: NDArray[np.float64] = np.log(np.linspace(1, 50, 4097) ** 1.5 / 80)
    found, tried = searched(curve.tolist(), start, 0.005)
    assert found is not None
    assert -0.005 <= curve[found] <= 0
    assert len(tried) <= 8
    assert all(a != b for a, b in pairwise(tried))


def test_targets_take_few_files_of_full_effort(
    photo_model: PhotoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    efforts: list[int] = []
    plainly = Encoder.encode

    def counted(encoder: Encoder, level: int) -> Coded:
        efforts.append(encoder.effort)
        return plainly(encoder, level)

    monkeypatch.setattr(Encoder, "encode", counted)
    pseudocodec.encode(PICTURE, model=photo_model, bpp=0.2, effort=3)
    assert efforts.count(3) <= CORRECTIONS
    assert efforts == sorted(efforts)  # all without steps before the first with some
