"""What a model for pictures of any size is worth: real files of photographs beside other codecs'.

Pictures are read one by one and coded by every codec at every setting before the next is read, so
that a folder of any length needs the memory of one picture.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pseudocodec._pixels import split
from pseudocodec.codec import decode, encode
from pseudocodec.errors import PslError
from pseudocodec.evaluation.bd import bd_rate
from pseudocodec.evaluation.folder import EXTRA, FILES, model_facts, write_report
from pseudocodec.evaluation.ours import NAME
from pseudocodec.evaluation.peers import PEERS
from pseudocodec.evaluation.peers import decode as decode_peer
from pseudocodec.evaluation.photo_card import photo_card
from pseudocodec.evaluation.pictures import Data, each, title_of
from pseudocodec.evaluation.plot import plot
from pseudocodec.evaluation.rows import OnProgress, Row, silent
from pseudocodec.evaluation.sheet import draw_sheet
from pseudocodec.image import to_8_bit
from pseudocodec.metrics import Images, psnr
from pseudocodec.model import AnySizeModel

QUALITIES = (5, 20, 35, 50, 65, 80, 95)
SETTINGS = {
    "JPEG": (5, 15, 30, 50, 75, 90),
    "WebP": (0, 20, 45, 70, 90),
    "AVIF": (10, 25, 40, 55, 70),
    "JPEG XL": (5, 25, 50, 75, 90),
}
SHEET_QUALITIES = (20, 50, 80)
SHEET_PICTURES, SHEET_SIDE = 4, 256  # crops of the first pictures


class Measured(NamedTuple):
    """A codec with the settings to measure it at; `decode` also gets the original, for its mode."""

    name: str
    settings: Sequence[int]
    encode: Callable[[Images, int], bytes]
    decode: Callable[[bytes, Images], Images]


def report_photos(
    model: AnySizeModel,
    data: Data,
    folder: Path,
    *,
    effort: int = 3,
    limit: int | None = None,
    peers: bool = True,
    peer_limit: int = 200,
    device: str = "auto",
    overwrite: bool = False,
    name: str | None = None,
    recipe: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """`evaluate` of a model for pictures of any size.

    Each picture is a file of its own; transparency is left out. A row has the means over pictures:
    bytes, bits a pixel, PSNR. The other codecs are given the first `peer_limit` pictures; where
    that is not all of them, "versus" compares them with our files of the same ones.

    Returns what report.json holds: model, data, effort, recipe, rows, versus (per cent more bits
    at equal PSNR than each other codec), notes, files. Raises PslError: no pictures, one that
    cannot be read, a folder that cannot be written.
    """
    if limit is not None and limit < 1:
        raise PslError(f"limit={limit}: expected a positive number of pictures")
    tell = on_progress or silent

    def ours(picture: Images, quality: int) -> bytes:
        return encode(picture, model=model, quality=quality, effort=effort, device=device)

    codecs = [Measured(NAME, QUALITIES, ours, lambda file, _: decode(file, device=device))]
    if peers:
        codecs += _peers()
    tables = [_Table(codec) for codec in codecs]
    crops: list[Images] = []
    count = 0
    for picture in islice(_pictures(data), limit):
        count += 1
        tell("pictures", count - 1, limit or count)
        for table in tables:
            if table is tables[0] or count <= peer_limit:
                table.measure(picture)
        if min(picture.shape[:2]) >= SHEET_SIDE and len(crops) < SHEET_PICTURES:
            crops.append(_middle(picture))
    if not count:
        raise PslError("there are no pictures to evaluate on: pass at least one")
    title = name or title_of(data)
    rows = [row for table in tables for row in table.rows()]
    report: dict[str, Any] = {
        "model": model_facts(model),
        "data": {"label": title, "pictures": count},
        "effort": effort,
        "recipe": list(recipe),
        "rows": rows,
        "versus": {t.codec.name: tables[0].against(t) for t in tables[1:]} if peers else None,
    }
    drawn = {
        "curve.png": plot(rows, f"{model.facts.name} on {title}"),
        "sheet.png": _sheet(crops, codecs[0]) if crops else None,
    }
    report["notes"] = _notes(drawn, count, peer_limit if peers else count)
    report["files"] = [file for file in FILES if drawn.get(file, b"") is not None]
    write_report(folder, report, photo_card(report), drawn, overwrite=overwrite)
    return report | {"folder": os.fspath(folder)}


class _Table:
    """What one codec makes of the pictures so far: bytes, bits a pixel, PSNR and seconds of each.

    `found` has a list for each setting.
    """

    def __init__(self, codec: Measured) -> None:
        self.codec = codec
        self.found: list[list[tuple[float, ...]]] = [[] for _ in codec.settings]

    def measure(self, picture: Images) -> None:
        pixels = picture.shape[0] * picture.shape[1]
        for setting, found in zip(self.codec.settings, self.found, strict=True):
            began = time.perf_counter()
            data = self.codec.encode(picture, setting)
            middle = time.perf_counter()
            decoded = self.codec.decode(data, picture)
            times = (middle - began, time.perf_counter() - middle)
            found.append(
                (len(data), 8 * len(data) / pixels, psnr(picture, decoded), *times, pixels)
            )

    def rows(self) -> list[Row]:
        """A row for each setting: means over the pictures, and speeds over all their pixels."""
        rows: list[Row] = []
        for setting, found in zip(self.codec.settings, self.found, strict=True):
            size, bpp, db, coding, decoding, pixels = np.mean(found, axis=0).tolist()
            row: Row = {"codec": self.codec.name, "layout": "single", "setting": setting}
            row |= {"bytes": size, "bpp": bpp, "psnr": db}
            row |= {"encode_mp_per_s": pixels / 1e6 / coding}
            rows.append(row | {"decode_mp_per_s": pixels / 1e6 / decoding})
        return rows

    def against(self, other: _Table) -> float | None:
        """Per cent more bits than `other` at equal PSNR, on the pictures that both have.

        None where the curves have nothing in common, or one does not rise.
        """
        same = len(other.found[0])
        try:
            return bd_rate(self._points(same), other._points(same))
        except PslError:  # nets that have hardly been trained may have one useful point
            return None

    def _points(self, count: int) -> list[tuple[float, float]]:
        means = [np.mean(found[:count], axis=0) for found in self.found]
        return [(float(mean[1]), float(mean[2])) for mean in means]


def _pictures(data: Data) -> Iterator[Images]:
    """8-bit pictures (H, W) or (H, W, 3), without their alpha."""
    for title, read in each(data):
        try:
            pixels = to_8_bit(split(read())[0])
        except PslError as error:
            sentence = str(error)
            raise type(error)(sentence if title in sentence else f"{title}: {sentence}") from error
        yield pixels[..., 0] if pixels.shape[2] == 1 else pixels


def _peers() -> list[Measured]:
    return [
        Measured(name, settings, PEERS[name].encode, decode_peer)
        for name, settings in SETTINGS.items()
        if PEERS[name].available
    ]


def _middle(picture: Images) -> Images:
    """A crop (S, S, 3) of the middle."""
    top, left = ((side - SHEET_SIDE) // 2 for side in picture.shape[:2])
    crop = picture[top : top + SHEET_SIDE, left : left + SHEET_SIDE]
    return np.repeat(crop[:, :, None], 3, axis=2) if crop.ndim == 2 else crop


def _sheet(crops: Sequence[Images], ours: Measured) -> bytes:
    """The crops, coded by themselves at a few qualities."""
    lines = [("original", np.stack(crops))]
    for quality in SHEET_QUALITIES:
        files = [ours.encode(crop, quality) for crop in crops]
        decoded = [ours.decode(file, crop) for file, crop in zip(files, crops, strict=True)]
        bpp = 8 * sum(map(len, files)) / (len(crops) * SHEET_SIDE**2)
        db = float(np.mean([psnr(a, b) for a, b in zip(crops, decoded, strict=True)]))
        lines.append((f"quality {quality}\n{bpp:.2f} bpp, {db:.1f} dB", np.stack(decoded)))
    return draw_sheet(lines)


def _notes(drawn: dict[str, bytes | None], count: int, peer_limit: int) -> list[str]:
    notes = []
    if count > peer_limit:
        notes.append(f"The other codecs were given the first {peer_limit:,} pictures.")
    if drawn["curve.png"] is None:
        notes.append(f"The curve is not drawn, since matplotlib is not installed: {EXTRA}.")
    if drawn["sheet.png"] is None:
        notes.append(f"There is no sheet: no picture has {SHEET_SIDE} pixels on each side.")
    return notes
