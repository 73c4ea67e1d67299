"""Chunks of image arrays as .psl bytes: what the numcodecs and the zarr codec share.

A chunk of axes NHW or NHWC becomes an archive, of which any picture decodes without the others; one
of axes HW or HWC becomes the file of a single picture. So the bytes say which of the two they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from pseudocodec._frames import archive_bytes
from pseudocodec.archive import Archive
from pseudocodec.archive import open as open_archive
from pseudocodec.codec import decode, encode
from pseudocodec.container import MAX_PIXELS, is_archive
from pseudocodec.errors import Corrupt, PslError, TooLarge
from pseudocodec.model import load_model, model_of
from pseudocodec.model.catalogue import SUFFIX
from pseudocodec.rate import DEFAULT_MODEL, Target

if TYPE_CHECKING:
    from pseudocodec.model import Model

MAX_CHUNK_BYTES = 2**31 - 1
"""Bytes of a chunk before encoding; the limit of numcodecs' own codecs, too."""

_AXES = ("HW", "HWC", "NHW", "NHWC")
_MODEL_ID = re.compile("[0-9a-f]{16}")

# Array libraries encode chunks in several threads. Numba's fallback threading layer ends the
# process when two threads enter parallel kernels at once, as the encoder's are; and one encoder
# keeps every core busy anyway.
_encoding = Lock()

Bytes = NDArray[np.uint8]
Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How chunks are encoded, in values that JSON holds.

    `model` is a name or an id of 16 hex digits. `quality`, `nbytes` and `bpp` (a picture, headers
    included) and `psnr` are those of `pseudocodec.save`, one at most; `effort` is 0 to 9. `axes` is
    one of HW, HWC, NHW, NHWC; None takes them from the shape (see `axes_of`).

    Raises PslError for other values.
    """

    model: str = DEFAULT_MODEL
    quality: float | None = None
    nbytes: int | None = None
    bpp: float | None = None
    psnr: float | None = None
    effort: int = 3
    axes: str | None = None

    def __post_init__(self) -> None:
        """Check the values, and put down the quality that goes without a target."""
        if not isinstance(self.model, str) or "/" in self.model or self.model.endswith(SUFFIX):
            raise PslError(
                f"model={self.model!r}: pass a name or the 16 hex digits of an id, which mean the "
                "same on every machine; load_model(path) makes the id of a file known"
            )
        for name in ("quality", "nbytes", "bpp", "psnr", "effort"):
            value = getattr(self, name)
            if not (value is None or isinstance(value, int | float)):
                raise PslError(f"{name}={value!r}: expected a number")
        if self.axes not in (None, *_AXES):
            raise PslError(f"axes={self.axes!r}: expected one of {', '.join(_AXES)}, or None")
        target = Target.of(self.quality, self.nbytes, self.psnr, self.bpp)
        object.__setattr__(self, "quality", target.quality)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """Settings by name, as `to_json` gives them. Raises PslError for a name there is not."""
        known = [field.name for field in fields(cls)]
        for name in config:
            if name not in known:
                raise PslError(f"{name!r} is no setting of psl chunks; use {', '.join(known)}")
        return cls(**config)

    def to_json(self) -> dict[str, Any]:
        """The settings that are not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def load(self) -> Model:
        """The model. Raises UnknownModel."""
        if _MODEL_ID.fullmatch(self.model):
            return model_of(bytes.fromhex(self.model))
        return load_model(self.model)


def axes_of(shape: Shape, axes: str | None) -> str:
    """The axes of an array of images; without `axes`, from its shape.

    Two axes are HW, four NHWC, and three HWC when the last is 3 long, else NHW: grey pictures 3
    wide need `axes="NHW"`. Raises PslError for a shape that is none of these.
    """
    three = "HWC" if shape[-1:] == (3,) else "NHW"
    found = axes or {2: "HW", 3: three, 4: "NHWC"}.get(len(shape))
    if found is None or len(found) != len(shape) or (found[-1] == "C" and shape[-1] != 3):
        wanted = axes or "HW, HWC, NHW or NHWC"
        raise PslError(
            f"an array of shape {shape} has not the axes {wanted} (C is 3 long): reshape it or "
            "choose chunks of whole pictures"
        )
    return found


def encode_chunk(array: NDArray[Any], settings: Settings) -> bytes:
    """A uint8 array of images -> the bytes of a .psl file. Lossy. Safe in threads.

    Raises PslError for another dtype or shape, TooLarge, and what `save` raises.
    """
    _check_size(array.shape, MAX_CHUNK_BYTES)
    if array.dtype != np.uint8:
        raise PslError(
            f"psl chunks hold images of dtype uint8, got {array.dtype}: convert them first"
        )
    axes = axes_of(array.shape, settings.axes)
    options = settings.to_json() | {"model": settings.load(), "progressive": False}
    options.pop("axes", None)
    with _encoding:
        if "N" not in axes:
            return encode(array, **options)
        return archive_bytes(array, **options)


def decode_chunk(
    data: bytes,
    shape: Shape | None = None,
    *,
    wanted: Sequence[int] | None = None,
    limit: int = MAX_CHUNK_BYTES,
) -> Bytes:
    """The uint8 array of a chunk: (H, W), (H, W, 3), (n, H, W) or (n, H, W, 3). Safe in threads.

    It has at most `limit` bytes and, where that is known before, the given `shape`. `wanted` are
    the numbers of the pictures to decode, ascending; the others are left black.

    Raises Corrupt for pictures of another number or size than `shape` says, TooLarge above
    `limit`, and what `pseudocodec.open` and `decode` raise.
    """
    if shape is not None:
        _check_size(shape, limit)
    many = is_archive(data)
    of_one = shape[1:] if shape and many else shape
    room = min(limit, MAX_PIXELS) if of_one is None else math.prod(of_one)
    try:
        if many:
            with open_archive(data, max_pixels=room) as archive:
                return _stack(archive, wanted, shape, limit)
        picture = decode(data, max_pixels=room)
    except TooLarge as error:
        if shape is None:
            raise
        raise Corrupt(f"the chunk is not one of shape {shape}: {error}") from error
    if shape is not None and picture.shape != shape:
        raise Corrupt(f"the chunk holds one picture of shape {picture.shape}, not {shape}")
    return picture


def _stack(
    archive: Archive, wanted: Sequence[int] | None, shape: Shape | None, limit: int
) -> Bytes:
    """The pictures wanted, None for all, at their places in an array of all."""
    count = len(archive)
    if shape is not None and count != shape[0]:
        raise Corrupt(f"the chunk holds {count} pictures, not one of shape {shape}")
    out = None if shape is None else np.zeros(shape, np.uint8)
    for number, picture in archive.pictures(wanted):
        if out is None:
            _check_size((count, *picture.shape), limit)
            out = np.empty((count, *picture.shape), np.uint8)
        if picture.shape != out.shape[1:]:
            raise Corrupt(
                f"picture {number} of the chunk has shape {picture.shape}, not {out.shape[1:]}"
            )
        out[number] = picture
    if out is None:
        raise Corrupt("the chunk is an archive without pictures")
    return out


def _check_size(shape: Shape, limit: int) -> None:
    if math.prod(shape) > limit:
        raise TooLarge(
            f"a chunk of shape {shape} has {math.prod(shape)} bytes; the limit is {limit}: make "
            "chunks smaller"
        )
