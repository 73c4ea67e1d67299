"""The journal of a half-written archive: how many inputs became which records, noted as it goes.

    header  magic, u32 length of the settings, the settings in JSON, CRC-32
    entry   u64 inputs consumed so far, u32 records added since the entry before,
            u32 CRC-32 of the open block so far, u32 bits of each of the records, CRC-32

Integers are little-endian. Each CRC-32 continues the one before it, so that an entry holds only
behind those it was written behind. What follows the last entry that holds is ignored.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from struct import Struct
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container.layout import U32
from pseudocodec.errors import Corrupt, TooLarge

MAX_SETTINGS_BYTES = 2**16

_HEADER = Struct("<8sI")
_ENTRY = Struct("<QII")
_MAGIC = b"PSLjour\x01"


class Entry(NamedTuple):
    """A state that the archive was in; `end` and `crc` say where the entry stops in the journal."""

    inputs: int  # consumed so far
    records: int  # so far
    bits: NDArray[np.uint32]  # the lengths of the records added since the entry before
    open_crc: int
    end: int
    crc: int


class Journal:
    """A journal in `file`, opened to read and write, which stays the caller's to close."""

    def __init__(self, file: BinaryIO) -> None:
        """Look at nothing yet: `begin` or `settings` comes first."""
        self._file = file
        self._first = self._last = Entry(0, 0, np.empty(0, np.uint32), 0, 0, 0)

    @property
    def noted(self) -> bool:
        """Whether there is an entry."""
        return self._last.end > self._first.end

    def begin(self, settings: dict[str, Any]) -> None:
        """Begin anew, with `settings` that JSON can hold, up to MAX_SETTINGS_BYTES of it."""
        text = json.dumps(settings, sort_keys=True).encode()
        if len(text) > MAX_SETTINGS_BYTES:
            raise TooLarge(f"settings of {len(text)} bytes exceed {MAX_SETTINGS_BYTES}")
        data = _HEADER.pack(_MAGIC, len(text)) + text
        crc = zlib.crc32(data)
        self.clear()
        self._file.write(data + U32.pack(crc))
        self._first = self._last = self._first._replace(end=len(data) + U32.size, crc=crc)
        self.sync()

    def settings(self) -> dict[str, Any]:
        """What `begin` was given; `Corrupt` if the header does not hold."""
        self._file.seek(0)
        front = self._file.read(_HEADER.size)
        magic, length = _HEADER.unpack(front.ljust(_HEADER.size, b"\0"))
        if magic != _MAGIC or length > MAX_SETTINGS_BYTES:
            raise Corrupt("it is no journal that this version wrote")
        text = self._file.read(length)
        crc = zlib.crc32(front + text)
        if self._file.read(U32.size) != U32.pack(crc):
            raise Corrupt("the checksum of its header differs")
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Corrupt("its settings are not JSON") from error
        if not isinstance(settings, dict):
            raise Corrupt("its settings are no JSON object")
        end = _HEADER.size + length + U32.size
        self._first = self._last = self._first._replace(end=end, crc=crc)
        return settings

    def entries(self, most: int) -> Iterator[Entry]:
        """The state before any record, then every entry that holds, up to `most` records."""
        entry = self._first
        size = self._file.seek(0, os.SEEK_END)
        while True:
            yield entry
            self._file.seek(entry.end)
            front = self._file.read(_ENTRY.size)
            if len(front) < _ENTRY.size:
                return
            inputs, added, open_crc = _ENTRY.unpack(front)
            end = entry.end + _ENTRY.size + 4 * added + U32.size
            if end > size or entry.records + added > most:
                return
            data = self._file.read(4 * added)
            crc = zlib.crc32(data, zlib.crc32(front, entry.crc))
            if self._file.read(U32.size) != U32.pack(crc):
                return
            bits = np.frombuffer(data, "<u4").astype(np.uint32)
            entry = Entry(inputs, entry.records + added, bits, open_crc, end, crc)

    def go_back(self, entry: Entry) -> None:
        """Forget what was noted after `entry`."""
        self._last = entry
        self._file.truncate(entry.end)
        # On the disk before anything new: else a power cut could bring the old entries back.
        self.sync()

    def append(self, inputs: int, bits: NDArray[np.uint32], open_crc: int) -> None:
        """Note that `inputs` are consumed and records of `bits` (N,) added since the last entry."""
        data = _ENTRY.pack(inputs, bits.size, open_crc) + bits.astype("<u4").tobytes()
        crc = zlib.crc32(data, self._last.crc)
        self._file.seek(self._last.end)
        self._file.write(data + U32.pack(crc))
        self._file.flush()
        end = self._last.end + len(data) + U32.size
        self._last = Entry(inputs, self._last.records + bits.size, bits, open_crc, end, crc)

    def clear(self) -> None:
        """Empty the file."""
        self._file.seek(0)
        self._file.truncate()

    def sync(self) -> None:
        """Have the disk hold what is in the journal."""
        self._file.flush()
        os.fsync(self._file.fileno())
