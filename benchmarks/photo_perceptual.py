"""What tuning the decoder for realism changes, at equal bytes.

A model tuned by

    pseudocodec train photos/ -o FILE --codec photo --objective perceptual

against the shipped photo model, from which it differs in the decoder alone: each file is written
once and decoded by both. The pictures are the validation ones, whole; PSNR, MS-SSIM and sharpness,
the energy of the Laplacian of the decoded picture, of that of the original, are means over them.

    python benchmarks/photo_perceptual.py --model FILE

`--sheet` names a picture with crops of three of them at two rates. `--quick`: two pictures, and
without `--model` a few steps of tuning on the validation pictures, which say nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console

import data
import pseudocodec
from harness import RESULTS, Row, arguments, table, write_json, write_plot
from pseudocodec.container import read_single
from pseudocodec.errors import PslError
from pseudocodec.evaluation.decoders import compare_decoders
from pseudocodec.metrics import Images
from pseudocodec.model import PhotoModel
from pseudocodec.photo.codec import decode_photo
from pseudocodec.rate import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME = "photo_perceptual"
ANCHOR = "photo"
QUALITIES, QUICK_QUALITIES = (0, 10, 25, 40, 60, 80), (0, 40)
SHEET_RATES = (0.1, 0.25)  # bits a pixel
QUICK_PICTURES = 2
QUICK_SECONDS = 4.0
EFFORT = 3
CROPS = {
    "3653963": (80, 190),
    "1475938": (0, 80),
    "2887497": (200, 330),
}  # left and top; all have files of 0.1 bit a pixel
SIDE = 176  # pixels of a crop
HEADING = 18  # pixels above the crops
COLUMNS = {"model": "", "bpp": ".3f", "psnr": ".2f", "ms_ssim": ".4f", "sharpness": ".3f"}

Models = dict[str, PhotoModel]


def photographs() -> dict[str, Images]:
    """The validation pictures by name, uint8 (h, w, 3); exits with a sentence without them."""
    folder = data.ROOT / "photos" / "validation"
    if not folder.is_dir():
        sys.exit(f"photos/validation is not in {data.ROOT}: set PSEUDOCODEC_DATA to its folder.")
    found = {}
    for path in sorted(folder.iterdir()):
        with Image.open(path) as image:
            found[path.stem] = np.asarray(image.convert("RGB"))
    return found


def models_of(path: Path) -> Models:
    """The shipped model and a tuned one. Raises PslError for another kind of model."""
    models: Models = {}
    sources: dict[str, str | Path] = {ANCHOR: ANCHOR, "perceptual": path}
    for name, source in sources.items():
        loaded = pseudocodec.load_model(source)
        if not isinstance(loaded, PhotoModel):
            raise PslError(f"{path}: not a photo model; give one tuned from {ANCHOR!r}")
        models[name] = loaded
    return models


def tuned_a_little(folder: Path) -> Path:
    """A model of a few steps."""
    path = folder / "tuned.safetensors"
    pseudocodec.train(
        data.ROOT / "photos" / "train-a.tar",
        path,
        codec="photo",
        objective="perceptual",
        budget=QUICK_SECONDS,
        report=False,
    )
    return path


def measure(models: Models, pictures: Sequence[Images], qualities: Sequence[int]) -> list[Row]:
    """A row for each quality and model."""
    targets = [Target(quality=quality) for quality in qualities]
    return compare_decoders(models, pictures, targets, effort=EFFORT)


def draw(axes: Axes, rows: Sequence[Row]) -> None:
    """Sharpness against bits a pixel, PSNR beside each point."""
    for name, colour, below in ((ANCHOR, "#1f77b4", -14), ("perceptual", "#d62728", 7)):
        line = [row for row in rows if row["model"] == name]
        points = [r["bpp"] for r in line], [r["sharpness"] for r in line]
        axes.plot(*points, "o-", color=colour, label=name)
        for row in line:
            at, text = (row["bpp"], row["sharpness"]), f"{row['psnr']:.1f} dB"
            axes.annotate(text, at, (0, below), textcoords="offset points", ha="center")
    axes.legend()
    axes.axhline(1, color="0.7", linewidth=1)
    axes.set_xlabel("bits a pixel")
    axes.set_ylabel("energy of the Laplacian, of the original's")
    axes.set_title("Decoder before and after tuning, same files", loc="left")


def sheet(models: Models, pictures: dict[str, Images]) -> Image.Image:
    """Crops, a row a picture: the original, then at each rate what each decoder makes of a file."""
    titles = ["original"]
    titles += [f"{name}, {rate} bit a pixel" for rate in SHEET_RATES for name in models]
    rows = []
    for name, (left, top) in CROPS.items():
        shown = [pictures[name]]
        for rate in SHEET_RATES:
            single = read_single(pseudocodec.encode(shown[0], bpp=rate, effort=EFFORT))
            shown += [decode_photo(model, single, device="auto") for model in models.values()]
        crops = [picture[top : top + SIDE, left : left + SIDE] for picture in shown]
        rows.append(np.hstack([np.pad(c, ((1, 1), (1, 1), (0, 0))) for c in crops]))
    pixels = np.pad(np.vstack(rows), ((HEADING, 0), (0, 0), (0, 0)), constant_values=255)
    image = Image.fromarray(pixels)
    for column, title in enumerate(titles):
        ImageDraw.Draw(image).text((4 + column * (SIDE + 2), 2), title, fill="black")
    return image


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write the JSON file, the plot and the sheet."""
    chosen = _parse(argv)
    if chosen.model is None and not chosen.quick:
        sys.exit("--model FILE is needed: a photo model tuned with --objective perceptual.")
    pictures = photographs()
    shown = list(pictures.values())[: QUICK_PICTURES if chosen.quick else None]
    with tempfile.TemporaryDirectory() as folder:
        try:
            models = models_of(chosen.model or tuned_a_little(Path(folder)))
            rows = measure(models, shown, QUICK_QUALITIES if chosen.quick else QUALITIES)
        except PslError as error:
            sys.exit(f"{error}.")
    Console().print(table(rows, COLUMNS))
    default = None if chosen.quick else RESULTS / NAME
    json_path = chosen.json or (default and default.with_suffix(".json"))
    plot_path = chosen.plot or (default and default.with_suffix(".png"))
    sheet_path = chosen.sheet or (default and default.with_name(f"{NAME}_sheet.png"))
    if json_path:
        command = f"python benchmarks/{NAME}.py" + " --quick" * chosen.quick
        command += f" --model {chosen.model.stem}" if chosen.model else ""
        write_json(json_path, command, rows, ("torch", "pillow"))
    if plot_path:
        write_plot(plot_path, draw, rows)
    if sheet_path:
        sheet(models, pictures).save(sheet_path, optimize=True)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = arguments(NAME, __doc__)
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write the crops here")
    parser.add_argument("--model", type=Path, metavar="FILE", help="the tuned model")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
