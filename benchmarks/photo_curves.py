"""Rate-distortion curves of photographs: measured, averaged, compared.

A point of a curve is the mean over the pictures of bits a pixel and of each picture's own measures,
which is the convention of CompressAI's published curves: at quality 5 its JPEG has 0.22115 bit a
pixel and 23.78 dB, and Pillow's, measured so, 0.22115 and 23.85 (23.60 were the squared error
averaged first). Bytes are those of whole files. PSNR, SSIM and MS-SSIM are of RGB, VIF of luma.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from harness import Row
from photos import Codec
from pseudocodec.evaluation.bd import bd_rate
from pseudocodec.evaluation.rows import OnProgress
from pseudocodec.metrics import Images, ms_ssim, psnr, ssim, vif

Measures = Mapping[str, Callable[[Images, Images], float | None]]
MEASURES: Measures = {"psnr": psnr, "ssim": ssim, "ms_ssim": ms_ssim, "vif": vif}
_TIMES = ("encode_s", "decode_s")


def measure(
    codec: Codec, pictures: Mapping[str, Images], measures: Measures, tell: OnProgress
) -> list[Row]:
    """A row a setting and picture: codec, source, setting, picture, bpp, the measures, seconds."""
    first = next(iter(pictures.values()))
    codec.decode(codec.encode(first, codec.settings[0]))  # what is compiled or loaded on first use
    rows = []
    for setting in codec.settings:
        for done, (name, image) in enumerate(pictures.items()):
            tell(f"{codec.name} {setting}", done, len(pictures))
            row = {"codec": codec.name, "source": "measured", "setting": setting, "picture": name}
            rows.append(row | round_trip(codec, image, setting, measures))
    return rows


def round_trip(codec: Codec, image: Images, setting: int, measures: Measures) -> Row:
    """bpp, the measures and seconds of one file."""
    start = time.perf_counter()
    file = codec.encode(image, setting)
    encoded = time.perf_counter()
    copy = codec.decode(file)
    decoded = time.perf_counter()
    row: Row = {"bpp": 8 * len(file) / (image.shape[0] * image.shape[1])}
    row |= {key: function(image[None], copy[None]) for key, function in measures.items()}
    return row | dict(zip(_TIMES, (encoded - start, decoded - encoded), strict=True))


def means(rows: Sequence[Row]) -> list[Row]:
    """The rows of `measure` averaged over the pictures; `pictures` is their number."""
    groups: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["codec"], row["setting"]), []).append(row)
    return [_mean(group) for group in groups.values()]


def _mean(group: Sequence[Row]) -> Row:
    numbers = [key for key in group[0] if key in {"bpp", *MEASURES, *_TIMES}]
    columns = {key: [row[key] for row in group] for key in numbers}
    row = {key: group[0][key] for key in ("codec", "source", "setting")}
    row["pictures"] = len(group)
    for key, values in columns.items():
        row[key] = None if None in values else float(np.mean(values))
    return row


def decibels(similarity: float) -> float:
    """-10 log10(1 - s): MS-SSIM on a scale where its differences near 1 can be seen."""
    return -10 * math.log10(1 - similarity)


def bd_rates(curve: Sequence[Row], anchor: Sequence[Row]) -> Row:
    """`psnr` and `ms_ssim`: per cent more bits than the anchor at equal quality.

    None where the anchor has no such figures, or the two have no quality in common.
    """
    result: Row = {}
    for key, scale in (("psnr", float), ("ms_ssim", decibels)):
        both = [
            [(row["bpp"], scale(row[key])) for row in rows if row[key] is not None]
            for rows in (curve, anchor)
        ]
        result[key] = bd_rate(*both) if all(both) else None
    return result
