"""The pages of docs/: examples run, commands parse, links lead somewhere, tables were measured."""

from __future__ import annotations

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from doc_examples import ROOT, Example, commands, examples, run

from pseudocodec.cli import main
from pseudocodec.encoding import EFFORTS
from pseudocodec.latent.composition import BEAMS
from pseudocodec.photo.encoder import EFFORTS as PHOTO_EFFORTS
from pseudocodec.seeding import BOOK_FROM, BOOK_VALUES, CANDIDATES
from pseudocodec.training.train_gan import SHARES

PAGES = sorted((ROOT / "docs").glob("*.md"))
RESULTS = ROOT / "benchmarks" / "results"
HEAVY = {"torch", "numba", "numpy", "PIL", "rich"}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset leaves it open
@pytest.mark.parametrize(
    "example", [example for page in PAGES for example in examples(page, "python")], ids=str
)
def test_python_example_runs(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run([example], tmp_path, monkeypatch)
    gc.collect()  # what is left open is found here, not in whichever test collects next


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that parse what they are given and do nothing."""
    groups: list[click.Group] = [main]
    for group in groups:
        for command in group.commands.values():
            if isinstance(command, click.Group):
                groups.append(command)
            else:
                monkeypatch.setattr(command, "callback", None)


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name
)
def test_commands_parse(page: Path) -> None:
    for line, words in commands(page):
        try:
            main(words, standalone_mode=False)
        except click.ClickException as error:
            pytest.fail(f"{line}: {error.format_message()}")


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("words", ["encode a.jpg --bitrate 1", "explore a.jpg", "evaluate digits"])
def test_a_wrong_command_does_not_parse(words: str) -> None:
    with pytest.raises(click.UsageError):
        main(words.split(), standalone_mode=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    for link in [*links, *re.findall(r"<!-- include: (\S+) -->", text)]:
        assert (page.parent / link).exists(), link


def test_effort_on_photographs_is_what_was_measured() -> None:
    measured = {row["effort"]: row for row in results("photo_effort")}
    rows = table("effort.md", "### Photographs")
    assert [int(effort) for row in rows for effort in row[0].split(",")] == list(range(10))
    for levels, what, bits, seconds in rows:
        level = int(levels.split(",")[-1])
        steps = PHOTO_EFFORTS[level].steps
        assert not steps or what.startswith(f"{steps} ")
        if level in measured:
            assert bits == f"{measured[level]['bd_rate']:.1f} %"
            assert seconds == f"{measured[level]['seconds_per_megapixel']:.1f}"
        else:
            assert bits == seconds == ""


def test_effort_on_pictures_of_one_kind_is_what_is_done_and_was_measured() -> None:
    measured = [row for row in results("latent_speed") if row["code"] == "composition"]
    rows = table("effort.md", "### Pictures of one kind")
    assert len(rows) == len(EFFORTS)
    for level, (row, plan, beam, one) in enumerate(
        zip(rows, EFFORTS, BEAMS, measured, strict=True)
    ):
        assert one["effort"] == level
        speed = f"{one['encode_per_s']:.0f}"
        assert row == [
            *map(str, (level, plan.steps, plan.trials, plan.lengths, beam)),
            f"{one['db']:.2f} dB",
            speed,
        ]


def test_what_a_level_gains_was_measured() -> None:
    measured = results("effort")
    columns = list(dict.fromkeys((row["model"], row["size"]) for row in measured))
    rows = table("effort.md", "### What a level gains")
    assert len(rows) == len(EFFORTS)
    for level, (first, *cells) in enumerate(rows):
        assert first == str(level)
        for column, cell in zip(columns, cells, strict=True):
            [one] = [
                r for r in measured if (r["model"], r["size"], r["effort"]) == (*column, level)
            ]
            gain = f"{one['gain']:+.2f}" if level else f"{one['psnr']:.2f} dB"
            assert cell == f"{gain} ({one['encode_per_s']:,.0f})"


def test_effort_of_one_seed_is_what_is_done() -> None:
    rows = table("effort.md", "### One seed a picture")
    assert [tuple(map(int, row[:2])) for row in rows] == list(enumerate(CANDIDATES))
    text = (ROOT / "docs" / "effort.md").read_text(encoding="utf-8")
    assert f"at most {BOOK_VALUES:,} samples" in text
    assert f"effort {BOOK_FROM} and above compare all" in text


def test_stages_of_one_seed_are_what_is_done() -> None:
    rows = table("train.md", "Three stages share the budget")
    for stage, (name, mse, adversarial, _) in enumerate(rows[:3]):
        said = [f"{SHARES[objective][stage]:.0%}" for objective in ("mse", "adversarial")]
        assert [mse, adversarial or "0 %"] == [share.replace("%", " %") for share in said], name


def test_what_twenty_minutes_gain_was_measured() -> None:
    measured: dict[tuple[str, str], set[str]] = {}
    for row in results("glyphs"):
        if row["psnr"] is not None:  # lossless otherwise
            pair = f"{row['bytes']:.0f} B {row['psnr']:.1f} dB"
            measured.setdefault((row["codec"], row["layout"]), set()).add(pair)
    for name, cell in table("train.md", "### What 20 minutes gain"):
        codec, layout = name.removesuffix(" of 100").split(", ")
        assert set(cell.split(", ")) <= measured[codec, layout], name


def test_random_access_is_what_was_measured() -> None:
    measured = {row["container"]: row for row in results("random_access")}
    text = (ROOT / "docs" / "urls.md").read_text(encoding="utf-8")
    equal, different = measured["psl, 15 bytes each"], measured["psl, 21 dB each"]
    assert f"{equal['read_bytes'] / 1000:.1f} kB in two" in text and equal["requests"] == 2
    assert f"{different['read_bytes'] / 1000:.1f} kB in three" in text
    assert different["requests"] == 3


def results(name: str) -> list[dict[str, Any]]:
    """The rows that a benchmark left."""
    rows: list[dict[str, Any]] = json.loads((RESULTS / f"{name}.json").read_text())["rows"]
    return rows


def table(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8").partition(heading)[2]
    lines = re.findall(r"^\|(.*)\|$", text.partition("\n## ")[0].partition("\n### ")[0], re.M)
    return [[cell.strip() for cell in line.split("|")] for line in lines[2:]]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_and_imports_nothing_heavy(shell: str) -> None:
    assert f"_PSEUDOCODEC_COMPLETE={shell}_source" in (ROOT / "docs" / "shell.md").read_text()
    code = "import atexit, runpy, sys; atexit.register(lambda: print('#', *sys.modules))\n"
    code += "sys.argv = ['pseudocodec']; runpy.run_module('pseudocodec', run_name='__main__')"
    environment = {"PYTHONPATH": str(ROOT), "_PSEUDOCODEC_COMPLETE": f"{shell}_source"}
    environment |= {"PATH": os.environ["PATH"]}  # click asks bash for its version
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    script, _, modules = done.stdout.rpartition("#")
    assert f"_PSEUDOCODEC_COMPLETE={shell}_complete" in script
    assert not set(modules.split()) & HEAVY
