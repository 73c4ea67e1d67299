"""Photographs: the 24 Kodak pictures, pseudocodec beside classical codecs and published curves.

Bytes are of whole files, means are taken as `photo_curves` describes, PSNR and MS-SSIM are of RGB.
Ours goes through the public `encode` and `decode`; the other codecs through Pillow in the same run,
each at its best options (`pseudocodec.evaluation.peers`). BD-rates are per cent more bits than the
anchor at equal PSNR, and at equal MS-SSIM in dB; those against published curves need all pictures,
so that a quick run (two pictures, three settings, two peers) leaves them out. Of `photo` there is
also a curve for each higher effort that all files were made at by kodak_files.py.
Seconds are of one picture of 768 x 512 alone, from pixels to a file in memory and back; the costs
are of one file of the middle quality, `idle_mib` is what the process held before it decoded.

    python benchmarks/kodak.py --model photo --effort 3
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import kodak_files
import photo_curves
import photos
from costs import fitted_kmac, kmac_per_pixel, peak_mib
from harness import Row
from kodak_files import MEASURES
from photo_curves import means
from photo_run import run
from photos import Codec
from pseudocodec import load_model
from pseudocodec._cli.report import stages
from pseudocodec.evaluation.ours import NAME
from pseudocodec.metrics import Images

ANCHORS = ("JPEG", "BPG 4:4:4", "AV1", "VTM")  # published, of the BD-rates
OTHERS = ("bmshj2018-hyperprior", "mbt2018-mean")  # published, drawn only
PICTURES, QUICK_PICTURES = 24, 2
TABLES: Mapping[str, Mapping[str, str]] = {
    "rate-distortion": {
        "codec": "",
        "setting": ">4",
        "pictures": "d",
        "bpp": ".4f",
        "psnr": ".2f",
        "ms_ssim": ".4f",
        "encode_s": ".3f",
        "decode_s": ".3f",
    },
    "BD-rate, %": {"codec": "", "anchor": "", "source": "", "psnr": "+.1f", "ms_ssim": "+.1f"},
    "cost": {
        "model": "",
        "effort": "d",
        "encode_s": ".3f",
        "decode_s": ".3f",
        "kmac_per_pixel": ".1f",
        "peak_mib": ".0f",
        "idle_mib": ".0f",
    },
}


def measure(quick: bool, model: str, effort: int) -> list[Row]:
    """Rows of all tables, and of the published curves; `table` says of which."""
    pictures = photos.kodak(QUICK_PICTURES if quick else PICTURES)
    own, *others = photos.codecs(quick, model, effort)
    with stages() as tell:
        curves = {
            codec.name: means(photo_curves.measure(codec, pictures, MEASURES, tell))
            for codec in (own, *others)
        }
    timed = curves[own.name][len(own.settings) // 2]
    published = [] if quick else photos.published(ANCHORS + OTHERS)
    ours = {own.name: curves.pop(own.name)}
    if model == kodak_files.MODEL and not quick:
        ours |= higher(effort)
    rows = [row for curve in (ours | curves).values() for row in curve]
    rows = _named("rate-distortion", rows) + _named("published", published)
    for name, curve in ours.items():
        rows += _named("BD-rate, %", compare(name, curve, curves, published))
    first = next(iter(pictures.values()))
    return rows + _named("cost", [cost(own, first, timed, model) | {"effort": effort}])


def higher(effort: int) -> dict[str, list[Row]]:
    """The curves at efforts above this one that all files were made at before, by name."""
    return {
        (name := f"{NAME}, effort {above}"): [{**row, "codec": name} for row in means(rows)]
        for above, rows in kodak_files.found().items()
        if above > effort
    }


def _named(name: str, rows: Sequence[Row]) -> list[Row]:
    return [{"table": name} | row for row in rows]


def compare(
    name: str,
    own: Sequence[Row],
    others: Mapping[str, Sequence[Row]],
    published: Sequence[Row],
) -> list[Row]:
    """BD-rates of a curve of ours against published anchors and against the others measured."""
    anchors: dict[tuple[str, str], Sequence[Row]] = {}
    for codec in ANCHORS if published else ():
        anchors[codec, "published"] = [row for row in published if row["codec"] == codec]
    anchors |= {(codec, "measured"): rows for codec, rows in others.items()}
    return [
        {"codec": name, "anchor": codec, "source": source} | photo_curves.bd_rates(own, rows)
        for (codec, source), rows in anchors.items()
    ]


def cost(own: Codec, image: Images, timed: Row, model: str) -> Row:
    """Seconds as in a row of a curve, and what decoding one file of that setting takes."""
    file = own.encode(image, timed["setting"])
    pixels = image.shape[0] * image.shape[1]
    loaded = load_model(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.psl"
        path.write_bytes(file)
        peak = peak_mib(model, path)
    return {
        "codec": own.name,
        "model": loaded.facts.name,
        "model_id": loaded.id.hex(),
        "encode_s": timed["encode_s"],
        "decode_s": timed["decode_s"],
        "kmac_per_pixel": fitted_kmac(loaded, image)
        or kmac_per_pixel(lambda: own.decode(file), pixels),
        "peak_mib": peak,
        "idle_mib": peak_mib(model),
    }


def panels(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """What is drawn: the curves, published ones among them."""
    return [("Kodak", [row for row in rows if row["table"] in {"rate-distortion", "published"}])]


if __name__ == "__main__":
    run(__file__, __doc__, measure, TABLES, panels, list(MEASURES))
