"""Digits: bytes an image against PSNR, for pseudocodec, five classical codecs and the bound.

All 10,000 MNIST test images (`--quick`: the first 200). Bytes are those of real files: an archive
of all images (in the dense code, and for comparison in the progressive one), one file an image, or
a contact sheet of 100. PSNR is that of the mean squared error over all images. Ours is encoded at
the default effort; times include loading the archive, not the first compilation. The bound is the
Gaussian rate-distortion curve of the training set's covariance; that of the test images themselves
lies 0.1 to 0.2 dB higher. The full run takes about half an hour on two cores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import bounds
import data
import peers
import pseudocodec
from harness import Row, best_of, run
from score import Images, score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL = "digits"
BUDGETS = (3, 6, 10, 16, 24, 32, 48, 64)  # bytes an image
PROGRESSIVE_BUDGETS = (6, 16, 32)  # archives in the code whose prefixes decode, for comparison
SINGLE_BUDGETS = (26, 36, 52)  # bytes of a file of its own
WARM_UP = 60  # bytes an image of two: what they need with a header of their own
SINGLE_SAMPLE = 200  # images stored as files of their own
QUICK_SAMPLE = 200
SETTINGS: dict[str, tuple[int | None, ...]] = {
    "JPEG": (1, 5, 10),
    "WebP": (0, 2, 5),
    "AVIF": (0, 5, 10),
    "JPEG XL": (0, 20, 25),
    "PNG": (None,),
}
BOUND_BITS = (20, 30, 40, 60, 80, 106, 148, 191, 240, 293, 400, 500)
COLUMNS = {
    "codec": "",
    "layout": "",
    "setting": ">4",
    "bytes": ".2f",
    "overhead": ".2f",
    "psnr": ".2f",
    "ssim": ".3f",
    "encode_per_s": ".0f",
    "decode_per_s": ".0f",
}
MARKED = {  # lines not labelled at their right end: which point, offset in points, alignment
    ("pseudocodec", "archive"): (3, (-8, 6), "right"),
    ("pseudocodec", "progressive"): (0, (12, -26), "left"),
    ("pseudocodec", "single"): (0, (-8, -3), "right"),
    ("JPEG", "single"): (-1, (-5, 3), "right"),
    ("bound", "Gaussian R(D)"): (2, (6, -12), "left"),
}
COLOURS = {
    "pseudocodec": "#d62728",
    "JPEG": "#8c564b",
    "WebP": "#1f77b4",
    "AVIF": "#2ca02c",
    "JPEG XL": "#9467bd",
    "bound": "0.45",
}


def measure(quick: bool) -> list[Row]:
    test = data.mnist("test")
    images = test[:QUICK_SAMPLE] if quick else test
    rows = ours(images, BUDGETS)
    rows += ours(images, PROGRESSIVE_BUDGETS, progressive=True)
    rows += ours_single(images[:SINGLE_SAMPLE], SINGLE_BUDGETS)
    rows += classical(images)
    return rows + bound(data.mnist("train"))


def ours(images: Images, budgets: Sequence[int], *, progressive: bool = False) -> list[Row]:
    """One archive of all images at each budget of bytes an image, sized on disk and decoded."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.psl"
        _archive(path, images[:2], WARM_UP, progressive)  # compiles the kernels before timing
        for budget in budgets:
            row, decoded = _archive(path, images, budget, progressive)
            rows.append(row | score(images, decoded))
    return rows


def _archive(path: Path, images: Images, budget: int, progressive: bool) -> tuple[Row, Images]:
    decoded = np.empty_like(images)

    def encode() -> None:
        pseudocodec.save(
            path, images, model=MODEL, nbytes=budget, progressive=progressive, overwrite=True
        )

    def decode() -> None:
        decoded[:] = pseudocodec.open(path)[:]

    encode_seconds, decode_seconds = best_of(encode, 1), best_of(decode, 1)
    size = path.stat().st_size / len(images)
    row = {
        "codec": "pseudocodec",
        "layout": "progressive" if progressive else "archive",
        "setting": budget,
        "bytes": size,
        "overhead": pseudocodec.info(path)["overhead_bytes"] / len(images),
        "encode_per_s": len(images) / encode_seconds,
        "decode_per_s": len(images) / decode_seconds,
    }
    return row, decoded


def ours_single(images: Images, budgets: Sequence[int]) -> list[Row]:
    """One file an image; `overhead` is what its file holds beyond the payload, in bytes."""
    rows = []
    for budget in budgets:
        files = [pseudocodec.encode(image, model=MODEL, nbytes=budget) for image in images]
        size = sum(map(len, files)) / len(images)
        row = {"codec": "pseudocodec", "layout": "single", "setting": budget, "bytes": size}
        decoded = np.stack([pseudocodec.decode(file) for file in files])
        overhead = max(pseudocodec.info(file)["overhead_bytes"] for file in files)
        rows.append(row | {"overhead": overhead} | score(images, decoded))
    return rows


def classical(images: Images) -> list[Row]:
    """The peers, on contact sheets and as single files."""
    rows = []
    for name, settings in SETTINGS.items():
        rows += peers.curve(images, peers.PEERS[name], "sheet", settings)
        rows += peers.curve(images, peers.PEERS[name], "single", settings)
    return rows


def bound(images: Images) -> list[Row]:
    """The Gaussian rate-distortion curve of the covariance of the images."""
    points = bounds.curve(bounds.spectrum(images), BOUND_BITS)
    return [{"codec": "bound", "layout": "Gaussian R(D)"} | point for point in points]


def draw(axes: Axes, rows: list[Row]) -> None:
    """Sheets and archives as solid lines, single files as dashed ones with hollow markers."""
    lines: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["psnr"] is not None:  # lossless files have no place on this axis
            lines.setdefault((row["codec"], row["layout"]), []).append(row)
    for (codec, layout), points in lines.items():
        _line(axes, codec, layout, points)
    ticks = (2, 5, 10, 20, 50, 100, 200, 500)
    axes.set_xscale("log")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlim(2, 900)
    axes.set_xlabel("bytes an image")
    axes.set_ylabel("PSNR, dB")
    axes.set_title("MNIST test digits", loc="left")
    axes.grid(color="0.92")
    note = "solid: archive, or sheet of 100\ndashed: one file an image"
    axes.text(0.99, 0.03, note, transform=axes.transAxes, color="0.3", horizontalalignment="right")


def _line(axes: Axes, codec: str, layout: str, points: list[Row]) -> None:
    colour = COLOURS[codec]
    single, bound_, own = (
        layout in {"single", "progressive"},
        codec == "bound",
        codec == "pseudocodec",
    )
    axes.plot(
        [point["bytes"] for point in points],
        [point["psnr"] for point in points],
        color=colour,
        linestyle=":" if bound_ else "--" if single else "-",
        linewidth=2.5 if own else 1.5,
        marker=None if bound_ else "o",
        markersize=4,
        markerfacecolor="white" if single else colour,
    )
    index, offset, align = MARKED.get((codec, layout), (-1, (5, 3), "left"))
    axes.annotate(
        layout if bound_ else f"{codec}, {layout}" if own else codec,
        (points[index]["bytes"], points[index]["psnr"]),
        xytext=offset,
        textcoords="offset points",
        horizontalalignment=align,
        color=colour,
        fontsize=9,
        fontweight="bold" if own else "normal",
    )


if __name__ == "__main__":
    run(
        __file__,
        __doc__,
        measure,
        COLUMNS,
        draw,
        libraries=("pillow", "pillow-jxl-plugin", "scikit-image", "numba", "torch"),
    )
