"""Fuzz every target for a number of executions and write down what came of it.

    python -m fuzz.run [--scale 1.0] [--only TARGET ...] [--seconds 600] [--json fuzz/results.json]

Each target runs in processes of its own (`fuzz.one`); a finding, which ends a process, is kept in
fuzz/work/findings, and the target goes on. What is found interesting stays in fuzz/work/TARGET, and
the next run begins with it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
CORPUS = ROOT / "fuzz" / "corpus"
WORK = ROOT / "fuzz" / "work"
FINDINGS = WORK / "findings"

# Executions of each target at scale 1 in thousands, and the longest input. Sealed targets reach
# further; those that run nets or many tables are slower by three orders of magnitude.
PLAN = {
    "single": (1200, 256),
    "single_sealed": (2500, 256),
    "archive": (800, 512),
    "archive_sealed": (1500, 512),
    "chunks": (700, 256),
    "chunks_sealed": (700, 256),
    "profile": (400, 256),
    "latent": (300, 64),
    "latent_sealed": (300, 64),
    "entropy": (500, 128),
    "entropy_sealed": (200, 128),
    "facts": (300, 768),
    "facts_sealed": (300, 32),
    "description": (100, 48),
    "tile": (60, 128),
    "tile_sealed": (40, 128),
    "photo": (60, 256),
    "photo_sealed": (20, 3000),
    "fitted": (100, 512),
    "fitted_sealed": (30, 64),
    "starts": (30, 128),
    "decode": (60, 512),
    "decode_sealed": (60, 512),
}
TIMEOUT, MEMORY = 5, 2048  # seconds of one input; MB of a process
MOST_FINDINGS = 8  # of one target, before it is given up
STAT = re.compile(r"^stat::number_of_executed_units:\s*(\d+)", re.MULTILINE)
COUNT = re.compile(r"^#(\d+)\s", re.MULTILINE)


def fuzz(name: str, runs: int, seconds: int) -> dict[str, Any]:
    """Fuzz one target; the row of the table."""
    for folder in (WORK / name, FINDINGS):
        folder.mkdir(parents=True, exist_ok=True)
    before, done, findings, started = set(FINDINGS.glob(f"{name}-*")), 0, 0, time.monotonic()
    while done < runs and findings < MOST_FINDINGS:
        left = seconds - int(time.monotonic() - started)
        if left <= 0:
            break
        executed, ended_well, log = _process(name, runs - done, left)
        done += executed
        if not ended_well:
            findings += 1
            (FINDINGS / f"{name}.{findings}.log").write_text(log[-20000:])
            if not executed:
                break
    elapsed = time.monotonic() - started
    return {
        "target": name,
        "executions": done,
        "seconds": round(elapsed, 1),
        "executions_per_second": round(done / elapsed, 1),
        "findings": len(set(FINDINGS.glob(f"{name}-*")) - before) or findings,
        "corpus": len(list((WORK / name).iterdir())),
    }


def _process(name: str, runs: int, seconds: int) -> tuple[int, bool, str]:
    """One process: inputs executed, whether it ended without a finding, what it printed."""
    command = [sys.executable, "-m", "fuzz.one", name]
    command += [f"-runs={runs}", f"-max_total_time={seconds}", f"-max_len={PLAN[name][1]}"]
    command += [f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY}", "-print_final_stats=1"]
    command += [f"-artifact_prefix={FINDINGS}/{name}-", str(WORK / name)]
    command += [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    # A kernel that reads beyond its arrays raises; elsewhere it does not look.
    threads |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(WORK / "numba")}
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | threads,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    found = STAT.findall(ended.stdout) or COUNT.findall(ended.stdout)
    return int(found[-1]) if found else 0, ended.returncode == 0, ended.stdout


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Put rows into a file, in the order of the plan; it keeps those of other targets."""
    kept = json.loads(path.read_text())["rows"] if path.exists() else []
    merged = {row["target"]: row for row in [*kept, *rows]}
    ordered = [merged[name] for name in PLAN if name in merged]
    record = {"command": "python -m fuzz.run", "rows": ordered}
    path.write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    """Run what was asked for; exit with 1 after findings."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.run", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="times the executions of the plan")
    parser.add_argument("--only", nargs="+", choices=PLAN, default=list(PLAN), metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=3600, help="at most, for each target")
    parser.add_argument("--json", type=Path, metavar="FILE", help="put the rows into this file")
    options = parser.parse_args()
    rows = []
    print(f"{'target':16}{'executions':>12}{'exec/s':>10}{'findings':>10}{'corpus':>8}")
    for name in options.only:
        row = fuzz(name, max(1, round(1000 * PLAN[name][0] * options.scale)), options.seconds)
        rows.append(row)
        print(
            f"{name:16}{row['executions']:12,}{row['executions_per_second']:10,.0f}"
            f"{row['findings']:10}{row['corpus']:8}",
            flush=True,
        )
        if options.json:
            _write(options.json, rows)
    print(f"{sum(row['executions'] for row in rows):,} executions")
    sys.exit(any(row["findings"] for row in rows))


if __name__ == "__main__":
    main()
