"""What a photo model is worth: real files of pictures beside those of other codecs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pseudocodec.codec import decode, encode
from pseudocodec.errors import PslError
from pseudocodec.evaluation.ours import NAME
from pseudocodec.evaluation.peers import PEERS
from pseudocodec.evaluation.peers import decode as decode_peer
from pseudocodec.evaluation.plot import plot
from pseudocodec.evaluation.rows import OnProgress, Row, silent
from pseudocodec.files import atomic_write
from pseudocodec.metrics import Images, psnr
from pseudocodec.model.load import load_model

QUALITIES = (5, 20, 35, 50, 65, 80, 95)
SETTINGS = {
    "JPEG": (5, 15, 30, 50, 75, 90),
    "WebP": (0, 20, 45, 70, 90),
    "AVIF": (10, 25, 40, 55, 70),
    "JPEG XL": (5, 25, 50, 75, 90),
}


class Measured(NamedTuple):
    """A codec with the settings to measure it at; `decode` also gets the original, for its mode."""

    name: str
    settings: Sequence[int]
    encode: Callable[[Images, int], bytes]
    decode: Callable[[bytes, Images], Images]


def report_photos(
    model: str | os.PathLike[str],
    pictures: Sequence[Images],
    folder: Path,
    recipe: Sequence[str] = (),
    *,
    effort: int = 0,
    on_progress: OnProgress = silent,
) -> dict[str, Any]:
    """Measure a photo model on pictures (H, W, 3) and write card.md, curve.png, report.json.

    Rates are bytes of whole files; PSNR is the mean of that of each picture. Returns what
    report.json holds, and the folder. Raises PslError for a folder that cannot be written.
    """

    def ours(picture: Images, quality: int) -> bytes:
        return encode(picture, model=model, quality=quality, effort=effort)

    codecs = [Measured(NAME, QUALITIES, ours, lambda data, _: decode(data))]
    for name, settings in SETTINGS.items():
        if PEERS[name].available:
            codecs.append(Measured(name, settings, PEERS[name].encode, decode_peer))
    rows = [row for codec in codecs for row in _rows(codec, pictures, on_progress)]
    loaded = load_model(model)
    report: dict[str, Any] = {
        "model": {"name": loaded.facts.name, "id": loaded.id.hex()},
        "pictures": len(pictures),
        "effort": effort,
        "recipe": list(recipe),
        "rows": rows,
    }
    title = f"{loaded.facts.name}: {len(pictures)} held-out pictures"
    files = {
        "curve.png": plot(rows, title),
        "report.json": (json.dumps(report, indent=1, allow_nan=False) + "\n").encode(),
        "card.md": _card(report).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PslError(f"cannot create folder {folder}: {error.strerror}") from error
    for name, content in files.items():
        if content is not None:
            with atomic_write(folder / name, overwrite=True) as file:
                file.write(content)
    written = [name for name, content in files.items() if content is not None]
    return report | {"folder": os.fspath(folder), "files": written}


def _rows(codec: Measured, pictures: Sequence[Images], on_progress: OnProgress) -> list[Row]:
    rows: list[Row] = []
    for setting in codec.settings:
        found = []
        for done, picture in enumerate(pictures):
            on_progress(f"{codec.name} {setting}", done, len(pictures))
            data = codec.encode(picture, setting)
            bits = 8 * len(data) / (picture.shape[0] * picture.shape[1])
            found.append((len(data), bits, psnr(picture, codec.decode(data, picture))))
        size, bpp, db = np.mean(found, axis=0).tolist()
        row: Row = {"codec": codec.name, "layout": "single", "setting": setting}
        rows.append(row | {"bytes": size, "bpp": bpp, "psnr": db})
    return rows


def _card(report: dict[str, Any]) -> str:
    """Markdown: how the model was made, and the table."""
    model = report["model"]
    lines = [f"# {model['name']} ({model['id']})", "", *report["recipe"], ""]
    lines += [
        f"Files of {report['pictures']} held-out pictures, effort {report['effort']}; means over "
        "pictures.",
        "",
        "| codec | setting | bytes | bpp | PSNR, dB |",
        "|---|---|---|---|---|",
    ]
    for row in report["rows"]:
        lines.append(
            f"| {row['codec']} | {row['setting']} | {row['bytes']:,.0f} | {row['bpp']:.3f} | "
            f"{row['psnr']:.2f} |"
        )
    return "\n".join(lines) + "\n"
