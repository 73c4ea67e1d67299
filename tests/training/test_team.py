"""Processes that train together: alone, and two of them as torchrun starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.training.team import Team

ROOT = Path(__file__).parents[2]


def test_alone_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    team = Team.join("cpu")
    assert (team.device.type, team.rank, team.size, team.leads) == ("cpu", 0, 1, True)
    net = torch.nn.Linear(1, 1)
    assert team.parallel(net) is net
    assert team.share({"a": 1}) == {"a": 1}
    assert team.agree(2.5) == 2.5
    team.leave()


@pytest.mark.parametrize("device", ["toaster", "cuda:77", ""])
def test_devices_that_are_not_there_are_refused(device: str) -> None:
    with pytest.raises(PslError, match=f"device='{device}' cannot be used here"):
        Team.join(device)


def test_each_process_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "77")
    with pytest.raises(PslError, match="device='cuda:77'"):
        Team.join("cuda")


SCRIPT = """
import json, os, sys
import torch
import pseudocodec
from pseudocodec.training import export, train_kind
from pseudocodec.training.train import train

trainers = []
class Trainer(train_kind.Trainer):
    def __init__(self, *args):
        super().__init__(*args)
        trainers.append(self)
train_kind.Trainer, export.FIT_PICTURES = Trainer, 8

notes, lines = [], []
result = train(
    "data.npy", "m.safetensors", budget=0.5, size="small", report=False, device="cpu",
    resume=True, on_note=notes.append, on_progress=lines.append,
)
run = trainers[0]
weights = [float(weight.detach().double().abs().sum()) for weight in run.nets.parameters()]
draw = torch.rand(1).item()
facts = {"result": result, "notes": len(notes), "lines": len(lines), "step": run.step,
         "seconds": run.seconds, "weights": weights, "draw": draw}
with open(f"rank{os.environ['RANK']}.json", "w") as file:
    json.dump(facts, file)
"""


def test_two_processes_train_one_model(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "data.npy", rng.integers(0, 256, (80, 16, 16), dtype=np.uint8))
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    leader, other = (json.loads((tmp_path / f"rank{i}.json").read_text()) for i in (0, 1))
    assert leader["step"] == other["step"] > 0
    assert leader["seconds"] == other["seconds"] >= 0.5
    assert leader["weights"] == pytest.approx(other["weights"], rel=1e-6)
    assert leader["draw"] != other["draw"]  # other pictures, other noise
    assert (other["result"], other["notes"], other["lines"]) == ({}, 0, 0)
    assert leader["notes"] > 0
    assert leader["lines"] > 0
    model = pseudocodec.load_model(tmp_path / "m.safetensors")
    assert model.id.hex() == leader["result"]["id"]
