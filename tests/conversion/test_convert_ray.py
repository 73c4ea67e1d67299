"""Conversions on a Ray cluster of this machine, whose workers are killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import types
import warnings
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from conversion_tasks import Fragile, Logged, content, png, rows, task_of

from pseudocodec.conversion import driver, on_ray
from pseudocodec.conversion.manifest import Done
from pseudocodec.errors import PslError

WAIT = 240.0  # seconds, on a machine that has much else to do


def test_without_ray_it_says_what_to_install(scans, quickly, tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(PslError, match=r'pip install "pseudocodec\[ray\]"'):
        quickly(scans, tmp_path / "out", engine="ray")


@pytest.fixture(scope="module")
def _cluster() -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="ray is not installed")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("RAY_worker_niceness", "0")  # 15 starves them beside other programs
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # as Ray warns it will be
        warnings.simplefilter("ignore", ResourceWarning)  # its log files, its subprocesses
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            object_store_memory=80 * 2**20,
            log_to_driver=False,
            logging_level="ERROR",
        )
        yield
        ray.shutdown()


class Killer(threading.Thread):
    """Kills (SIGKILL) the worker that is the first to note one of `events` in `log`."""

    def __init__(self, log: Path, events: set[str]) -> None:
        super().__init__(daemon=True)
        self._log, self._events = log, events
        self.killed: list[str] = []

    def run(self) -> None:
        end = time.monotonic() + WAIT
        while self._events and time.monotonic() < end:
            for line in self._log.read_text().splitlines():
                pid, _, event = line.partition(" ")
                if event in self._events:
                    os.kill(int(pid), signal.SIGKILL)
                    self._events.remove(event)
                    self.killed.append(event)
            time.sleep(0.01)


@pytest.mark.usefixtures("_cluster")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_killed_workers_cost_no_input(quickly, tmp_path, monkeypatch) -> None:
    folder, log = tmp_path / "scans", tmp_path / "log"
    folder.mkdir()
    log.touch()
    for i in range(40):
        (folder / f"{i:02d}.png").write_bytes(png(i) if i != 17 else b"text")
    wanted = quickly(folder, tmp_path / "local", shard_size=5)
    killer = Killer(log, {"begun 2", "ended 5"})  # before it writes, and before it answers
    killer.start()
    monkeypatch.setattr(driver, "Convert", partial(Logged, log=str(log)))
    manifest = quickly(folder, tmp_path / "ray", shard_size=5, engine="ray", workers=2)
    killer.join(0)
    assert sorted(killer.killed) == ["begun 2", "ended 5"]
    begun = [line.split()[2] for line in log.read_text().splitlines() if "begun" in line]
    assert {number for number in begun if begun.count(number) > 1} >= {"2", "5"}
    assert manifest == wanted
    assert content(tmp_path / "ray") == content(tmp_path / "local")
    names = [row["name"] for row in rows(tmp_path / "ray")]
    assert names == sorted(str(path) for path in folder.iterdir())
    assert len(set(names)) == 40


@pytest.mark.usefixtures("_cluster")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_shard_that_kills_every_worker_is_lost_alone(scans, quickly, tmp_path) -> None:
    out = tmp_path / "out"
    quickly(scans, out)
    (out / "shard-00001.json").unlink()
    with closing(on_ray.run(task_of(out, Fragile), 3, 2)) as running:
        outcomes = {outcome.item: outcome for outcome in running}
    assert sorted(outcomes) == [0, 1, 2]
    assert isinstance(outcomes[1].error, PslError)
    assert "3 workers that had shard 1 died" in str(outcomes[1].error)
    assert all(isinstance(outcomes[number].result(), Done) for number in (0, 2))


@pytest.mark.usefixtures("_cluster")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_workers_without_the_program_are_no_reason_to_go_on(
    scans, quickly, tmp_path, monkeypatch
) -> None:
    elsewhere = types.ModuleType("not_on_the_cluster")
    elsewhere.Here = type("Here", (Logged,), {"__module__": "not_on_the_cluster"})
    monkeypatch.setitem(sys.modules, "not_on_the_cluster", elsewhere)
    monkeypatch.setattr(driver, "Convert", elsewhere.Here)
    with pytest.raises(
        PslError, match=r"^a Ray worker cannot start \(.*not_on_the_cluster.*\): in"
    ):
        quickly(scans, tmp_path / "out", engine="ray", workers=1)
