"""Pictures in files, folders, .tar archives, MNIST's IDX files and .npy / .npz arrays.

`find` walks any mix of them and yields one `Input` a picture, in order, without decoding any: a
million pictures need the memory of one. Only an IDX file or an .npz array is held whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pseudocodec import _arrays, _tar
from pseudocodec._text import label
from pseudocodec.errors import PslError
from pseudocodec.image import read

PICTURE_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("avif", "bmp", "gif", "jfif", "jp2", "jpeg", "jpg", "jxl", "pbm", "pgm", "png"),
        *("pnm", "ppm", "qoi", "tga", "tif", "tiff", "webp"),
    )
)
"""Files with these endings, in any case, are taken from folders and .tar archives."""

Loaded: TypeAlias = Image.Image | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Input:
    """One picture to be loaded when wanted."""

    name: str
    """For messages only, free of control characters; never to be used as a path."""

    source: Path
    """The file the picture is in."""

    load: Callable[[], Loaded]
    """Decode it: a PIL image, or a uint8 array (H, W) or (H, W, C). Raises PslError."""


def find(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Input]:
    """The pictures in `paths`, lazily and in a fixed order.

    - A folder: its files with a suffix in `PICTURE_SUFFIXES` sorted by name, then its subfolders
      likewise; hidden files and folders are skipped, links to folders not followed.
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
    for path in map(Path, paths):
        found = False
        for item in _in_path(path):
            found = True
            yield item
        if not found:
            raise PslError(f"no picture found in {label(path)}: give PNG, JPEG or the like")


def holds_many(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a collection, even of one: a folder, .tar, IDX file, .npy or .npz."""
    path = Path(path)
    return path.is_dir() or path.suffix.lower() in (".tar", ".npy", ".npz") or _is_idx(path)


def _in_path(path: Path) -> Iterator[Input]:
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
    if suffix in (".npy", ".npz") or _is_idx(path):
        return _in_array(path)
    return iter([Input(label(path), path, partial(read, path))])


def _in_folder(folder: Path) -> Iterator[Input]:
    def refuse(error: OSError) -> None:
        raise PslError(f"cannot read folder {label(error.filename)}: {error.strerror}")

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(parent, name)
            if _is_picture(name) and path.is_file():
                yield Input(label(path), path, partial(read, path))


def _in_tar(path: Path) -> Iterator[Input]:
    for member in _tar.members(path):
        *parents, base = member.name.split("/")
        if _is_picture(base) and all(map(_visible, parents)):
            yield Input(f"{label(path)}/{label(member.name)}", path, partial(_tar.read, member))


def _in_array(path: Path) -> Iterator[Input]:
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


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES


def _is_idx(path: Path) -> bool:
    return path.name.lower().endswith((".idx", "-ubyte", ".gz"))
