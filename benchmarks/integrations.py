"""What the integrations cost: each against the calls it makes, on a batch of digits.

Both sides do the same work and give the same result, which is checked first; then they take turns,
and the medians of their wall seconds are compared. Pictures are encoded with effort 0, the fastest,
where anything added weighs most. The digits are MNIST test digits where they are
to be had, else the digit that the repository ships, moved about. Rows of packages that are not
installed are left out. zarr calls its codecs in threads, where glibc's allocator gives memory back
more often: with MALLOC_ARENA_MAX=1 in the environment that part of its overhead is gone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

import data
import pseudocodec
from harness import Row, log, run
from pseudocodec.metrics import Images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTIONS: dict[str, Any] = {"model": "digits", "nbytes": 24, "effort": 0}
BATCH = 256  # pictures: one chunk, one archive, one batch of the loader
SINGLE_NBYTES = 40  # of a file of one picture, 20 of them its header
WANTED = 10.0  # per cent, at most
COLUMNS = {
    "what": "",
    "pictures": "d",
    "direct_s": ".4f",
    "through_s": ".4f",
    "overhead_percent": "+.1f",
}


class Case(NamedTuple):
    """The same work twice: by this library's own functions, and through an integration."""

    what: str
    direct: Callable[[], object]
    through: Callable[[], object]


def measure(quick: bool) -> list[Row]:
    count, turns = (32, 3) if quick else (BATCH, 15)
    images = digits(count)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "digits.psl"
        pseudocodec.save(path, images, **OPTIONS)
        for package, cases in PACKAGES.items():
            if find_spec(package) is None:
                log.print(f"{package} is not installed: its rows are left out")
                continue
            for case in cases(images, path):
                rows.append(row(case, count, turns))
    return rows


def digits(count: int) -> Images:
    """The first `count` MNIST test digits, or as many copies of one, (n, 28, 28)."""
    if (data.ROOT / "mnist").is_dir():
        return data.mnist("test")[:count]
    with Image.open(Path(__file__).parents[1] / "docs" / "digit.png") as image:
        digit = np.asarray(image)
    return np.stack([np.roll(digit, (i % 5 - 2, i % 7 - 3), axis=(0, 1)) for i in range(count)])


def row(case: Case, count: int, turns: int) -> Row:
    """The medians of `turns` times each way, in turns."""
    if not np.array_equal(np.asarray(case.direct()), np.asarray(case.through())):
        raise AssertionError(f"{case.what}: the two ways differ")
    times = [(seconds(case.direct), seconds(case.through)) for _ in range(turns)]
    direct, through = (median(column) for column in zip(*times, strict=True))
    return {
        "what": case.what,
        "pictures": count,
        "direct_s": direct,
        "through_s": through,
        "overhead_percent": 100 * (through / direct - 1),
    }


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def saved(images: Images, path: Path) -> bytes:
    """An archive written to a file, and read back for comparison."""
    pseudocodec.save(path, images, overwrite=True, **OPTIONS)
    return path.read_bytes()


def opened(source: Path | bytes) -> Images:
    """All pictures of an archive, (n, H, W)."""
    with pseudocodec.open(source) as archive:
        pictures: Images = archive[:]
    return pictures


def pillow(images: Images, path: Path) -> Iterator[Case]:
    import pseudocodec.pillow

    options = OPTIONS | {"nbytes": SINGLE_NBYTES}
    drawn = [Image.fromarray(image) for image in images]
    files = [pseudocodec.encode(image, **options) for image in drawn]

    def save(image: Image.Image) -> bytes:
        file = BytesIO()
        image.save(file, "PSL", **options)
        return file.getvalue()

    def load(file: bytes) -> Images:
        with Image.open(BytesIO(file)) as image:
            return np.asarray(image)

    def frames() -> list[Images]:
        with Image.open(path) as image:
            pictures = []
            for number in range(len(images)):
                image.seek(number)
                pictures.append(np.asarray(image))
            return pictures

    yield Case(
        "Pillow, save each",
        lambda: [pseudocodec.encode(image, **options) for image in drawn],
        lambda: [save(image) for image in drawn],
    )
    yield Case(
        "Pillow, load each",
        lambda: [pseudocodec.decode(file) for file in files],
        lambda: [load(file) for file in files],
    )
    yield Case("Pillow, archive frames", lambda: opened(path), frames)


def imageio(images: Images, path: Path) -> Iterator[Case]:
    import imageio.v3 as iio

    import pseudocodec.integrations.imageio  # noqa: F401

    copy = path.with_name("imageio.psl")

    def write() -> bytes:
        iio.imwrite(copy, images, is_batch=True, **OPTIONS)
        return copy.read_bytes()

    yield Case("imageio, write", lambda: saved(images, copy), write)
    yield Case("imageio, read", lambda: opened(path), lambda: iio.imread(path))


def numcodecs(images: Images, path: Path) -> Iterator[Case]:
    from pseudocodec.integrations.numcodecs import Psl

    codec, coded, copy = Psl(**OPTIONS), path.read_bytes(), path.with_name("numcodecs.psl")
    yield Case("numcodecs, encode", lambda: saved(images, copy), lambda: codec.encode(images))
    yield Case("numcodecs, decode", lambda: opened(coded), lambda: codec.decode(coded))


def zarr(images: Images, path: Path) -> Iterator[Case]:
    from zarr import create_array
    from zarr.registry import register_codec

    from pseudocodec.integrations.zarr import PslCodec

    register_codec("psl", PslCodec)
    array: Any = create_array(
        path.with_name("digits.zarr"),
        shape=images.shape,
        chunks=images.shape,
        dtype="uint8",
        serializer=PslCodec(**OPTIONS),
        compressors=None,
    )
    array[:] = images
    copy, part = path.with_name("zarr.psl"), len(images) // 4

    def write() -> bytes:
        array[:] = images
        return (path.with_name("digits.zarr") / "c/0/0/0").read_bytes()

    def direct_part() -> Images:
        with pseudocodec.open(path) as archive:
            pictures: Images = archive[part : 2 * part]
        return pictures

    yield Case("zarr, write a chunk", lambda: saved(images, copy), write)
    yield Case("zarr, read a chunk", lambda: opened(path), lambda: array[:])
    yield Case("zarr, read a quarter of it", direct_part, lambda: array[part : 2 * part])


def torch(images: Images, path: Path) -> Iterator[Case]:
    from torch import from_numpy
    from torch.utils.data import DataLoader

    from pseudocodec.integrations.torch import PslDataset

    dataset = PslDataset(path)
    loader = DataLoader(dataset, batch_size=len(images))
    yield Case(
        "torch, a batch",
        lambda: from_numpy(opened(path))[:, None],
        lambda: next(iter(loader)),
    )
    dataset.close()


def webdataset(images: Images, path: Path) -> Iterator[Case]:
    from pseudocodec.integrations.torch import decode_psl

    options = OPTIONS | {"nbytes": SINGLE_NBYTES}
    files = [pseudocodec.encode(image, **options) for image in images]
    yield Case(
        "WebDataset, decode each",
        lambda: [pseudocodec.decode(file)[None] for file in files],
        lambda: [decode_psl(".psl", file) for file in files],
    )


PACKAGES: dict[str, Callable[[Images, Path], Iterator[Case]]] = {
    "PIL": pillow,
    "imageio": imageio,
    "numcodecs": numcodecs,
    "zarr": zarr,
    "torch": torch,
    "webdataset": webdataset,
}


def draw(axes: Axes, rows: list[Row]) -> None:
    overheads = [row["overhead_percent"] for row in rows]
    axes.barh([row["what"] for row in rows], overheads, color="tab:blue")
    axes.axvline(WANTED, color="tab:red", linestyle=":", label=f"{WANTED:.0f} %")
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.set_xlabel("seconds more than the direct call, %")
    axes.legend()


if __name__ == "__main__":
    run(
        __file__,
        __doc__,
        measure,
        COLUMNS,
        draw,
        libraries=("torch", "pillow", "imageio", "numcodecs", "zarr", "webdataset"),
    )
