"""Files and folders on any file system of fsspec: S3, HTTP, memory and some forty more.

Files are read in the ranges asked for and no others. fsspec is imported here only, when needed.
"""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, TypeAlias, TypeGuard, cast
from urllib.parse import urlsplit

from pseudocodec._text import label
from pseudocodec.container.remote_file import RemoteFile, failures
from pseudocodec.errors import PslError

BUFFER_BYTES = 2**18
"""Fetched at a time by readers of many small pieces: of a .tar, a .zip or a gzip stream. 100 Mbit/s
carry as much in 20 ms, about the time a request takes."""

# One letter is a drive of Windows; "::" chains file systems, as in simplecache::s3://bucket/a.psl.
_URL = re.compile(r"[a-z][a-z0-9+.-]+(::[a-z][a-z0-9+.-]+)*://", re.IGNORECASE)


class OnFileSystem(Protocol):
    """What fsspec.open(url, **options) gives, or a UPath of universal_pathlib."""

    @property
    def fs(self) -> Any:
        """The file system, with its options."""

    @property
    def path(self) -> str:
        """Where on it."""


def is_url(text: object) -> TypeGuard[str]:
    """Whether `text` is a str that begins with a protocol of two letters or more and "://"."""
    return isinstance(text, str) and _URL.match(text) is not None


@dataclass(frozen=True)
class Remote:
    """A file or folder at `url`, with what its readers use of `pathlib.Path`.

    Nothing is imported or asked for before it is needed; what the file system then says of the
    file is remembered. All methods raise PslError: fsspec or what it needs for the protocol is not
    installed, the file system refuses or cannot be reached.
    """

    url: str

    @classmethod
    def on(cls, fs: Any, path: str) -> Remote:
        """What is at `path` on a file system that is open already, with its options."""
        remote = cls(str(fs.unstrip_protocol(path)))
        remote.__dict__["_place"] = fs, path
        return remote

    def __str__(self) -> str:
        """The URL."""
        return self.url

    @property
    def name(self) -> str:
        """The last part of the path, without the query of an HTTP address.

        Of chained file systems the first with a path counts: a.tar of zip://a.tar::s3://bucket/b.
        """
        link = next(link for link in self.url.split("::") if "://" in link)
        return PurePosixPath(urlsplit(link).path if link.startswith("http") else link).name

    @property
    def suffix(self) -> str:
        """The ending of the name with its dot, or nothing."""
        return PurePosixPath(self.name).suffix

    @property
    def fs(self) -> Any:
        """The file system."""
        return self._place[0]

    @property
    def path(self) -> str:
        """Where on the file system."""
        return self._place[1]

    def open(self, mode: str = "rb", buffering: int = -1) -> BinaryIO:
        """The file, to be closed by the caller: read in exact ranges with `buffering` 0.

        Otherwise at least `BUFFER_BYTES` are fetched at a time. `mode` is "rb".
        """
        with failures(self.url):
            # "none" is fsspec's name for no read-ahead, which would be 5 MiB and more.
            opened = self.fs.open(self.path, mode, cache_type="none")
        raw = RemoteFile(opened, self.url)
        return cast(BinaryIO, io.BufferedReader(raw, BUFFER_BYTES) if buffering else raw)

    def exists(self) -> bool:
        """Whether there is a file or folder."""
        return self._facts is not None

    def is_dir(self) -> bool:
        """Whether it is a folder; a URL that ends with a slash always is."""
        return self.url.endswith("/") or (self._facts or {}).get("type") == "directory"

    def is_file(self) -> bool:
        """Whether it is a file."""
        return (self._facts or {}).get("type") == "file"

    def files(self) -> list[Remote]:
        """All files below, hidden ones left out: those of a folder before those of its folders.

        Raises PslError: there is no such folder.
        """
        with failures(self.url):
            root = self.path.rstrip("/")
            paths = [str(path) for path in self.fs.find(self.path)]
        parts = {path: path[len(root) :].strip("/").split("/") for path in paths}
        shown = [path for path in paths if not any(p.startswith(".") for p in parts[path])]
        shown.sort(key=lambda path: _order(parts[path]))
        return [Remote.on(self.fs, path) for path in shown]

    @cached_property
    def _place(self) -> tuple[Any, str]:
        """The file system and the path on it."""
        try:
            from fsspec.core import url_to_fs
        except ImportError as error:
            raise PslError(
                f'{label(self.url)} is opened by fsspec: run pip install "pseudocodec[fsspec]"'
            ) from error
        with failures(self.url):
            fs, path = url_to_fs(self.url)
        return fs, str(path)

    @cached_property
    def _facts(self) -> dict[str, Any] | None:
        """What the file system says of the file, None if there is none."""
        fs, path = self._place
        with failures(self.url):
            try:
                return dict(fs.info(path))
            except FileNotFoundError:
                return None


Place: TypeAlias = Path | Remote
Where: TypeAlias = str | os.PathLike[str] | OnFileSystem


def place_of(source: Where) -> Place:
    """Where `source` is: a URL, what fsspec.open gives and a UPath elsewhere, all others local."""
    if isinstance(source, Remote):
        return source
    if is_url(source):
        return Remote(source)
    if isinstance(source, (str, os.PathLike)):
        return Path(source)
    return Remote.on(source.fs, source.path)


def _order(parts: list[str]) -> list[tuple[bool, str]]:
    """A key that puts the files of a folder, by name, before what is in its folders."""
    *folders, name = parts
    return [*((True, folder) for folder in folders), (False, name)]
