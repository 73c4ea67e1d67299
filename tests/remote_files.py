"""A file system for fsspec, counted://, that keeps files in memory and notes what is fetched."""

from __future__ import annotations

from typing import Any, ClassVar

import fsspec
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem


class CountedFileSystem(AbstractFileSystem):
    """Files as an object store has them: bytes by name, fetched by range, folders implied."""

    protocol = "counted"
    cachable = False
    store: ClassVar[dict[str, bytes]] = {}
    sizes: ClassVar[list[str]] = []  # paths whose size was asked for
    ranges: ClassVar[list[tuple[int, int]]] = []  # of the requests for bytes
    failure: ClassVar[Exception | None] = None  # to be raised by requests for bytes

    @classmethod
    def clear(cls) -> None:
        cls.store.clear()
        cls.failure = None
        cls.forget()

    @classmethod
    def forget(cls) -> None:
        """Begin to count anew."""
        cls.sizes.clear()
        cls.ranges.clear()

    @classmethod
    def fetched(cls) -> int:
        return sum(stop - start for start, stop in cls.ranges)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        path = self._strip_protocol(path)
        found = {}
        for name, data in self.store.items():
            if name == path:
                found[name] = {"name": name, "size": len(data), "type": "file"}
            elif name.startswith(f"{path}/"):
                child, _, rest = name[len(path) + 1 :].partition("/")
                kind = "directory" if rest else "file"
                child = f"{path}/{child}"
                found[child] = {"name": child, "size": 0 if rest else len(data), "type": kind}
        if not found:
            raise FileNotFoundError(path)
        return list(found.values()) if detail else list(found)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        self.sizes.append(path)
        files = self.ls(path)
        if path in self.store:
            return dict(files[0])
        return {"name": path, "size": 0, "type": "directory"}

    def _open(self, path: str, mode: str = "rb", **options: Any) -> AbstractBufferedFile:
        return AbstractBufferedFile(self, path, mode, **options)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any):
        if self.failure:
            raise self.failure
        data = self.store[self._strip_protocol(path)]
        start, end, _ = slice(start, end).indices(len(data))
        self.ranges.append((start, end))
        return data[start:end]


fsspec.register_implementation("counted", CountedFileSystem)
