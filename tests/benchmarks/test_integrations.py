"""The integrations' benchmark: both ways of each case agree, and are timed in turns."""

from __future__ import annotations

import numpy as np
import pytest

import integrations
import pseudocodec
from integrations import Case


@pytest.mark.parametrize("package", integrations.PACKAGES)
def test_both_ways_of_every_case_agree(package, digit, tmp_path):
    pytest.importorskip(package, reason=f"{package} is not installed")
    images = np.stack([digit, digit.T, digit, digit.T])
    path = tmp_path / "digits.psl"
    pseudocodec.save(path, images, **integrations.OPTIONS)
    rows = [integrations.row(case, 4, 1) for case in integrations.PACKAGES[package](images, path)]
    assert rows
    assert all(set(integrations.COLUMNS) <= set(row) for row in rows)


def test_ways_that_differ_are_no_measurement():
    with pytest.raises(AssertionError, match="odd: the two ways differ"):
        integrations.row(Case("odd", lambda: b"1", lambda: b"2"), 1, 1)


def test_the_two_ways_take_turns():
    calls = []
    case = Case("turns", lambda: calls.append("direct"), lambda: calls.append("through"))
    row = integrations.row(case, 7, 3)
    assert calls == ["direct", "through"] * 4  # once to compare
    assert (row["what"], row["pictures"]) == ("turns", 7)
    ratio = row["through_s"] / row["direct_s"]
    assert row["overhead_percent"] == pytest.approx(100 * (ratio - 1))


def test_the_shipped_digit_stands_in_for_mnist(monkeypatch, tmp_path):
    monkeypatch.setattr("data.ROOT", tmp_path)
    images = integrations.digits(9)
    assert (images.shape, images.dtype) == ((9, 28, 28), np.uint8)
    assert len(np.unique(images, axis=0)) == 9


def test_packages_that_are_not_installed_are_left_out(monkeypatch, digit):
    monkeypatch.setattr(integrations, "digits", lambda count: np.stack([digit] * count))
    monkeypatch.setattr(integrations, "PACKAGES", {"no_such_package": integrations.zarr})
    assert integrations.measure(quick=True) == []
