"""Whatever holds a .psl file, as a binary file object."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from pseudocodec.container.layout import COMMON, MAX_SINGLE_BYTES
from pseudocodec.container.remote import Remote, Where, place_of
from pseudocodec.container.signature import check_signature, is_archive
from pseudocodec.errors import Corrupt, PslError, TooLarge

Source = bytes | bytearray | memoryview | Where | BinaryIO


class Bounded:
    """Reads of known extent from a seekable file, through read, seek and tell alone."""

    def __init__(self, file: BinaryIO) -> None:
        """Measure `file`; `PslError` if it cannot seek or gives text."""
        if _is_text(file):
            raise PslError(f"cannot read bytes from {file!r}; open it in binary mode")
        self._file = file
        try:
            file.seek(0, os.SEEK_END)
            self.size = file.tell()
        except (AttributeError, OSError) as error:
            raise PslError(
                f"cannot seek in {file!r}; read it into bytes first and pass those"
            ) from error

    def read_at(self, start: int, size: int) -> bytes:
        """Exactly `size` bytes from offset `start`, which the caller knows to lie in the file.

        Raises `Corrupt` if the file has become shorter meanwhile.
        """
        self._file.seek(start)
        data = self._file.read(size)
        while len(data) < size:  # a raw file may return less than asked for
            more = self._file.read(size - len(data))
            if not more:
                raise Corrupt(f"the file ended at byte {start + len(data)} while it was read")
            data += more
        return data


@contextmanager
def open_source(source: Source) -> Iterator[BinaryIO]:
    """A .psl file as a binary file object, rewound, its signature checked.

    `source` is the file's bytes, a path, a URL of fsspec, what fsspec.open gives, a UPath, or a
    seekable binary file object, which is read from its beginning and left open. Raises `PslError`
    when it cannot be opened or read, and whatever `check_signature` raises for other content.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        file: BinaryIO = io.BytesIO(source)
        check_signature(_head(file))
        yield file
    elif isinstance(source, str | os.PathLike) or not hasattr(source, "read"):
        with _open(source) as file:
            check_signature(_head(file))
            yield file
    else:
        file = cast(BinaryIO, source)
        check_signature(_head(file))
        yield file


def _open(source: Where) -> BinaryIO:
    try:
        place = place_of(source)
    except AttributeError as error:
        raise PslError(
            f"cannot read from {type(source).__name__}; pass bytes, a path, a URL or a file"
        ) from error
    if isinstance(place, Remote):
        return place.open(buffering=0)
    try:
        return place.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or error
        raise PslError(f"cannot open {str(place)!r}: {reason}") from error


def _head(file: BinaryIO) -> bytes:
    """The first bytes of `file`, which is left at its beginning."""
    bounded = Bounded(file)
    head = bounded.read_at(0, min(bounded.size, COMMON.size))
    file.seek(0)
    return head


def _is_text(file: object) -> bool:
    return isinstance(file, io.TextIOBase)


def read_whole(source: Source) -> bytes:
    """The bytes of a single-picture file.

    Raises `PslError` for an archive, `TooLarge` above MAX_SINGLE_BYTES, and as `open_source`.
    """
    with open_source(source) as file:
        if is_archive(file.read(COMMON.size)):
            raise PslError("the file is an archive of pictures: use pseudocodec.open to read it")
        bounded = Bounded(file)
        if bounded.size > MAX_SINGLE_BYTES:
            raise TooLarge(
                f"the file has {bounded.size} bytes; single pictures have up to {MAX_SINGLE_BYTES}"
            )
        return bounded.read_at(0, bounded.size)
