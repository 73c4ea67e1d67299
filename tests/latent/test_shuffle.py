import hashlib

import numpy as np
import pytest

from pseudocodec.latent.shuffle import shuffled


def test_the_orders_stay_what_they_are():
    assert shuffled(8, 0).tolist() == [4, 6, 5, 1, 2, 3, 7, 0]
    assert shuffled(8, 1).tolist() == [0, 2, 4, 5, 1, 6, 7, 3]
    digest = hashlib.sha256(shuffled(1000, 63).astype("<i8").tobytes()).hexdigest()
    assert digest == "8123bb84508e9f7e27a05d04c4388540270191f69d8f4ea79013609f5d6f62b0"


@pytest.mark.parametrize("count", [1, 2, 3, 48, 100])
def test_every_component_has_one_place(count):
    for key in range(64):
        assert sorted(shuffled(count, key).tolist()) == list(range(count))


def test_every_component_gets_everywhere():
    orders = np.array([shuffled(10, key) for key in range(2000)])
    counts = np.array([np.bincount(column, minlength=10) for column in orders.T])
    # 2,000 draws of ten: 200 a place, standard deviation 13.4; six of them for 100 places
    assert np.abs(counts - 200).max() < 80


def test_an_order_cannot_be_overwritten():
    with pytest.raises(ValueError, match="read-only"):
        shuffled(5, 3)[0] = 1
