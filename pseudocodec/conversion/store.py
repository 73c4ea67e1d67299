"""The folder that a conversion writes to: a local one, or one at a URL."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from hashlib import file_digest
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from pseudocodec._text import label
from pseudocodec.container.remote import Remote, place_of
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write, cannot_write

_LEFT = re.compile(r"\.psl-[0-9a-f]{16}\.tmp")  # by a process that was killed; see atomic_write


class Store(Protocol):
    """Files by name, each whole or not there. All methods raise PslError."""

    def read(self, name: str) -> bytes | None:
        """The content, None where there is no such file."""

    def open(self, name: str) -> BinaryIO | None:
        """The file for reading, None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Create or replace a file."""

    def making(self, name: str) -> AbstractContextManager[Path]:
        """A context that gives a local path; what is there at its end becomes the file `name`."""

    def names(self) -> list[str]:
        """All files and folders in it."""

    def remove(self, name: str) -> None:
        """Remove a file or a folder, if it is there."""

    def sweep(self) -> None:
        """Remove what killed writers left, once nothing is being written."""


def store_at(folder: str) -> Store:
    """The store in a local folder, which is created when it is written to, or at a URL."""
    place = place_of(folder)
    return _Bucket(place) if isinstance(place, Remote) else _Folder(place)


def read_json(store: Store, name: str) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file, or no such object in it."""
    content = store.read(name)
    try:
        value = None if content is None else json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def write_json(store: Store, name: str, value: dict[str, Any]) -> None:
    """Write an object as one line of ASCII; the same object gives the same bytes."""
    store.write(name, json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n")


def sha256(store: Store, name: str) -> str | None:
    """The SHA-256 of a file in hexadecimal, None where there is none."""
    file = store.open(name)
    if file is None:
        return None
    with file:
        return file_digest(cast(BufferedReader, file), "sha256").hexdigest()


class _Folder:
    """A local folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        file = self.open(name)
        if file is None:
            return None
        with file:
            return file.read()

    def open(self, name: str) -> BinaryIO | None:
        try:
            return (self._path / name).open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PslError(f"cannot read {label(self._path / name)}: {error.strerror}") from error

    def write(self, name: str, content: bytes) -> None:
        with self.making(name) as path, atomic_write(path, overwrite=True) as file:
            file.write(content)

    @contextmanager
    def making(self, name: str) -> Iterator[Path]:
        """The path of the file itself: what writes it does so whole or not at all."""
        path = self._path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path.parent, error) from error
        yield path

    def names(self) -> list[str]:
        if not self._path.is_dir():
            return []
        return sorted(path.name for path in self._path.iterdir())

    def remove(self, name: str) -> None:
        path = self._path / name
        try:
            if path.is_dir():
                for child in path.iterdir():
                    child.unlink()
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise PslError(f"cannot remove {label(path)}: {error.strerror}") from error

    def sweep(self) -> None:
        for name in self.names():
            if _LEFT.fullmatch(name):
                self.remove(name)


class _Bucket:
    """A folder at a URL. Object stores show an object once it is complete."""

    def __init__(self, place: Remote) -> None:
        self._place = place

    def read(self, name: str) -> bytes | None:
        with self._failing("read", name) as path:
            try:
                return bytes(self._place.fs.cat_file(path))
            except FileNotFoundError:
                return None

    def open(self, name: str) -> BinaryIO | None:
        with self._failing("read", name) as path:
            fs = self._place.fs
        file = Remote.on(fs, path)
        return file.open() if file.exists() else None

    def write(self, name: str, content: bytes) -> None:
        with self.making(name) as path:
            path.write_bytes(content)

    @contextmanager
    def making(self, name: str) -> Iterator[Path]:
        """A file in a temporary folder of this machine, sent at the end."""
        with tempfile.TemporaryDirectory(prefix="psl-") as folder:
            local = Path(folder, Path(name).name)
            yield local
            with self._failing("write", name) as path:
                fs = self._place.fs
                fs.makedirs(path.rpartition("/")[0], exist_ok=True)
                fs.put_file(str(local), path)

    def names(self) -> list[str]:
        with self._failing("read", "") as path:
            self._place.fs.invalidate_cache()
            try:
                found = self._place.fs.ls(path, detail=False)
            except FileNotFoundError:
                return []
        own = path.rstrip("/")
        return sorted({str(each).rstrip("/")[len(own) :].strip("/") for each in found} - {""})

    def remove(self, name: str) -> None:
        with self._failing("remove", name) as path:
            if self._place.fs.exists(path):
                self._place.fs.rm(path, recursive=True)

    def sweep(self) -> None:
        """Nothing: temporary files are elsewhere."""

    @contextmanager
    def _failing(self, verb: str, name: str) -> Iterator[str]:
        """The path of a file; whatever the file system raises becomes a PslError."""
        root = self._place.path.rstrip("/")
        try:
            yield f"{root}/{name}"
        except PslError:
            raise
        except Exception as error:
            url = f"{self._place.url.rstrip('/')}/{name}"
            reason = label(" ".join(str(error).split())) or type(error).__name__
            raise PslError(f"cannot {verb} {label(url)}: {reason}") from error
