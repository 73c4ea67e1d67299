"""JPEG, WebP, AVIF, JPEG XL and PNG, each at its best, by the bytes of the files they write.

Every picture is stored either as a file of its own (`single`) or on a contact sheet (`sheet`).
Metadata is never written.

Each codec gets the settings that gave the best PSNR for its bytes, of those tried on digits and
faces: AVIF tuned for PSNR rather than for the eye, 4:4:4 in colour; WebP at method 6, where lossy
colour is always 4:2:0; JPEG with optimised Huffman tables, 4:2:0, baseline or progressive,
whichever is smaller; JPEG XL at effort 9. Grey pictures stay grey where the format can.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from pseudocodec.evaluation.rows import Layout, OnProgress, Row, silent
from pseudocodec.evaluation.sheets import from_sheets, to_sheets
from pseudocodec.metrics import Images, score

with suppress(ImportError):
    import pillow_jxl  # noqa: F401 - registers JPEG XL with Pillow


@dataclass(frozen=True)
class Peer:
    """A codec of Pillow with its best options; the smallest of its `variants` is kept."""

    name: str
    format: str
    options: Mapping[str, Any] = field(default_factory=dict)
    colour: Mapping[str, Any] = field(default_factory=dict)  # further options of RGB pictures
    variants: tuple[Mapping[str, Any], ...] = ({},)
    lowest: int | None = 0  # quality setting; None for a lossless codec

    @property
    def available(self) -> bool:
        """Whether Pillow can write and read the format here."""
        Image.init()
        return self.format in Image.SAVE and self.format in Image.OPEN

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
        # Pillow takes a JPEG quality of 0 for none given, and uses its default.
        Peer("JPEG", "JPEG", {"optimize": True}, variants=({}, {"progressive": True}), lowest=1),
        Peer("WebP", "WEBP", {"method": 6}),
        Peer(
            "AVIF",
            "AVIF",
            {"speed": 4, "max_threads": 1, "autotiling": False, "advanced": {"tune": "psnr"}},
            colour={"subsampling": "4:4:4"},
        ),
        Peer("JPEG XL", "JXL", {"effort": 9, "num_threads": 1}),
        Peer("PNG", "PNG", {"optimize": True}, lowest=None),
    )
}


def decode(data: bytes, like: Images) -> Images:
    """Decode a file to uint8 of the shape of `like`: WebP, for one, returns grey as RGB."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB" if like.ndim == 3 else "L"))


def round_trip(
    images: Images,
    peer: Peer,
    layout: Layout,
    setting: int | None,
    on_progress: OnProgress = silent,
) -> tuple[int, Images]:
    """Bytes of all files at a quality setting, and the pictures decoded from them, as `images`."""
    pictures = to_sheets(images) if layout == "sheet" else list(images)
    stage = f"{peer.name} {layout} {'lossless' if setting is None else setting}"
    size, decoded = 0, []
    for done, picture in enumerate(pictures):
        on_progress(stage, done, len(pictures))
        data = peer.encode(picture, setting)
        size += len(data)
        decoded.append(decode(data, picture))
    if layout == "sheet":
        return size, from_sheets(decoded, images.shape)
    return size, np.stack(decoded)


def curve(
    images: Images,
    peer: Peer,
    layout: Layout,
    settings: Sequence[int | None],
    on_progress: OnProgress = silent,
) -> list[Row]:
    """Encode and decode all pictures at each quality setting (None: lossless): a row each.

    `bytes` are those of the files divided by the number of pictures, the repeated ones that fill
    the last sheet included in the file and not in the number.
    """
    rows = []
    for setting in settings:
        size, decoded = round_trip(images, peer, layout, setting, on_progress)
        row: Row = {"codec": peer.name, "layout": layout, "setting": setting}
        rows.append(row | {"bytes": size / len(images), **score(images, decoded)})
    return rows
