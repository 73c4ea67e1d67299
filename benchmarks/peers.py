"""JPEG, WebP, AVIF, JPEG XL and PNG, each at its best, by the bytes of the files they write.

Every image is stored either as a file of its own (`single`) or on a contact sheet of 10 x 10
images (`sheet`), which spreads the header over 100 images and lets a codec exploit what
neighbours share, but gives up reading one image without the rest. Metadata is never written.

Each codec gets the settings that gave the best PSNR for its bytes, of those tried on digits and
faces: AVIF tuned for PSNR rather than for the eye, 4:4:4 in colour; WebP at method 6, where lossy
colour is always 4:2:0; JPEG with optimised Huffman tables, 4:2:0, baseline or progressive,
whichever is smaller; JPEG XL at effort 9. Grey images stay grey where the format can.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pillow_jxl  # noqa: F401 - registers JPEG XL with Pillow
from PIL import Image
from rich.progress import track

from harness import Row, log
from score import Images, score

Layout = Literal["single", "sheet"]
SIDE = 10  # images along each edge of a contact sheet


@dataclass(frozen=True)
class Peer:
    """A codec of Pillow with its best options; the smallest of its `variants` is kept."""

    name: str
    format: str
    options: Mapping[str, Any] = field(default_factory=dict)
    colour: Mapping[str, Any] = field(default_factory=dict)  # further options of RGB images
    variants: tuple[Mapping[str, Any], ...] = ({},)

    def encode(self, image: Images, setting: int | None) -> bytes:
        """The smallest file for uint8 (h, w) or (h, w, 3) at quality `setting` (None: lossless)."""
        options = {**self.options, **(self.colour if image.ndim == 3 else {})}
        if setting is not None:
            options["quality"] = setting
        files = (self._save(image, {**options, **variant}) for variant in self.variants)
        return min(files, key=len)

    def _save(self, image: Images, options: Mapping[str, Any]) -> bytes:
        file = io.BytesIO()
        Image.fromarray(image).save(file, self.format, **options)
        return file.getvalue()


PEERS = {
    peer.name: peer
    for peer in (
        Peer("JPEG", "JPEG", {"optimize": True}, variants=({}, {"progressive": True})),
        Peer("WebP", "WEBP", {"method": 6}),
        Peer(
            "AVIF",
            "AVIF",
            {"speed": 4, "max_threads": 1, "autotiling": False, "advanced": {"tune": "psnr"}},
            colour={"subsampling": "4:4:4"},
        ),
        Peer("JPEG XL", "JXL", {"effort": 9, "num_threads": 1}),
        Peer("PNG", "PNG", {"optimize": True}),
    )
}


def decode(data: bytes, like: Images) -> Images:
    """Decode a file to uint8 of the shape of `like`: WebP, for one, returns grey as RGB."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB" if like.ndim == 3 else "L"))


def to_sheets(images: Images) -> Images:
    """(n, h, w, ...) to (n / 100, 10h, 10w, ...), row by row; n must be a multiple of 100."""
    count, height, width, *rest = images.shape
    if count % SIDE**2:
        raise ValueError(f"{count} images do not fill sheets of {SIDE**2}: pass a multiple of it")
    grid = images.reshape(-1, SIDE, SIDE, height, width, *rest).swapaxes(2, 3)
    return grid.reshape(-1, SIDE * height, SIDE * width, *rest)


def from_sheets(sheets: Images) -> Images:
    """Undo `to_sheets`."""
    count, height, width, *rest = sheets.shape
    grid = sheets.reshape(count, SIDE, height // SIDE, SIDE, width // SIDE, *rest).swapaxes(2, 3)
    return grid.reshape(count * SIDE**2, height // SIDE, width // SIDE, *rest)


def curve(images: Images, peer: Peer, layout: Layout, settings: Sequence[int | None]) -> list[Row]:
    """Encode and decode all images at each quality setting (None: lossless).

    Returns rows of codec, layout, setting, bytes (of file per image), psnr (dB, of the error over
    all images; None when lossless) and ssim. Progress goes to stderr.
    """
    pictures = to_sheets(images) if layout == "sheet" else images
    rows = []
    for setting in settings:
        decoded = np.empty_like(pictures)
        size = 0
        label = f"{peer.name} {layout} {'lossless' if setting is None else setting}"
        for i, picture in enumerate(track(pictures, label, console=log)):
            data = peer.encode(picture, setting)
            size += len(data)
            decoded[i] = decode(data, picture)
        rows.append(
            {
                "codec": peer.name,
                "layout": layout,
                "setting": setting,
                "bytes": size / len(images),
                **score(images, from_sheets(decoded) if layout == "sheet" else decoded),
            }
        )
    return rows
