"""Rows that are kept as they come: made once, gone on from, reported when whole."""

from __future__ import annotations

import json
import signal
from functools import partial

import kept
import kodak_files
import overfit_fits
import photos
from pseudocodec.photo import encoder


def test_what_is_kept_is_not_made_again(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"effort": 1, "value": "kept"}, {"effort": 9, "value": "other"}]))
    jobs = [{"effort": 1}, {"effort": 2}, {"effort": 3}]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    kept.fill(path, jobs, partial(dict, value="made"), 2)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    rows = kept.read(path)
    assert rows[:2] == [{"effort": 1, "value": "kept"}, {"effort": 9, "value": "other"}]
    assert sorted(row["effort"] for row in rows[2:]) == [2, 3]
    assert {row["value"] for row in rows[2:]} == {"made"}
    assert len(path.read_text().splitlines()) == len(rows) + 2
    assert [file.name for file in tmp_path.iterdir()] == ["rows.json"]


def test_nothing_is_kept_before_the_first_run(tmp_path):
    assert kept.read(tmp_path / "rows.json") == []


def test_subjects_are_whole_or_left_out():
    rows = [{"of": "x", "n": n, "value": n} for n in (1, 0)] + [{"of": "y", "n": 0}]
    found = kept.whole(rows, lambda subject: [{"of": subject, "n": n} for n in (0, 1)], "xyz")
    assert found == {"x": [rows[1], rows[0]]}


def test_a_digest_tells_choices_apart():
    constants = kept.numbers(encoder)
    assert "WEIGHT" in constants and "Encoder" not in constants
    assert kept.digest(constants) == kept.digest(dict(reversed(constants.items())))
    assert kept.digest(constants) != kept.digest(constants | {"WEIGHT": 0})


def test_jobs_are_each_file_once():
    peers = sum(len(settings) for settings in photos.SETTINGS.values())
    for jobs, files in (
        (kodak_files.jobs("7"), 24 * 7),
        (kodak_files.jobs("peers"), 24 * peers),
        (overfit_fits.jobs("9"), 8 * 4),
    ):
        assert len({json.dumps(job) for job in jobs}) == len(jobs) == files


def test_choices_of_another_effort_are_others():
    choices = [kodak_files.jobs(effort)[0]["choices"] for effort in "0378"]
    assert len(set(choices)) == 4
