"""What the benchmarks on photographs measure: the Kodak pictures, codecs, published curves."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from PIL import Image

import data
import pseudocodec
from harness import Row
from pseudocodec.evaluation.ours import NAME
from pseudocodec.evaluation.peers import PEERS, Peer, decode
from pseudocodec.metrics import Images

with suppress(ImportError):
    from pillow_heif import register_heif_opener

    register_heif_opener()

QUALITIES = (5, 20, 35, 50, 65, 80, 95)  # of ours
NAMES = tuple(f"kodim{number:02}" for number in range(1, 25))
QUICK_SETTINGS, QUICK_PEERS = 3, ("JPEG", "WebP")
_RGB = np.empty((0, 0, 3), np.uint8)


@dataclass(frozen=True)
class Codec:
    """Two functions and the settings to measure them at."""

    name: str
    settings: Sequence[int]
    encode: Callable[[Images, int], bytes]  # uint8 (h, w, 3) and a setting to a whole file
    decode: Callable[[bytes], Images]

    def sparse(self, count: int) -> Codec:
        """With so few of the settings, the outer ones among them."""
        chosen = np.linspace(0, len(self.settings) - 1, count).round().astype(int)
        return replace(self, settings=[self.settings[i] for i in chosen])


class Decibels(Peer):
    """A codec of Pillow that is given the PSNR to reach."""

    def encode(self, image: Images, setting: int | None) -> bytes:
        """A file of `setting` dB, as the encoder reckons."""
        return self._save(image, {**self.options, "quality_layers": [setting]})


JPEG_2000 = Decibels(
    "JPEG 2000",
    "JPEG2000",
    # Without "mct" Pillow codes R, G and B apart: at 34 dB kodim02 takes 0.86 bpp, not 0.46.
    {"irreversible": True, "mct": 1, "quality_mode": "dB", "no_jp2": True},
)
HEIC = Peer("HEIC", "HEIF", {"chroma": 444, "tile_size": 0})
"""x265 in one tile. On validation photographs its slower presets and tune=psnr gain nothing."""
SETTINGS = {
    "JPEG": (5, 10, 20, 30, 40, 50, 60, 70, 80, 90),
    "WebP": (0, 10, 25, 40, 55, 70, 80, 90),
    "AVIF": (10, 20, 30, 40, 50, 60, 70),
    "JPEG XL": (5, 20, 35, 50, 65, 80, 90),
    "HEIC": (5, 15, 25, 35, 45, 55, 65),
    "JPEG 2000": (26, 28, 30, 32, 34, 36, 38, 40),
}
"""Qualities of the peers, for 0.1 to 2 bit a pixel; of JPEG 2000 decibels."""


def ours(model: str, effort: int) -> Codec:
    """pseudocodec through its public face, with a model by name or path."""

    def encode(image: Images, setting: int) -> bytes:
        return pseudocodec.encode(image, model=model, quality=setting, effort=effort)

    pseudocodec.load_model(model)  # so that files of a model given by path decode
    return Codec(NAME, QUALITIES, encode, pseudocodec.decode)


def peers(names: Sequence[str] = tuple(SETTINGS)) -> list[Codec]:
    """The classical codecs; exits with a sentence where Pillow lacks one."""
    known = {**PEERS, JPEG_2000.name: JPEG_2000, HEIC.name: HEIC}
    for name in names:
        if not known[name].available:
            sys.exit(f'Pillow has no {name} here: pip install "pseudocodec[bench]" adds it.')
    read = partial(decode, like=_RGB)
    return [Codec(name, SETTINGS[name], known[name].encode, read) for name in names]


def codecs(quick: bool, model: str, effort: int) -> list[Codec]:
    """Ours first; a quick run has few settings and peers."""
    if quick:
        return [c.sparse(QUICK_SETTINGS) for c in (ours(model, effort), *peers(QUICK_PEERS))]
    return [ours(model, effort), *peers()]


def kodak(count: int = 24) -> dict[str, Images]:
    """The first pictures of the Kodak set by name, uint8 (512, 768, 3) or (768, 512, 3)."""
    paths = sorted((data.ROOT / "kodak").glob("kodim*.png"))[:count]
    if len(paths) < count:
        sys.exit(
            f"kodak/ has {len(paths)} of {count} pictures in {data.ROOT}: set PSEUDOCODEC_DATA to "
            "the folder that holds it."
        )
    pictures = {}
    for path in paths:
        with Image.open(path) as image:
            pictures[path.stem] = np.asarray(image.convert("RGB"))
    return pictures


def published(names: Sequence[str]) -> list[Row]:
    """Rows of codec, source, bpp, psnr and ms_ssim (None where not published), on all of Kodak."""
    path = data.ROOT / "kodak" / "published_curves.json"
    if not path.is_file():
        sys.exit(f"kodak/{path.name} is not in {data.ROOT}: set PSEUDOCODEC_DATA to its folder.")
    curves = json.loads(path.read_text())["curves"]
    return [
        {
            "codec": name,
            "source": "published",
            "bpp": bpp,
            "psnr": curves[name]["psnr_rgb"][i],
            "ms_ssim": curves[name]["ms_ssim_rgb"][i] if "ms_ssim_rgb" in curves[name] else None,
        }
        for name in names
        for i, bpp in enumerate(curves[name]["bpp"])
    ]
