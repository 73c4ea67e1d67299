"""Pictures in a column of a Parquet file, as Hugging Face data sets hold them; for `inputs`.

Only the footer is read to list the pictures; their bytes are read when wanted, a row group at a
time, and of all files together `HELD_GROUPS` are held. Needs pyarrow, imported here only.
"""

from __future__ import annotations

import io
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

from PIL import Image

from pseudocodec import image
from pseudocodec._text import label
from pseudocodec.container.remote import Place, Remote
from pseudocodec.errors import Corrupt, PslError, TooLarge

MAX_GROUP_BYTES = 2**31
"""Bytes, uncompressed, that a row group may hold in all columns: its pictures are read whole."""

MAX_GROUP_ROWS = 2**24
"""Rows that a row group may claim."""

HELD_GROUPS = 2
"""Row groups in memory: two, for threads that load neighbours from both sides of a border."""

NAMES = ("image", "img", "picture")
"""Columns of these names, in this order, come before any other column of pictures."""

_turn = threading.Lock()
_recent: deque[tuple[weakref.ref[_File], int]] = deque()  # the row groups in memory, oldest first


def pictures(path: Place) -> Iterator[tuple[int, partial[Image.Image]]]:
    """The number of each row of the Parquet file at `path`, and how to load its picture.

    The pictures are in the first column of `NAMES` that is binary or a struct with a binary field
    `bytes`, else in the first such column.

    Raises:
        PslError: pyarrow is not installed, the file cannot be read, or has no such column.
        TooLarge: a row group exceeds `MAX_GROUP_BYTES` or `MAX_GROUP_ROWS`.
        Corrupt: it is not a Parquet file, or damaged.
    """
    file = _File(path)
    number = 0
    for group, rows in enumerate(file.rows):
        for row in range(rows):
            yield number, partial(file.load, group, row, number)
            number += 1


class _File:
    """One Parquet file: what its footer says, and the row groups of its pictures in memory."""

    def __init__(self, path: Place) -> None:
        self._path = path
        self._held: dict[int, Any] = {}
        with _reading(path), self._opened() as parquet:
            self._column = _picture_column(parquet.schema_arrow, label(path))
            self.rows = _checked_rows(parquet.metadata, label(path))

    def load(self, group: int, row: int, number: int) -> Image.Image:
        """The picture in a row, `number` of the file; errors as of `image.read`, and Corrupt."""
        name = f"{label(self._path)}[{number}]"
        with _turn:
            cell = self._group(group)[row].as_py()
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if data is None:
            raise PslError(f"{name} holds no picture: the cell is null, or has only a path")
        stream = io.BytesIO(data)
        stream.name = name  # for the messages of image.read
        return image.read(stream)

    def _group(self, group: int) -> Any:
        if group not in self._held:
            while len(_recent) >= HELD_GROUPS:
                reference, oldest = _recent.popleft()
                if file := reference():
                    del file._held[oldest]
            self._held[group] = self._read(group)
            _recent.append((weakref.ref(self), group))
        return self._held[group]

    def _read(self, group: int) -> Any:
        # A picture that many rows repeat may be stored once: as a dictionary it stays so.
        options = {"read_dictionary": [self._column]}
        with _reading(self._path), self._opened(**options) as parquet:
            cells = parquet.read_row_group(group, [self._column], use_threads=False).column(0)
            cells.validate(full=True)
        if len(cells) != self.rows[group]:
            raise Corrupt(
                f"{label(self._path)} is damaged: row group {group} holds {len(cells)} of the "
                f"{self.rows[group]} rows it claims"
            )
        return cells

    @contextmanager
    def _opened(self, **options: Any) -> Iterator[Any]:
        parquet = _pyarrow(self._path)
        try:
            file = self._path.open("rb", buffering=0)
        except OSError as error:
            raise PslError(f"cannot read {label(self._path)}: {error.strerror or error}") from error
        with file:
            # pyarrow reads local files itself, and in threads.
            source = file if isinstance(self._path, Remote) else self._path
            with parquet.ParquetFile(source, **options) as opened:
                yield opened


def _picture_column(schema: Any, name: str) -> str:
    """The path of the leaf that holds the encoded pictures: "image" or "image.bytes"."""
    leaves = {field.name: leaf for field in schema if (leaf := _leaf(field))}
    for column in (*NAMES, *leaves):
        if column in leaves:
            return leaves[column]
    columns = label(", ".join(schema.names)) or "none"
    raise PslError(
        f"{name} has no column of pictures, which is binary or a struct with bytes: its columns "
        f"are {columns}"
    )


def _leaf(field: Any) -> str | None:
    if _is_binary(field.type):
        return str(field.name)
    is_struct = str(field.type).startswith("struct<") and field.type.get_field_index("bytes") >= 0
    if is_struct and _is_binary(field.type.field("bytes").type):
        return f"{field.name}.bytes"
    return None


def _is_binary(kind: Any) -> bool:
    return str(kind) in ("binary", "large_binary", "binary_view")


def _checked_rows(metadata: Any, name: str) -> list[int]:
    """Rows of each row group, once its sizes are found to be within the limits.

    The sizes of single columns are not looked at: pyarrow 26 aborts the process where these are
    damaged.
    """
    rows = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        size = group.total_byte_size
        if size > MAX_GROUP_BYTES or group.num_rows > MAX_GROUP_ROWS:
            raise TooLarge(
                f"{name} has a row group of {group.num_rows} rows and {size} bytes, more than "
                f"{MAX_GROUP_ROWS} or {MAX_GROUP_BYTES}: write it again with row_group_size=1000"
            )
        if size < 0 or group.num_rows < 0:
            raise Corrupt(f"{name} is damaged: row group {index} has a negative size")
        rows.append(group.num_rows)
    return rows


@contextmanager
def _reading(path: Place) -> Iterator[None]:
    try:
        yield
    except PslError:
        raise
    except Exception as error:  # pyarrow raises nearly anything on damaged files
        reason = label(error).rstrip(".") or type(error).__name__
        raise Corrupt(f"{label(path)} is damaged, or not a Parquet file: {reason}") from error


def _pyarrow(path: Place) -> ModuleType:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise PslError(
            f'reading {label(path)} needs pyarrow: run pip install "pseudocodec[parquet]"'
        ) from error
    module: ModuleType = parquet
    return module
