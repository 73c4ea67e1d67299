"""What callers ask for, and what is refused in one sentence."""

import numpy as np
import pytest

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.rate import Target


def test_numbers_of_numpy_are_numbers():
    assert Target.of(nbytes=np.int64(24)).nbytes == 24
    assert Target.of(quality=np.float32(50)).quality == 50


def test_whole_floats_are_sizes():
    assert Target.of(nbytes=24.0).nbytes == 24


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"quality": "keep"}, "quality='keep': expected a number"),
        ({"nbytes": "x"}, "nbytes='x': expected a number"),
        ({"psnr": True}, "psnr=True: expected a number"),
        ({"bpp": [1]}, r"bpp=\[1\]: expected a number"),
        ({"nbytes": float("nan")}, "nbytes=nan: expected a positive whole"),
        ({"nbytes": float("inf")}, "nbytes=inf: expected a positive whole"),
        ({"nbytes": 0.5}, "nbytes=0.5: expected a positive whole"),
        ({"quality": float("nan")}, "quality=nan: expected 0"),
        ({"quality": 50, "nbytes": 9}, "quality=50 and nbytes=9"),
    ],
)
def test_refused(given, sentence):
    with pytest.raises(PslError, match=sentence):
        Target.of(**given)


def test_a_model_of_no_kind_is_refused(digit):
    with pytest.raises(PslError, match="model: expected a name, a path or a Model, got int"):
        pseudocodec.encode(digit, model=3)
