"""Time and memory of photographs from 0.4 to 100 megapixels, and of the entropy coder in them.

Each row is a process of its own, after a warm-up on a small picture: seconds of one call, and the
most memory the process held (`idle`: before the call, with the model loaded). Large pictures are
the shipped photo repeated, at quality 30 and effort 0; a region is 200 x 200 pixels of the file.
`coder_ms` is what all calls of the entropy coder took in it, verification included. `--quick`: 0.4
and 4 megapixels.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

from harness import Row, log, run
from startup import python

SIDES, QUICK_SIDES = ((768, 512), (2000, 2000), (10_000, 10_000)), ((768, 512), (2000, 2000))
PHOTO = Path(__file__).parents[1] / "docs" / "photo.png"
COLUMNS = {
    "what": "",
    "megapixels": ".1f",
    "seconds": ".2f",
    "coder_ms": ".1f",
    "peak_mib": ".0f",
    "idle_mib": ".0f",
    "file_bytes": ",d",
}

_CHILD = """
import json, sys, time
from pathlib import Path
import numpy as np
from PIL import Image
import pseudocodec
from pseudocodec.entropy import scales

def held(key):
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.is_file() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(key)), None)

spent = 0.0
def timed(call):
    def wrapped(*args):
        global spent
        start = time.perf_counter()
        try:
            return call(*args)
        finally:
            spent += time.perf_counter() - start
    return wrapped

what, width, height, photo, path = sys.argv[1:]
width, height, path = int(width), int(height), Path(path)
small = np.asarray(Image.open(photo).convert("RGB"))
pseudocodec.decode(pseudocodec.encode(small, effort=0))
picture = None
if what == "encode":
    repeats = (-(-height // small.shape[0]), -(-width // small.shape[1]), 1)
    picture = np.ascontiguousarray(np.tile(small, repeats)[:height, :width])
idle = held("VmRSS:")
scales.encode, scales.decode = timed(scales.encode), timed(scales.decode)
start = time.perf_counter()
if what == "encode":
    path.write_bytes(pseudocodec.encode(picture, quality=30, effort=0))
elif what == "decode":
    pseudocodec.decode(path)
else:
    pseudocodec.decode(path, region=(width // 2, height // 2, width // 2 + 200, height // 2 + 200))
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "coder_ms": 1000 * spent, "peak_mib": held("VmHWM:"),
                  "idle_mib": idle, "file_bytes": path.stat().st_size}))
"""


def measure(quick: bool) -> list[Row]:
    """Rows of encoding, decoding and reading a region, for each size."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = list(_jobs(QUICK_SIDES if quick else SIDES))
        return [
            _row(what, sides, Path(folder)) for what, sides in track(jobs, "calls", console=log)
        ]


def _jobs(sizes: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, tuple[int, int]]]:
    for sides in sizes:
        for what in ("encode", "decode", "region"):
            yield what, sides


def _row(what: str, sides: tuple[int, int], folder: Path) -> Row:
    path = folder / f"{sides[0]}x{sides[1]}.psl"
    process = python("-c", _CHILD, what, *map(str, sides), str(PHOTO), str(path))
    found: Row = json.loads(process.stdout)
    return {"what": what, "megapixels": sides[0] * sides[1] / 1e6} | found


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, libraries=("torch", "constriction"))
