"""What decoding costs beyond seconds: multiplications of the nets, and memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pseudocodec.metrics import Images
from pseudocodec.model import Model
from startup import python

_CHILD = """
import sys
from pathlib import Path
import pseudocodec
pseudocodec.load_model(sys.argv[1])
for path in sys.argv[2:]:
    pseudocodec.decode(path)
status = Path("/proc/self/status")
print(status.read_text() if status.is_file() else "")
"""


def kmac_per_pixel(decode: Callable[[], object], pixels: int) -> float:
    """Thousands of multiply-accumulates a pixel of whatever nets a call runs.

    Counts torch's convolutions (transposed and grouped ones as well) and matrix products, in
    modules and outside, made in the calling thread; element-wise operations and the entropy coder
    count nothing, as in published figures.
    """
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        decode()
    # It counts a multiplication and an addition as two operations.
    return counter.get_total_flops() / 2 / pixels / 1_000


def fitted_kmac(model: Model, image: Images) -> float | None:
    """The same of nets that are fitted to a picture, which torch does not run; None for others."""
    from pseudocodec.overfit.design import multiplications
    from pseudocodec.overfit.model import FAMILY

    fitted = model.facts.family == FAMILY
    return multiplications(*image.shape[:2]) / 1_000 if fitted else None


def peak_mib(model: str, *files: Path) -> float | None:
    """The most memory, in MiB, that a process held which loaded a model and decoded these files.

    With no files: what python, torch and the model take. None where Linux does not tell. (The peak
    of getrusage will not do: a child inherits that of the process that started it.)
    """
    name = str(Path(model).resolve()) if Path(model).is_file() else model
    process = python("-c", _CHILD, name, *(str(file.resolve()) for file in files))
    found = re.search(r"VmHWM:\s+(\d+) kB", process.stdout)
    return int(found[1]) / 1024 if found else None
