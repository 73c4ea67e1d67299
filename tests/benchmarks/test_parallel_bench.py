import numpy as np
import pytest

import parallel


def test_the_steady_rate_leaves_out_the_start():
    marks = [(0, 0.0), (1, 9.0), (3, 9.5), (5, 10.0), (9, 11.0)]
    assert parallel.steady(marks) == pytest.approx(8 / 2)


def test_rows_compare_with_one_worker(digits):
    rows = parallel.compare(parallel.Set("tiny", "digits", digits * 6, effort=0), [1, 1])
    assert [(row["what"], row["workers"], row["pictures"]) for row in rows] == [
        ("tiny, encode", 1, 72),
        ("tiny, encode", 1, 72),
        ("tiny, decode", 1, 72),
        ("tiny, decode", 1, 72),
    ]
    assert [row["ratio"] == 1 for row in rows] == [True, False, True, False]
    assert all(row["pictures_s"] > 0 and row["first_s"] > 0 for row in rows)


def test_absent_data_ends_the_script_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("data.ROOT", tmp_path)
    with pytest.raises(SystemExit, match="set PSEUDOCODEC_DATA"):
        next(parallel.sets(quick=True))


def test_pictures_of_a_quick_run(monkeypatch):
    monkeypatch.setattr("data.mnist", lambda _: np.zeros((parallel.DIGITS, 28, 28), np.uint8))
    monkeypatch.setattr("photos.kodak", lambda n: {str(i): np.zeros((9, 9)) for i in range(n)})
    for quick, counts in ((True, [1000, 6]), (False, [6_000, 24])):
        assert [len(pictures.pictures) for pictures in parallel.sets(quick)] == counts
