"""Random access: what reading one picture of 10,000 out of a file elsewhere costs.

Bytes and requests are counted below each library, which asks for ranges of the file as it would
of an object store; the request for the size of the file comes on top and is the same for all.
Means over pictures drawn at random, the file opened anew for each.

The 10,000 pictures are the first 500 test digits of MNIST (a quick run: 100), over and over: .psl
archives of equal records and of different ones; a .tar, a .zip and a .parquet file (groups of 100
rows) of WebP at quality 0, its smallest; a compressed .npz of the pixels. A .tar has no index: it
is sent from its beginning up to the picture. And 256 x 256 pixels of a photograph of ten tiles, the
24 Kodak pictures side by side (a quick run: two tiles of four), at quality 60, beside WebP and JPEG
at quality 75, which are sent whole. Without those data sets the digit and the photograph that this
repository ships are repeated.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from PIL import Image

import data
import pseudocodec
from harness import Row, run
from pseudocodec.container import ArchiveReader, ArchiveWriter, open_source
from pseudocodec.container.remote_file import RemoteFile
from pseudocodec.metrics import Images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
COUNT = 10_000  # pictures in each file
DIGITS, QUICK_DIGITS = 500, 100  # of them different
PHOTOS, QUICK_PHOTOS = 24, 4
DRAWS, PHOTO_DRAWS = 20, 5
GROUP = 100  # rows, of the .parquet file
REGION = 256
COLUMNS = {
    "container": "",
    "pictures": ",d",
    "file_bytes": ",d",
    "read_bytes": ",.0f",
    "requests": ",.1f",
}
Read = Callable[[BinaryIO, int], object]


class Counting(io.BytesIO):
    """A file of which every read is a request; it gives what is asked for, as a server does."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.requests = 0
        self.fetched = 0

    def read(self, size: int | None = -1) -> bytes:
        result = super().read(size)
        self.requests += 1
        self.fetched += len(result)
        return result


def measure(quick: bool) -> list[Row]:
    images = digits(QUICK_DIGITS if quick else DIGITS)
    webp = [encoded(image, "WEBP", 0) for image in images]
    webp = [webp[i % len(webp)] for i in range(COUNT)]
    draws = np.random.default_rng(0).integers(0, COUNT, DRAWS).tolist()
    tar, ends = tar_of(webp)
    contents: list[tuple[str, bytes, Read]] = [
        ("psl, 15 bytes each", psl(images, nbytes=15), read_psl),
        ("psl, 21 dB each", psl(images, psnr=21), read_psl),
        ("zip of WebP", zip_of(webp), read_zip),
        ("parquet of WebP", parquet_of(webp), read_parquet),
        ("tar of WebP", tar, lambda file, number: file.read(ends[number])),
        ("npz, compressed", npz_of(images), read_whole),
    ]
    rows = [row(name, content, read, draws, COUNT) for name, content, read in contents]
    return rows + photo_rows(PHOTOS if not quick else QUICK_PHOTOS)


def photo_rows(count: int) -> list[Row]:
    """One region of a large photograph."""
    photo = mosaic(count)
    rng = np.random.default_rng(0)
    height, width = photo.shape[:2]
    corners = [
        (int(rng.integers(width - REGION + 1)), int(rng.integers(height - REGION + 1)))
        for _ in range(PHOTO_DRAWS)
    ]

    def read_region(file: BinaryIO, number: int) -> object:
        left, top = corners[number]
        return pseudocodec.decode(file, region=(left, top, left + REGION, top + REGION))

    contents: list[tuple[str, bytes, Read]] = [
        ("psl photo, a region", pseudocodec.encode(photo, effort=0), read_region),
        ("WebP photo", encoded(photo, "WEBP", 75), read_whole),
        ("JPEG photo", encoded(photo, "JPEG", 75), read_whole),
    ]
    draws = list(range(PHOTO_DRAWS))
    return [row(name, content, read, draws, 1) for name, content, read in contents]


def row(container: str, content: bytes, read: Read, draws: list[int], count: int) -> Row:
    """Bytes and requests for one picture, the mean over `draws`."""
    files = []
    for number in draws:
        files.append(Counting(content))
        remote = cast(BinaryIO, RemoteFile(files[-1], container))
        read(remote, number)
    return {
        "container": container,
        "pictures": count,
        "file_bytes": len(content),
        "read_bytes": float(np.mean([file.fetched for file in files])),
        "requests": float(np.mean([file.requests for file in files])),
    }


def digits(count: int) -> Images:
    """Different digits, uint8 (count, 28, 28)."""
    if (data.ROOT / "mnist").is_dir():
        return data.mnist("test")[:count]
    with Image.open(ROOT / "docs" / "digit.png") as image:
        digit = np.asarray(image)
    return np.stack([np.roll(digit, (i % 7, i // 7 % 7), axis=(0, 1)) for i in range(count)])


def mosaic(count: int) -> Images:
    """Landscape photographs of one size side by side, uint8 (H, W, 3)."""
    paths = sorted((data.ROOT / "kodak").glob("kodim*.png")) or [ROOT / "docs" / "photo.png"]
    tiles = []
    for i in range(count):
        with Image.open(paths[i % len(paths)]) as image:
            pixels = np.asarray(image.convert("RGB"))
        tiles.append(pixels if pixels.shape[0] <= pixels.shape[1] else np.rot90(pixels))
    columns = -(-count // 4) if count > 4 else 2
    lines = [tiles[start : start + columns] for start in range(0, count, columns)]
    return np.concatenate([np.concatenate(line, axis=1) for line in lines])


def encoded(image: Images, form: str, quality: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, form, quality=quality)
    return stream.getvalue()


def psl(images: Images, **target: float) -> bytes:
    """An archive of `COUNT` pictures, whose records are those of `images`, over and over."""
    stream = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.psl")
        pseudocodec.save(path, images, model="digits", effort=0, **target)  # type: ignore[arg-type]
        with open_source(path) as file:
            reader = ArchiveReader(file)
            records = [reader.record(i) for i in range(reader.count)]
    with ArchiveWriter(stream, reader.model_id, dense=reader.dense) as writer:
        for i in range(COUNT):
            writer.add(*records[i % len(records)][:2])
    return stream.getvalue()


def tar_of(files: list[bytes]) -> tuple[bytes, list[int]]:
    """A .tar and the offset behind each of its members."""
    stream, ends = io.BytesIO(), []
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for i, content in enumerate(files):
            member = tarfile.TarInfo(f"{i:05d}.webp")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            ends.append(archive.offset - (-len(content) % tarfile.BLOCKSIZE))
    return stream.getvalue(), ends


def zip_of(files: list[bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for i, content in enumerate(files):
            archive.writestr(f"{i:05d}.webp", content)
    return stream.getvalue()


def parquet_of(files: list[bytes]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    stream = io.BytesIO()
    table = pyarrow.table({"image": files})
    parquet.write_table(table, stream, row_group_size=GROUP, use_dictionary=False)
    return stream.getvalue()


def npz_of(images: Images) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, np.resize(images, (COUNT, *images.shape[1:])))
    return stream.getvalue()


def read_psl(file: BinaryIO, number: int) -> object:
    with pseudocodec.open(file) as archive:
        return archive[number]


def read_zip(file: BinaryIO, number: int) -> object:
    with zipfile.ZipFile(file) as archive:
        return archive.read(f"{number:05d}.webp")


def read_parquet(file: BinaryIO, number: int) -> object:
    from pyarrow import parquet

    group, rest = divmod(number, GROUP)
    return parquet.ParquetFile(file).read_row_group(group).column(0)[rest].as_py()


def read_whole(file: BinaryIO, _: int) -> object:
    return file.read()


def draw(axes: Axes, rows: list[Row]) -> None:
    """Bytes as bars from the top, the requests beside them."""
    places = range(len(rows))
    ours = ["C1" if row["container"].startswith("psl") else "C0" for row in rows]
    axes.barh(places, [row["read_bytes"] for row in rows], color=ours)
    axes.set_yticks(places, [row["container"] for row in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("bytes read for one picture of 10,000, or for one region of a photograph")
    for place, row in zip(places, rows, strict=True):
        requests = f" {row['requests']:.3g} requests" if row["requests"] > 1 else " 1 request"
        axes.text(row["read_bytes"], place, requests, va="center", fontsize="small")
    axes.margins(x=0.15)


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("pillow", "pyarrow"))
