"""What one model for every rate costs, from nets that are kept."""

from __future__ import annotations

import json

import pytest

import one_model


def test_each_net_is_compared_at_its_own_rate(tmp_path, monkeypatch):
    jobs = [{"bits": bits, "steps": 6000} for bits in (None, 48, 128)]
    figures = [{"psnr_48": 20.0, "psnr_128": 25.0}, {"psnr_48": 20.1}, {"psnr_128": 24.9}]
    rows = [job | row for job, row in zip(jobs, figures, strict=True)]
    nets = tmp_path / "nets.json"
    nets.write_text(json.dumps(rows[::-1]))  # in any order
    monkeypatch.setattr(one_model, "NETS", nets)
    monkeypatch.setattr(one_model, "jobs", lambda: jobs)
    costs = {row["bits"]: row["cost"] for row in one_model.measure(quick=False)}
    assert costs == {48: pytest.approx(0.1), 128: pytest.approx(-0.1)}
    assert json.loads(nets.read_text()) == rows[::-1]  # none made again
