"""What every benchmark script shares: its arguments, table, JSON file and plot.

A script measures, and leaves the rest to `run`::

    from harness import Row, best_of, run

    def measure(quick: bool) -> list[Row]:
        sizes = (10, 100) if quick else (10, 100, 1000)
        return [{"n": n, "seconds": best_of(lambda: sorted(range(n)))} for n in sizes]

    def draw(axes: Axes, rows: list[Row]) -> None:
        axes.loglog([row["n"] for row in rows], [row["seconds"] for row in rows])

    if __name__ == "__main__":
        run(__file__, __doc__, measure, {"n": "d", "seconds": ".2e"}, draw, libraries=("numba",))

Run from the repository root, `python benchmarks/x.py` prints the table and writes
`benchmarks/results/x.json` and `x.png`; with `--quick` only the files named by `--json` and
`--plot`. Scripts import their siblings by name: Python looks in the folder of the script first.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results"
DPI = 150  # of plots
Row = dict[str, Any]  # one measurement: JSON values by column name
log = Console(stderr=True)  # where progress goes, so that stdout holds the table alone


def run(  # noqa: PLR0917 - every script calls it the same way, in this order
    script: str,
    description: str | None,
    measure: Callable[[bool], list[Row]],
    columns: Mapping[str, str],
    draw: Callable[[Axes, list[Row]], None] | None = None,
    libraries: Sequence[str] = (),
    argv: Sequence[str] | None = None,
) -> None:
    """Measure, print the table, and write the JSON file and the plot.

    `columns` maps the columns to print to their format specifications ("" for text); the JSON file
    holds every key of every row. `libraries` are the distributions whose versions bear on the
    figures. `measure` is told whether the run is quick.
    """
    name = _name(Path(script).absolute())
    options = arguments(name, description).parse_args(argv)
    rows = measure(options.quick)
    Console().print(table(rows, columns))
    default = None if options.quick else RESULTS / name
    json_path = options.json or (default and default.with_suffix(".json"))
    plot_path = options.plot or (default and default.with_suffix(".png"))
    if json_path:
        # Where the files went does not change the figures, so --json and --plot are left out.
        command = f"python benchmarks/{name}.py" + (" --quick" if options.quick else "")
        write_json(json_path, command, rows, libraries)
    if plot_path and draw:
        write_plot(plot_path, draw, rows)


def _name(script: Path) -> str:
    """Of a script in a folder of benchmarks, with the folder."""
    home = FOLDER if script.is_relative_to(FOLDER) else script.parent
    return script.relative_to(home).with_suffix("").as_posix()


def arguments(name: str, description: str | None) -> argparse.ArgumentParser:
    """What every script takes, `name` being its path in this folder, without the ending."""
    parser = argparse.ArgumentParser(
        prog=f"python benchmarks/{name}.py",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small sample, no files unless named"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write the picture here")
    return parser


def table(rows: Sequence[Row], columns: Mapping[str, str]) -> Table:
    """Lay out rows as a table; a missing or None value is shown as a dash."""
    result = Table(box=None, header_style="bold")
    for column, spec in columns.items():
        result.add_column(column, justify="right" if spec else "left", no_wrap=True)
    for row in rows:
        result.add_row(*(_cell(row.get(column), spec) for column, spec in columns.items()))
    return result


def _cell(value: object, spec: str) -> str:
    return "-" if value is None else format(value, spec if not isinstance(value, str) else "")


def write_json(path: Path, command: str, rows: Sequence[Row], libraries: Sequence[str]) -> None:
    """Write the rows with what is needed to make them again; no host names or paths."""
    record = {
        "command": command,
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in ("numpy", *libraries)},
        },
        "rows": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")


def version(library: str) -> str | None:
    """Of a distribution; None where it is not installed."""
    with suppress(metadata.PackageNotFoundError):  # optional: no reason to lose a long run
        return metadata.version(library)
    return None


def write_plot(path: Path, draw: Callable[[Axes, list[Row]], None], rows: list[Row]) -> None:
    """Call `draw(axes, rows)` on an empty picture of 8 x 5 inches and save it; WebP is lossless."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    webp = path.suffix == ".webp"  # of which matplotlib takes no metadata
    options = {"pil_kwargs": {"lossless": True}} if webp else {"metadata": {"Software": None}}
    figure.savefig(path, dpi=DPI, **options)
    plt.close(figure)


def best_of(fn: Callable[[], object], repeats: int = 5) -> float:
    """Seconds of the fastest of `repeats` calls; call once before timing what compiles lazily."""
    best = math.inf
    for _ in range(repeats):
        start = time.perf_counter()
        fn()
        best = min(best, time.perf_counter() - start)
    return best
