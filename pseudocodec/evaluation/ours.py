"""Rate-distortion rows of a model: archives and single files, sized on disk and decoded."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pseudocodec import archive, codec
from pseudocodec.evaluation.curve import archive_overhead
from pseudocodec.evaluation.rows import OnProgress, Row, silent
from pseudocodec.inspection import info
from pseudocodec.metrics import Images, score
from pseudocodec.model import VectorModel

NAME = "pseudocodec"


@dataclass(frozen=True)
class Encoder:
    """A model, by its name or loaded, and how to encode with it; see `pseudocodec.encode`."""

    model: str | VectorModel
    effort: int = 3
    device: str = "auto"
    progressive: bool = False

    def archives(
        self, images: Images, sizes: Sequence[int], on_progress: OnProgress = silent
    ) -> Iterator[tuple[Row, Images]]:
        """One archive of all pictures at each of `sizes` bytes a picture: a row, what decodes.

        `bytes` and `overhead` are those of the file, divided by the number of pictures; the times
        behind `encode_per_s` and `decode_per_s` include loading the archive, not the first
        compilation. Raises PslError for a size too small for the archive's own header.
        """
        layout = "progressive" if self.progressive else "archive"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "pictures.psl"
            few = images[:2]
            for size in sizes[:1]:  # compiles the kernels before timing
                self._save(path, few, size + archive_overhead(len(few)), "compiling", silent)
                self._open(path)
            for size in sizes:
                start = time.perf_counter()
                self._save(path, images, size, f"{layout} of {size} bytes a picture", on_progress)
                middle = time.perf_counter()
                decoded = self._open(path)
                end = time.perf_counter()
                row = {
                    "codec": NAME,
                    "layout": layout,
                    "setting": size,
                    "bytes": path.stat().st_size / len(images),
                    "overhead": info(path)["overhead_bytes"] / len(images),
                    "encode_per_s": len(images) / (middle - start),
                    "decode_per_s": len(images) / (end - middle),
                }
                yield row | score(images, decoded), decoded

    def singles(
        self, images: Images, sizes: Sequence[int], on_progress: OnProgress = silent
    ) -> list[Row]:
        """One file a picture at each of `sizes` bytes; `overhead` is that beyond the payload."""
        rows = []
        for size in sizes:
            files = []
            for done, image in enumerate(images):
                on_progress(f"single files of {size} bytes", done, len(images))
                files.append(self._encode(image, size))
            decoded = np.stack([codec.decode(file, device=self.device) for file in files])
            row = {
                "codec": NAME,
                "layout": "single",
                "setting": size,
                "bytes": sum(map(len, files)) / len(images),
                "overhead": max(info(file)["overhead_bytes"] for file in files),
            }
            rows.append(row | score(images, decoded))
        return rows

    def _save(
        self, path: Path, images: Images, size: int, stage: str, on_progress: OnProgress
    ) -> None:
        archive.save(
            path,
            images,
            model=self.model,
            nbytes=size,
            effort=self.effort,
            device=self.device,
            progressive=self.progressive,
            overwrite=True,
            on_progress=lambda done: on_progress(stage, done, len(images)),
        )

    def _open(self, path: Path) -> Images:
        with archive.open(path, device=self.device) as pictures:
            decoded: Images = pictures[:]
        return decoded

    def _encode(self, image: Images, size: int) -> bytes:
        return codec.encode(
            image,
            model=self.model,
            nbytes=size,
            effort=self.effort,
            device=self.device,
            progressive=self.progressive,
        )
