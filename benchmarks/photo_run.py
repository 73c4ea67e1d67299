"""How the benchmarks on photographs run: their arguments, tables, JSON file and picture.

What `harness.run` is to the other scripts, with the model and the effort of ours as arguments, and
a picture of several panels.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

import harness
import photo_plots
from harness import FOLDER, RESULTS, Row, table, write_json
from pseudocodec.errors import PslError

MODEL, EFFORT = "photo", 3
LIBRARIES = ("pillow", "pillow-jxl-plugin", "scikit-image", "constriction", "torch")


def run(  # noqa: PLR0917 - as harness.run
    script: str,
    description: str | None,
    measure: Callable[[bool, str, int], list[Row]],
    tables: Mapping[str, Mapping[str, str]],
    panels: Callable[[list[Row]], list[tuple[str, list[Row]]]],
    measures: Sequence[str],
    argv: Sequence[str] | None = None,
) -> None:
    """Measure, print the tables, and write the JSON file and the picture.

    `measure` is told whether the run is quick, the model and the effort; each of its rows says
    under "table" where it belongs. `tables` maps those names to columns, as in `harness.run`;
    `panels` gives the titles and rows of a line of panels, one for each of `measures`.
    """
    name = Path(script).resolve().relative_to(FOLDER).with_suffix("").as_posix()
    parser = arguments(name, description)
    parser.add_argument(
        "--effort", type=int, default=EFFORT, metavar="N", help=f"of ours, default: {EFFORT}"
    )
    chosen = parser.parse_args(argv)
    try:
        rows = measure(chosen.quick, chosen.model, chosen.effort)
    except PslError as error:  # no such model, or one that does not take photographs
        sys.exit(f"{error}.")
    console = Console()
    for title, columns in tables.items():
        console.print(f"\n{title}", style="bold")
        console.print(table([row for row in rows if row["table"] == title], columns))
    default = None if chosen.quick else RESULTS / name
    json_path = chosen.json or (default and default.with_suffix(".json"))
    plot_path = chosen.plot or (default and default.with_suffix(".png"))
    if json_path:
        write_json(json_path, _command(name, chosen), rows, LIBRARIES)
    if plot_path:
        photo_plots.save(plot_path, panels(rows), measures)


def arguments(name: str, description: str | None) -> argparse.ArgumentParser:
    """Those of every script, and the model."""
    parser = harness.arguments(name, description)
    parser.add_argument("--model", default=MODEL, metavar="NAME|PATH", help=f"default: {MODEL}")
    return parser


def _command(name: str, chosen: argparse.Namespace) -> str:
    """What makes the same figures again; of a model given by path, the name alone."""
    quick = " --quick" if chosen.quick else ""
    model = Path(chosen.model).stem
    return f"python benchmarks/{name}.py --model {model} --effort {chosen.effort}{quick}"
