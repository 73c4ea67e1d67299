"""The pictures of a .psl file, one or many, for hosts that ask for sizes first and pixels later.

`Frames` reads headers only, and imports neither torch nor numba, until pixels are asked for.
"""

from __future__ import annotations

import math
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pseudocodec.archive import Archive, save
from pseudocodec.archive import open as open_archive
from pseudocodec.codec import decode
from pseudocodec.container import MAX_PIXELS, ArchiveReader, Chunk, Geometry, is_archive
from pseudocodec.container.layout import COMMON, MAX_SIDE
from pseudocodec.container.single import read_single_front
from pseudocodec.container.source import Bounded
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.model.catalogue import by_id
from pseudocodec.model.file import ModelFacts
from pseudocodec.photo.payload import GREY
from pseudocodec.picture import ALPHA, KNOWN, PROFILE, from_chunks

Shape = tuple[int, ...]

# Read in order, small pictures of an archive are decoded some at a time, which takes a tenth of the
# time; and no more of them, since the reader may stop at any.
_AHEAD = 64
_AHEAD_SAMPLES = 2**20

_ANY = MAX_SIDE**2  # pixels: a size is only told here; who decodes sets the limit


class Frames(ABC):
    """The pictures in a .psl file; made by `frames_of`.

    Attributes: `archive` (whether the file is one), `facts` (of the model), `info`: model (id),
    model_name, progressive, and icc_profile where there is one.
    """

    archive: bool

    def __init__(self, model_id: bytes, *, dense: bool, icc: bytes | None) -> None:
        self.facts = _facts(model_id)
        self.info: dict[str, Any] = {"model": model_id.hex(), "model_name": self.facts.name}
        self.info |= {"progressive": not dense}
        self.info |= {"icc_profile": icc} if icc else {}

    @abstractmethod
    def __len__(self) -> int:
        """Pictures in the file, at least 1."""

    @abstractmethod
    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Every picture in order; raises what `picture` raises."""

    @abstractmethod
    def shape(self, number: int) -> Shape:
        """The shape of picture `number`: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4).

        Raises Corrupt, and OutOfRange outside the file.
        """

    @abstractmethod
    def picture(self, number: int, *, partial: bool = False) -> NDArray[np.uint8]:
        """Picture `number`, decoded; of a truncated file with `partial` what is there.

        Raises what `pseudocodec.decode` and `pseudocodec.open` raise.
        """

    def _shape(self, size: Geometry | None, first: bytes, *, alpha: bool = False) -> Shape:
        """The shape of a picture of that stated size whose payload begins with `first`."""
        channels = self.facts.channels
        if self.facts.any_size:
            if size is None:
                raise Corrupt("the file does not say how large its picture is; it is damaged")
            if not first:
                raise Corrupt("the file ends before its payload; it is truncated, fetch it again")
            # Payloads of all models for pictures of any size begin with their flags.
            channels = 1 if first[0] & GREY else 3
        width, height = size or (self.facts.width, self.facts.height)
        channels += alpha
        return (height, width) if channels == 1 else (height, width, channels)


class _One(Frames):
    """A file of a single picture."""

    archive = False

    def __init__(self, file: BinaryIO, bounded: Bounded, max_pixels: int, device: str) -> None:
        front = read_single_front(bounded, max_pixels=_ANY, known=KNOWN)
        super().__init__(front.model_id, dense=front.dense, icc=_profile(front.chunks))
        start = front.payload_offset
        first = bounded.read_at(start, min(1, bounded.size - start))
        alpha = any(chunk.tag == ALPHA for chunk in front.chunks)
        self._one = self._shape(front.geometry, first, alpha=alpha)
        self._file, self._max_pixels, self._device = file, max_pixels, device

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        yield self.picture(0)

    def shape(self, number: int) -> Shape:
        return self._one

    def picture(self, number: int, *, partial: bool = False) -> NDArray[np.uint8]:
        return decode(
            self._file,
            partial=partial,
            keep_going=partial,
            max_pixels=self._max_pixels,
            device=self._device,
        )


class _Many(Frames):
    """An archive."""

    archive = True

    def __init__(self, file: BinaryIO, max_pixels: int, device: str) -> None:
        self._reader = reader = ArchiveReader(file, max_pixels=_ANY)
        if not reader.count:
            raise PslError("the archive holds no pictures")
        super().__init__(reader.model_id, dense=reader.dense, icc=None)
        self._file, self._max_pixels, self._device = file, max_pixels, device
        self._opened: Archive | None = None
        self._run: Sequence[NDArray[np.uint8]] = []  # pictures decoded together, from _start on
        self._start, self._last = 0, -2

    def __len__(self) -> int:
        return self._reader.count

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return iter(self._archive)

    def shape(self, number: int) -> Shape:
        self._reader.block_of(number)  # refuses a number outside the archive
        size, first = self._reader.geometry, b""
        if self.facts.any_size or self._reader.record_geometry:
            record = self._reader.record(number)
            size, first = record.geometry or size, record.payload
        return self._shape(size, first)

    def picture(self, number: int, *, partial: bool = False) -> NDArray[np.uint8]:
        offset = number - self._start
        if not 0 <= offset < len(self._run):
            offset, self._start = 0, number
            self._run = self._decoded(number, self._reach if number == self._last + 1 else 1)
        self._last = number
        return self._run[offset]

    def _decoded(self, number: int, count: int) -> Sequence[NDArray[np.uint8]]:
        """Picture `number` and, where they are intact, those behind it, `count` in all."""
        if count > 1:
            with suppress(Corrupt):
                pictures: Sequence[NDArray[np.uint8]] = self._archive[number : number + count]
                return pictures
        return [self._archive[number]]

    @property
    def _reach(self) -> int:
        """Pictures to decode at once for who reads one after the other."""
        if self.facts.any_size or self._reader.record_geometry:
            return 1
        samples = math.prod(self.shape(0))
        return max(1, min(_AHEAD, _AHEAD_SAMPLES // samples))

    @property
    def _archive(self) -> Archive:
        """The archive, opened once for decoding."""
        if self._opened is None:
            self._opened = open_archive(
                self._file, max_pixels=self._max_pixels, device=self._device
            )
        return self._opened


def frames_of(file: BinaryIO, *, max_pixels: int = MAX_PIXELS, device: str = "auto") -> Frames:
    """The pictures of the .psl file in `file`, a seekable binary file that stays the caller's.

    `max_pixels` and `device` are those of `pseudocodec.decode`, and act on decoding. Raises NotPsl,
    UnsupportedVersion, UnknownModel, Corrupt, TooLarge; PslError for an archive without pictures.
    """
    bounded = Bounded(file)
    if is_archive(bounded.read_at(0, min(bounded.size, COMMON.size))):
        return _Many(file, max_pixels, device)
    return _One(file, bounded, max_pixels, device)


def archive_bytes(images: Iterable[object], **options: Any) -> bytes:
    """The archive that `pseudocodec.save` makes of `images`; `options` and errors are its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "archive.psl"
        save(path, images, **options)
        return path.read_bytes()


@lru_cache(maxsize=256)
def _facts(model_id: bytes) -> ModelFacts:
    """The facts of a model, which its id, a hash of its content, settles for good."""
    return by_id(model_id).facts


def _profile(chunks: Iterable[Chunk]) -> bytes | None:
    return from_chunks((chunk for chunk in chunks if chunk.tag == PROFILE), 0, 0)[1]
