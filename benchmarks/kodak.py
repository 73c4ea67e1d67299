"""Photographs: the 24 Kodak pictures, pseudocodec beside classical codecs and published curves.

Bytes are of whole files, means are taken as `photo_curves` describes, PSNR and MS-SSIM are of RGB.
Ours goes through the public `encode` and `decode`; the other codecs through Pillow on the same
pictures, each at its best options (`pseudocodec.evaluation.peers`). BD-rates are per cent more bits
than the anchor at equal PSNR, and at equal MS-SSIM in dB; those against published curves need all
pictures, so that a quick run (two pictures, three settings, two peers) leaves them out.

Figures of files come from `kodak_files`, which keeps them; what is missing there is made first, the
other codecs' in 20 minutes. Each higher effort that all files are kept of has a curve, too. Costs
are of one picture of 768 x 512 alone, at the middle quality, from pixels to a file in memory and
back; `idle_mib` is what the process held before it decoded.

    python benchmarks/kodak.py --model photo --effort 3
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import kept
import kodak_files
import photo_curves
import photos
from costs import fitted_kmac, kmac_per_pixel, peak_mib
from harness import Row, best_of
from kodak_files import MEASURES, PEERS
from photo_run import run
from photos import Codec
from pseudocodec import load_model
from pseudocodec._cli.report import stages
from pseudocodec.evaluation.ours import NAME
from pseudocodec.metrics import Images

ANCHORS = ("JPEG", "BPG 4:4:4", "AV1", "VTM")  # published, of the BD-rates
OTHERS = ("bmshj2018-hyperprior", "mbt2018-mean")  # published, drawn only
QUICK_PICTURES = 2
Curves = dict[str, list[Row]]  # by codec
TABLES: Mapping[str, Mapping[str, str]] = {
    "rate-distortion": {
        "codec": "",
        "setting": ">4",
        "pictures": "d",
        "bpp": ".4f",
        "psnr": ".2f",
        "ms_ssim": ".4f",
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
    pictures = photos.kodak(QUICK_PICTURES if quick else 1)
    ours, others = measured(pictures, model, effort) if quick else filled(model, effort)
    published = [] if quick else photos.published(ANCHORS + OTHERS)
    rows = [row for curves in (ours, others) for curve in curves.values() for row in curve]
    rows = _named("rate-distortion", rows) + _named("published", published)
    for name, curve in ours.items():
        rows += _named("BD-rate, %", compare(name, curve, others, published))
    first = next(iter(pictures.values()))
    costs = cost(photos.ours(model, effort), first, model) | {"effort": effort}
    return rows + _named("cost", [costs])


def measured(pictures: Mapping[str, Images], model: str, effort: int) -> tuple[Curves, Curves]:
    """Curves of ours and of others by name, a few points each, nothing kept."""
    curves = {}
    with stages() as tell:
        for codec in photos.codecs(True, model, effort):
            rows = photo_curves.measure(codec, pictures, MEASURES, tell)
            curves[codec.name] = photo_curves.means(rows)
    return {NAME: curves.pop(NAME)}, curves


def filled(model: str, effort: int) -> tuple[Curves, Curves]:
    """The same of all files: of those that are kept, and those missing, made now."""
    jobs = [job for subject in (str(effort), PEERS) for job in kodak_files.jobs(subject, model)]
    kept.fill(kodak_files.FILES, jobs, partial(kodak_files.make, model=model), 1)
    found = kodak_files.found(model)
    others: Curves = {}
    for row in photo_curves.means(found.pop(PEERS)):
        others.setdefault(row["codec"], []).append(row)
    ours: Curves = {}
    for own, rows in found.items():
        if int(own) >= effort:
            name = NAME if int(own) == effort else f"{NAME}, effort {own}"
            ours[name] = [{**row, "codec": name} for row in photo_curves.means(rows)]
    return ours, others


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


def cost(own: Codec, image: Images, model: str) -> Row:
    """What one picture takes at the middle quality, alone."""
    setting = own.settings[len(own.settings) // 2]
    file = own.encode(image, setting)
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
        "encode_s": best_of(lambda: own.encode(image, setting), 2),
        "decode_s": best_of(lambda: own.decode(file)),
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
