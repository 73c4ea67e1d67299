"""Pictures in files, folders, .tar archives, .parquet data sets, IDX files, .npy / .npz arrays.

All of them may lie elsewhere: S3, HTTP or any other file system of fsspec, named by URL.

`find` walks any mix of them and yields one `Input` a picture, in order, without decoding any: a
million pictures need the memory of one. Only an IDX file or an .npz array is held whole, two
row groups of all .parquet files and, of URLs, the names in a folder and an .npy array.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pseudocodec import _arrays, _parquet, _tar
from pseudocodec._text import label
from pseudocodec.container.remote import Place, Remote, Where, place_of
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import read

PICTURE_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("avif", "bmp", "gif", "jfif", "jp2", "jpeg", "jpg", "jxl", "pbm", "pgm", "png"),
        *("pnm", "ppm", "qoi", "tga", "tif", "tiff", "webp"),
    )
)
"""Files with these endings, in any case, are taken from folders and .tar archives."""

MAX_FILE_BYTES = 2**30
"""A larger picture file at a URL is refused: it is fetched whole before it is decoded."""

_COLLECTIONS = (".tar", ".npy", ".npz", ".parquet")

Loaded: TypeAlias = Image.Image | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Input:
    """One picture to be loaded when wanted."""

    name: str
    """For messages only, free of control characters; never to be used as a path."""

    source: Place
    """The file the picture is in."""

    load: Callable[[], Loaded]
    """Decode it: a PIL image, or a uint8 array (H, W) or (H, W, C). Raises PslError."""


def find(paths: Iterable[Where]) -> Iterator[Input]:
    """The pictures in `paths`, lazily and in a fixed order.

    A path is that of a local file or folder, a URL such as s3://bucket/folder, what fsspec.open
    gives, or a UPath.

    - A folder: its files with a suffix in `PICTURE_SUFFIXES` sorted by name, then its subfolders
      likewise; hidden files and folders are skipped, links to folders not followed.
      If it holds none, the rows of its .parquet files, found the same way. Labels, texts and tables
      beside pictures (metadata.csv) are ignored.
    - A .parquet file, as Hugging Face data sets are stored: the pictures of its rows, encoded, in a
      column `image`, `img` or `picture`, else the first that is binary or a struct with `bytes`.
    - A .tar archive: its members under the same rule, in the order of the archive; read in place,
      never extracted.
    - IDX images (`*.idx`, `*.idx3-ubyte`, `*-idx3-ubyte`), plain or .gz: each image.
    - .npy / .npz: uint8 of shape (n, h, w), (n, h, w, 1) or (n, h, w, 3), never pickled objects.
    - Any other file: a picture.

    Raises:
        PslError: while iterating, when a path does not exist, cannot be read, is damaged, or holds
            no picture.
        TooLarge: an array exceeds its limit.
    """
    for path in map(place_of, paths):
        found = False
        for item in _in_path(path):
            found = True
            yield item
        if not found:
            raise PslError(f"no picture found in {label(path)}: give PNG, JPEG or the like")


def holds_many(path: Where) -> bool:
    """Whether `path` is a collection, even of one: a folder, .tar, .parquet, IDX, .npy or .npz."""
    place = place_of(path)
    return place.is_dir() or place.suffix.lower() in _COLLECTIONS or _is_idx(place)


def _in_path(path: Place) -> Iterator[Input]:
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise PslError(f"no such file or folder: {label(path)}")
    if not path.is_file():
        raise PslError(f"{label(path)} is not a regular file: save the picture to one first")
    if path.name.lower().endswith((".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")):
        raise PslError(f"{label(path)} is a compressed archive: unpack it to a .tar first")
    suffix = path.suffix.lower()
    if suffix == ".tar":
        return _in_tar(path)
    if suffix == ".parquet":
        return _in_parquet(path)
    if suffix == ".arrow":
        raise _arrow(path)
    if suffix in (".npy", ".npz") or _is_idx(path):
        return _in_array(path)
    return iter([Input(label(path), path, partial(_read, path))])


def _in_folder(folder: Place) -> Iterator[Input]:
    found = False
    for path in files_in(folder, PICTURE_SUFFIXES):
        found = True
        yield Input(label(path), path, partial(_read, path))
    if not found:
        for path in files_in(folder, frozenset({".parquet"})):
            found = True
            yield from _in_parquet(path)
    if not found:
        for path in files_in(folder, frozenset({".arrow"})):
            raise _arrow(path)


def files_in(folder: Place, suffixes: frozenset[str]) -> Iterator[Place]:
    """The files of a folder with these endings, as `find` goes through it. Raises PslError."""
    if isinstance(folder, Remote):
        yield from (path for path in folder.files() if _has_suffix(path.name, suffixes))
        return

    def refuse(error: OSError) -> None:
        raise PslError(f"cannot read folder {label(error.filename)}: {error.strerror}")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if _has_suffix(name, suffixes) and path.is_file():
                yield path


def _read(path: Place) -> Image.Image:
    """As `image.read`; a file at a URL is fetched whole, in one request."""
    if isinstance(path, Path):
        return read(path)
    with path.open(buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size > MAX_FILE_BYTES:
            raise TooLarge(f"{label(path)} has {size} bytes, more than {MAX_FILE_BYTES}: shrink it")
        file.seek(0)
        stream = io.BytesIO(file.read())
    stream.name = label(path)  # for the messages of image.read
    return read(stream)


def _in_parquet(path: Place) -> Iterator[Input]:
    for number, load in _parquet.pictures(path):
        yield Input(f"{label(path)}[{number}]", path, load)


def _arrow(path: Place) -> PslError:
    return PslError(
        f'{label(path)} is an Arrow file: write the data set with its to_parquet("data.parquet")'
    )


def _in_tar(path: Place) -> Iterator[Input]:
    for member in _tar.members(path):
        *parents, base = member.name.split("/")
        if _has_suffix(base, PICTURE_SUFFIXES) and all(map(_visible, parents)):
            yield Input(f"{label(path)}/{label(member.name)}", path, partial(_tar.read, member))


def _in_array(path: Place) -> Iterator[Input]:
    if path.suffix.lower() == ".npy":
        images = _arrays.npy(path)
    elif path.suffix.lower() == ".npz":
        images = _arrays.npz(path)
    else:
        images = _arrays.idx(path)
    for i in range(len(images)):
        yield Input(f"{label(path)}[{i}]", path, partial(images.__getitem__, i))


def _visible(part: str) -> bool:
    return part in (".", "..") or not part.startswith(".")


def _has_suffix(name: str, suffixes: frozenset[str]) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in suffixes


def _is_idx(path: Place) -> bool:
    return path.name.lower().endswith((".idx", "-ubyte", ".gz"))
