"""`convert`: pictures a second with one process and with two, and what 100 million pictures cost.

The 10,000 test digits of MNIST at 15 bytes (a quick run: 400) and the 24 Kodak photographs, of
0.39 megapixels, at quality 60 (a quick run: 4), both at the default effort, from local files to
local archives; without those data sets the digit and the photograph that this repository ships,
over and over. The rate is that between the first shard of each process and the last of all, by when
torch, compiled code and nets are loaded. Sizes are those of the archives, and of the lists with the
names, here paths of some 50 characters.

100 million: the rate with two processes is that of a machine, and machines do not slow each other
down: no limits of network or storage. Pictures are those measured; a photograph of a camera has 60
times the pixels of Kodak's. The full run rewrites the table in docs/scale.md.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import data
from harness import RESULTS, Row, run
from pseudocodec.conversion import convert

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scale.md"
MANY = 100_000_000
MACHINES = (1, 8, 64)
DAY = 86_400
COLUMNS = {
    "kind": "",
    "workers": "d",
    "inputs": ",d",
    "pictures_per_second": ",.2f",
    "bytes_per_picture": ",.1f",
    "names_bytes_per_picture": ",.1f",
}


def measure(quick: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        digits, photos = digits_in(Path(folder), 400), photos_in(Path(folder), 4)
        if not quick and (data.ROOT / "mnist").is_dir():
            digits = data.ROOT / "mnist" / "t10k-images-idx3-ubyte.gz"
        if not quick and (data.ROOT / "kodak").is_dir():
            photos = data.ROOT / "kodak"
        return [
            row(kind, source, workers, Path(folder, f"{kind}-{workers}"), **options)
            for kind, source, options in (
                ("digits", digits, {"model": "digits", "nbytes": 15, "shard_size": 100}),
                ("photographs", photos, {"model": "photo", "shard_size": 1}),
            )
            for workers in (1, 2)
        ]


def row(kind: str, source: Path, workers: int, folder: Path, **options: Any) -> Row:
    """Convert `source` once."""
    times: list[tuple[int, float]] = []

    def tell(stage: str, done: int, _: int) -> None:
        if stage == "converting":
            times.append((done, time.perf_counter()))

    manifest = convert(source, folder, workers=workers, on_progress=tell, **options)
    (first, start), (last, end) = times[workers - 1], times[-1]  # processes begin side by side
    parts = [json.loads(path.read_text())["inputs"] for path in folder.glob("shard-*.json")]
    names = sum(len(json.dumps(part, separators=(",", ":"))) for part in parts)
    return {
        "kind": kind,
        "workers": workers,
        "inputs": manifest["inputs"],
        "pictures_per_second": (last - first) / (end - start),
        "bytes_per_picture": manifest["bytes"] / manifest["pictures"],
        "names_bytes_per_picture": names / manifest["inputs"],
    }


def digits_in(folder: Path, count: int) -> Path:
    """The digit of the repository, moved about, as one array."""
    with Image.open(ROOT / "docs" / "digit.png") as image:
        digit = np.asarray(image)
    moved = [np.roll(digit, (i % 7, i // 7 % 7), axis=(0, 1)) for i in range(count)]
    np.save(folder / "digits.npy", np.stack(moved))
    return folder / "digits.npy"


def photos_in(folder: Path, count: int) -> Path:
    """The photograph of the repository, again and again."""
    (folder / "photos").mkdir()
    for i in range(count):
        (folder / "photos" / f"{i}.png").write_bytes((ROOT / "docs" / "photo.png").read_bytes())
    return folder / "photos"


def table(rows: Sequence[Row]) -> str:
    """What `MANY` pictures cost, in Markdown."""
    machines = [f"{n} machine{'s' * (n > 1)}" for n in MACHINES]
    header = ["100 million", "a second, a machine", *machines, "archives", "names"]
    lines = [header, ["---"] * len(header)]
    for each in rows:
        if each["workers"] == 2:
            rate = each["pictures_per_second"]
            times = [duration(MANY / rate / n) for n in MACHINES]
            sizes = [size(MANY * each[f"{k}bytes_per_picture"]) for k in ("", "names_")]
            lines.append([each["kind"], figure(rate), *times, *sizes])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def duration(seconds: float) -> str:
    """Days, or hours of less than two days."""
    if seconds < 2 * DAY:
        return f"{figure(seconds / 3600)} hours"
    return f"{figure(seconds / DAY)} days"


def size(count: float) -> str:
    """Bytes in GB, or TB from 1000 of them."""
    return f"{figure(count / 1e9)} GB" if count < 1e12 else f"{figure(count / 1e12)} TB"


def figure(value: float) -> str:
    """Two significant digits, without an exponent."""
    return f"{float(f'{value:.2g}'):,g}"


def page_with(page: str, lines: str) -> str:
    """The page with `lines` for the table between its marks."""
    marked = re.compile(r"(<!-- table of conversion\.json -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda marks: f"{marks[1]}\n{lines}\n\n{marks[2]}", page)


def draw(axes: Axes, rows: list[Row]) -> None:
    """Days by machines, a line for each kind."""
    for each in rows:
        if each["workers"] == 2:
            days = [MANY / each["pictures_per_second"] / n / DAY for n in MACHINES]
            axes.loglog(MACHINES, days, "o-", label=each["kind"])
    axes.set_xticks(MACHINES, list(map(str, MACHINES)))
    axes.minorticks_off()
    axes.set_xlabel("machines of 2 cores")
    axes.set_ylabel("days for 100 million")
    axes.legend()


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "numba"))
    if len(sys.argv) == 1:  # the figures of a full run are those of the page
        rows = json.loads((RESULTS / "conversion.json").read_text())["rows"]
        print(table(rows))
        PAGE.write_text(page_with(PAGE.read_text(), table(rows)))
