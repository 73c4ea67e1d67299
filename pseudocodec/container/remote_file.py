"""A file of fsspec, read in the ranges asked for."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pseudocodec._text import label
from pseudocodec.errors import PslError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FRONT_BYTES = 1024
"""Fetched together when less is asked for at the beginning of a file: headers are read in steps,
and a packet on a network holds about as much."""


class RemoteFile(io.RawIOBase):
    """A file of fsspec in which every read fetches the bytes asked for, in one request.

    No byte is fetched twice at the beginning, of which up to `FRONT_BYTES` are kept. Not for use
    from several threads at once. Raises PslError for whatever the file system raises.
    """

    def __init__(self, file: Any, name: str) -> None:
        """Take over `file`, which has read, seek, tell and close; `name` is for messages."""
        self.name = name
        self._file = file
        self._front = b""
        self._at = 0
        try:
            file.seek(0, os.SEEK_END)
            self._size = int(file.tell())
        except Exception as error:
            file.close()
            raise PslError(
                f"cannot read parts of {label(name)}, which its server sends only whole: "
                "download it first"
            ) from error

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes from here; all that follow if it is negative or None."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        rest = max(0, self._size - self._at)
        size = rest if size is None or size < 0 else min(size, rest)
        data = self._range(self._at, self._at + size)
        self._at += len(data)
        return data

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill `buffer` as far as the file goes; the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as in any file; nothing is fetched."""
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"cannot seek to {origin + offset}, before the file")
        self._at = origin + offset
        return self._at

    def tell(self) -> int:
        """The offset of the next read."""
        return self._at

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def close(self) -> None:
        """Close the file of fsspec, too."""
        if not self.closed:
            self._file.close()
        super().close()

    def _range(self, start: int, stop: int) -> bytes:
        if start < stop <= FRONT_BYTES and not self._front:
            self._front = self._fetch(0, min(FRONT_BYTES, self._size))
        kept = self._front[start:stop]
        return kept + self._fetch(start + len(kept), stop)

    def _fetch(self, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop`; fewer if the file has become shorter."""
        pieces = []
        with failures(self.name):
            while start < stop:
                self._file.seek(start)
                pieces.append(self._file.read(stop - start))
                start += len(pieces[-1])
                if not pieces[-1]:
                    break
        return b"".join(pieces)


@contextmanager
def failures(name: str) -> Iterator[None]:
    """Whatever a file system raises in this block, which may be anything, as a PslError."""
    try:
        yield
    except PslError:
        raise
    except Exception as error:
        raise PslError(f"cannot read {label(name)}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file, or it cannot be reached"
    if isinstance(error, IsADirectoryError):
        return "it is a folder"
    if isinstance(error, PermissionError):
        return "access is denied"
    return label(" ".join(str(error).split())).rstrip(".") or type(error).__name__
