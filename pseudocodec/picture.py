"""A picture with what it carries beside its colours: transparency and an ICC profile.

Chunks `Alph` and `iccp` of a .psl file hold the two; `formats/psl/README.md` specifies them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pseudocodec._pixels import Pixels, Plane, opaque, split
from pseudocodec._text import label
from pseudocodec.container import Chunk
from pseudocodec.container.layout import CHUNK, MAX_CHUNK_SECTION
from pseudocodec.errors import Corrupt, TooLarge, UnsupportedVersion
from pseudocodec.image import to_8_bit

MAX_ICC = 2**22
"""Bytes of an ICC profile, inflated; those of displays and cameras have some hundred to 2^20."""

ALPHA, PROFILE = b"Alph", b"iccp"
KNOWN = frozenset({ALPHA})
"""Critical chunks that `from_chunks` understands, for `container.read_single`."""

_CONSTANT, _PLAIN, _DIFFERENCES = 0, 1, 2  # kinds of Alph
_PIECE = 1 << 20  # bytes inflated or summed up at a time
_SRGB = b"desc\0\0\0\0\0\0\0\x12sRGB IEC61966-2.1\0"  # the description of the usual sRGB profile
_SPACES = {1: b"GRAY", 3: b"RGB "}  # a profile's data colour space, by number of channels


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright picture: colours, transparency, profile. 0 of `alpha` is transparent."""

    pixels: Pixels
    """uint8 or uint16, shape (H, W, 1) grey or (H, W, 3) RGB; the full scale is white."""

    alpha: Plane | None
    """Shape (H, W), of the dtype of `pixels`; None when opaque everywhere."""

    icc: bytes | None
    """The ICC profile that `pixels` are to be seen with; None without one."""

    def __post_init__(self) -> None:
        """Raise TooLarge for a profile that no file would hold."""
        if self.icc is not None and len(self.icc) > MAX_ICC:
            raise TooLarge(
                f"the image's ICC profile has {len(self.icc)} bytes, more than the {MAX_ICC} that "
                "are stored: convert the image to sRGB with PIL.ImageCms, or drop the profile with "
                'image.info.pop("icc_profile")'
            )


def as_picture(image: object) -> Picture:
    """One picture of any kind that `image.as_array` accepts, transparent ones included.

    Alpha is the 2nd channel of two, the 4th of four (channels last in arrays, first in tensors), or
    the colour key or palette of a PIL image. A PIL image is turned upright if it carries an EXIF
    orientation, and its `info["icc_profile"]` is kept unless its header says that it is for other
    colours than RGB, or than grey, which `image.convert` leaves behind, or it is the usual one of
    sRGB, which is what colours without a profile are. The result may share memory with `image`.

    Raises:
        TooLarge: the ICC profile has more than `MAX_ICC` bytes.
        PslError: as in `image.as_array`, transparency excepted.
    """
    pixels, alpha = split(image)
    icc = _profile_of(image, pixels.shape[2]) if isinstance(image, Image.Image) else None
    return Picture(pixels, alpha, icc)


def merge(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Colours (H, W) or (H, W, 3) and alpha (H, W) -> (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)."""
    return pixels if alpha is None else np.dstack([pixels, alpha])


def to_chunks(picture: Picture) -> tuple[Chunk, ...]:
    """The chunks of what `picture` carries beside its colours; none for an opaque one without ICC.

    8-bit alpha is kept exactly; 16-bit alpha is first reduced to 8 bits as colours are
    (`image.to_8_bit`).

    Raises:
        TooLarge: the alpha plane does not fit in the chunk section of a file.
    """
    chunks = []
    room = MAX_CHUNK_SECTION
    if picture.icc:
        chunks.append(Chunk(PROFILE, zlib.compress(picture.icc, 9)))
        room -= CHUNK.size + len(chunks[0].data)
    if picture.alpha is not None:
        alpha = to_8_bit(picture.alpha)
        if not opaque(alpha):  # 65500 becomes 255
            chunks.append(Chunk(ALPHA, _pack_alpha(alpha, room - CHUNK.size)))
    return tuple(chunks)


def from_chunks(
    chunks: Iterable[Chunk], width: int, height: int
) -> tuple[NDArray[np.uint8] | None, bytes | None]:
    """Alpha, uint8 (height, width), None when opaque everywhere; the ICC profile, None without one.

    `width` and `height` are the picture's, and the caller's to limit: nothing larger than them and
    `MAX_ICC` is allocated. Chunks of other tags are ignored.

    Raises:
        Corrupt: a chunk is malformed, or its alpha plane not of the picture's size.
        TooLarge: the profile has more than `MAX_ICC` bytes.
        UnsupportedVersion: the alpha is of a kind that a later version defines.
    """
    data = {chunk.tag: chunk.data for chunk in chunks}
    alpha = _parse_alpha(data[ALPHA], width, height) if ALPHA in data else None
    icc = _parse_profile(data[PROFILE]) if PROFILE in data else None
    return None if alpha is None or opaque(alpha) else alpha, icc


def _profile_of(image: Image.Image, channels: int) -> bytes | None:
    icc = image.info.get("icc_profile")
    if not isinstance(icc, bytes) or not icc:
        return None
    # A valid header (ICC.1, 7.2) for other colours: image.convert keeps the profile of CMYK.
    if icc[36:40] == b"acsp" and icc[16:20] != _SPACES[channels]:
        return None
    if _SRGB in icc:  # 3 kB that cameras and editors add, of what colours are without a profile
        return None
    return icc


def _pack_alpha(alpha: NDArray[np.uint8], room: int) -> bytes:
    value = int(alpha[0, 0])
    if (alpha == value).all():
        return bytes([_CONSTANT, value])
    # Differences suit soft edges, plain samples hard ones. On nine kinds of planes the shorter of
    # the two had 0.78 to 1.1 times the bytes of an optimised PNG.
    differences = np.diff(np.diff(alpha, axis=0, prepend=np.uint8(0)), prepend=np.uint8(0))
    best = min(
        bytes([_PLAIN]) + zlib.compress(alpha.tobytes(), 9),
        bytes([_DIFFERENCES]) + zlib.compress(differences.tobytes(), 9),
        key=len,
    )
    if len(best) > room:
        raise TooLarge(
            f"the alpha plane of {alpha.shape[1]} x {alpha.shape[0]} pixels takes {len(best)} "
            f"bytes and a .psl file has room for {room}: smooth it, scale the picture down, or "
            "drop its alpha channel"
        )
    return best


def _parse_alpha(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    if not data:
        raise Corrupt("chunk 'Alph' is empty; the file is damaged")
    kind, body = data[0], data[1:]
    if kind not in (_CONSTANT, _PLAIN, _DIFFERENCES):
        raise UnsupportedVersion(
            f"chunk 'Alph' is of kind {kind}, which this reader does not know; "
            "use a newer pseudocodec"
        )
    expected = 1 if kind == _CONSTANT else width * height
    samples = body if kind == _CONSTANT else _inflate(ALPHA, body, expected)
    if len(samples) != expected:
        raise Corrupt(
            f"chunk 'Alph' of kind {kind} holds {'more' if len(samples) > expected else 'fewer'} "
            f"than the {expected} values of a picture of {width} x {height} pixels; "
            "the file is damaged"
        )
    if kind == _CONSTANT:
        return np.full((height, width), samples[0], np.uint8)
    plane = np.frombuffer(samples, np.uint8).reshape(height, width)
    if kind == _DIFFERENCES:
        _sum_up(plane)
    return plane


def _sum_up(plane: NDArray[np.uint8]) -> None:
    """Running sums modulo 256 along the rows, then down the columns, in place."""
    height, width = plane.shape
    rows = max(1, _PIECE // width)
    for top in range(0, height, rows):  # numpy copies what it sums up in place
        band = plane[top : top + rows]
        np.cumsum(band, axis=1, dtype=np.uint8, out=band)
        if top:
            band[0] += plane[top - 1]
        np.cumsum(band, axis=0, dtype=np.uint8, out=band)


def _inflate(tag: bytes, data: bytes, limit: int) -> bytearray:
    """The bytes of a zlib stream that is all of `data`; where they exceed `limit`, one more."""
    inflater = zlib.decompressobj()
    inflated = bytearray()
    try:
        while not inflater.eof and len(inflated) <= limit:
            piece = inflater.decompress(data, min(_PIECE, limit + 1 - len(inflated)))
            data = inflater.unconsumed_tail
            inflated += piece
            if not (piece or data):  # zlib may hold some back when it has taken all of `data`
                break
    except zlib.error as error:
        raise Corrupt(f"chunk {tag.decode()!r} is no zlib stream: {label(error)}") from error
    if len(inflated) <= limit and (not inflater.eof or inflater.unused_data):
        raise Corrupt(f"chunk {tag.decode()!r} is not one whole zlib stream; the file is damaged")
    return inflated


def _parse_profile(data: bytes) -> bytes:
    icc = _inflate(PROFILE, data, MAX_ICC)
    if not icc:
        raise Corrupt("chunk 'iccp' holds an empty profile; the file is damaged")
    if len(icc) > MAX_ICC:
        raise TooLarge(f"chunk 'iccp' holds a profile above the limit of {MAX_ICC} bytes")
    return bytes(icc)
