"""The digits model with each latent code: same nets, same bytes, PSNR by code.

All 10,000 MNIST test images (`--quick`: the first 100) in one archive, bytes counted on the file.
`composition` and `trellis` are the two codes the model ships with. `scalar`, rounding and entropy
coding, is put in the place of its dense code in a copy of the model file; its schedule is fitted on
training images, as theirs are.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import data
import pseudocodec
from harness import Row, run
from pseudocodec.latent.scalar import Scalar
from pseudocodec.metrics import Images, score
from pseudocodec.model.load import load_vector_model
from pseudocodec.training.recode import recode

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL = "digits"
BUDGETS = (6, 16, 32)  # bytes an image
QUICK_SAMPLE = 100
FIT_IMAGES = 256
EFFICIENCIES = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)


def measure(quick: bool) -> list[Row]:
    images = data.mnist("test")[: QUICK_SAMPLE if quick else None]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        scalar = Path(folder) / "scalar.safetensors"
        write_scalar_model(scalar)
        for budget in BUDGETS:
            path = Path(folder) / "digits.psl"
            rows.append(row("scalar", path, images, budget, scalar, progressive=False))
            rows.append(row("composition", path, images, budget, MODEL, progressive=True))
            rows.append(row("trellis", path, images, budget, MODEL, progressive=False))
    return rows


def write_scalar_model(path: Path) -> None:
    """A copy of the digits model whose dense code is the scalar one."""
    training = list(data.mnist("train")[:FIT_IMAGES, :, :, None])
    recode(load_vector_model(MODEL), training, path, Scalar, EFFICIENCIES)


def row(
    code: str, path: Path, images: Images, budget: int, model: str | Path, *, progressive: bool
) -> Row:
    """One archive at a budget, sized on disk and decoded."""
    options: dict[str, Any] = {"model": model, "progressive": progressive, "overwrite": True}
    pseudocodec.save(path, images, nbytes=budget, **options)
    with pseudocodec.open(path) as archive:
        decoded = archive[:]
    size = path.stat().st_size / len(images)
    return {"code": code, "budget": budget, "bytes": size, **score(images, decoded)}


def draw(axes: Axes, rows: list[Row]) -> None:
    """PSNR against bytes, a line a code."""
    for code in dict.fromkeys(r["code"] for r in rows):
        line = [r for r in rows if r["code"] == code]
        axes.plot([r["bytes"] for r in line], [r["psnr"] for r in line], "o-", label=code)
    axes.set_xlabel("bytes an image")
    axes.set_ylabel("PSNR, dB")
    axes.set_title("MNIST test digits: one model, three latent codes", loc="left")
    axes.legend()


if __name__ == "__main__":
    columns = {"code": "", "budget": "d", "bytes": ".2f", "psnr": ".2f", "ssim": ".3f"}
    run(__file__, __doc__, measure, columns, draw, libraries=("torch",))
