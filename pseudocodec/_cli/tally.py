"""What the summary of `encode` needs of all pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pseudocodec._cli.show import colours
from pseudocodec.image import to_8_bit
from pseudocodec.metrics import psnr
from pseudocodec.picture import Picture

Bytes = npt.NDArray[np.uint8]


@dataclass
class Tally:
    """Sums over pictures, gathered one by one; `first` is one of them before and after."""

    images: int = 0
    pixels: int = 0
    raw_bytes: int = 0
    total_psnr: float = 0.0
    worst_psnr: float = math.inf
    first: tuple[Bytes, Bytes] | None = None

    def add(self, original: Picture, decoded: Bytes) -> None:
        """Compare the colours of a picture with those of what decodes from its file."""
        before, after = to_8_bit(original.pixels), colours(decoded)
        quality = psnr(*np.broadcast_arrays(before, after))  # a model may be grey, or colour
        self.first = self.first or (before, after)
        self.images += 1
        self.pixels += before.shape[0] * before.shape[1]
        self.raw_bytes += original.pixels.nbytes
        self.raw_bytes += 0 if original.alpha is None else original.alpha.nbytes
        self.total_psnr += quality
        self.worst_psnr = min(self.worst_psnr, quality)

    def include(self, other: Tally) -> None:
        """Add what another one has gathered."""
        self.images += other.images
        self.pixels += other.pixels
        self.raw_bytes += other.raw_bytes
        self.total_psnr += other.total_psnr
        self.worst_psnr = min(self.worst_psnr, other.worst_psnr)
        self.first = self.first or other.first

    def facts(self, size: int) -> dict[str, float | int | None]:
        """The summary of files of `size` bytes, for --json; None for what was not measured."""
        mean = self.total_psnr / self.images if self.pixels else math.inf
        return {
            "images": self.images,
            "bytes": size,
            "bytes_per_image": size / self.images if self.images else None,
            "raw_bytes": self.raw_bytes if self.pixels else None,
            "ratio": self.raw_bytes / size if self.pixels else None,
            "psnr": mean if math.isfinite(mean) else None,
            "psnr_worst": self.worst_psnr if math.isfinite(self.worst_psnr) else None,
        }

    def lines(self, size: int) -> dict[str, str]:
        """The same for people."""
        pictures = {} if self.images == 1 else {"pictures": f"{self.images:,}"}
        if not self.pixels:
            return {**pictures, "size": f"{size:,} bytes"}
        lines = {"size": f"{size:,} bytes, {8 * size / self.pixels:.3g} bits a pixel"}
        lines["PSNR"] = f"{self.total_psnr / self.images:.2f} dB"
        if self.images > 1:
            lines["size"] += f", {size / self.images:,.1f} bytes a picture"
            lines["PSNR"] += f" on average, {self.worst_psnr:.2f} dB the worst"
        ratio = f"{self.raw_bytes / size:,.1f} to 1, of {self.raw_bytes:,} bytes of pixels"
        return {**pictures, **lines, "ratio": ratio}
