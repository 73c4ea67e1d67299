import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pseudocodec.evaluation import sheets


@given(
    st.integers(1, 230),
    st.sampled_from([(1, 1), (2, 3), (3, 2), (1, 2, 3)]),
    st.integers(0, 2**32 - 1),
)
def test_sheets_round_trip(count, shape, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)
    laid = sheets.to_sheets(images)
    assert len(laid) == math.ceil(count / sheets.MOST)
    assert np.array_equal(sheets.from_sheets(laid, images.shape), images)


def test_a_full_sheet_is_laid_out_row_by_row():
    images = np.arange(100, dtype=np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    (sheet,) = sheets.to_sheets(images)
    assert np.array_equal(sheet[::2, ::2], np.arange(100).reshape(10, 10))


def test_the_last_sheet_is_smaller_and_repeats_its_last_picture():
    images = np.arange(105, dtype=np.uint8)[:, None, None]
    full, last = sheets.to_sheets(images)
    assert full.shape == (10, 10)
    assert last.tolist() == [[100, 101, 102], [103, 104, 104]]


@pytest.mark.parametrize(
    ("size", "count"), [((28, 28), 100), ((512, 512), 16), ((3000, 3000), 1), ((1, 2**22), 1)]
)
def test_large_pictures_share_a_sheet_with_fewer(size, count):
    assert sheets.per_sheet(*size) == count
