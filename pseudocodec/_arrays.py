"""Reading arrays of pictures: IDX (plain or gzip), .npy and .npz; for `inputs`.

Each function returns uint8 of shape (n, h, w), (n, h, w, 1) or (n, h, w, 3), and compares the sizes
a header claims with its limit before it reads further, so that a forged header or a gzip bomb costs
nothing.
"""

from __future__ import annotations

import gzip
import math
import struct
import zipfile
import zlib
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from pseudocodec._text import label
from pseudocodec.container.remote import Place, Remote
from pseudocodec.errors import Corrupt, PslError, TooLarge

MAX_ARRAY_BYTES = 2**30
"""Pixels that an IDX file or an .npz array may hold: they are read whole."""

_CHUNK = 2**20
_UBYTE = 0x08
_DAMAGE = (EOFError, zlib.error, zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError)

Images = npt.NDArray[np.uint8]


def idx(path: Place) -> Images:
    """The images of an IDX file, big-endian: 0, 0, type 8, 3 dimensions, n, h, w, then the pixels.

    Source of the format: the MNIST database (LeCun, Cortes, Burges). Gzip is recognised by its
    first bytes.

    Raises:
        PslError: not an IDX file of images.
        TooLarge: more than `MAX_ARRAY_BYTES` of pixels.
        Corrupt: the length differs from what the header says, or the gzip stream is damaged.
    """
    name = label(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file: IO[bytes] = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if zipped else raw
            shape = _idx_shape(file.read(16), name)
            return np.frombuffer(_exactly(file, shape, name), np.uint8).reshape(shape)
    except (*_DAMAGE, gzip.BadGzipFile) as error:
        raise Corrupt(f"{name} is damaged: {label(error)}") from error
    except OSError as error:
        raise PslError(f"cannot read {name}: {error.strerror or error}") from error


def npy(path: Place) -> Images:
    """The array in a .npy file, memory-mapped: of any size. At a URL it is read whole.

    Raises:
        PslError: not a .npy file of pictures.
        TooLarge, Corrupt: at a URL, as for `npz`.
    """
    name = label(path)
    if isinstance(path, Remote):
        return _remote_npy(path, name)
    try:
        array: npt.NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise PslError(f"cannot read {name}: {error.strerror or error}") from error
    except Exception as error:  # numpy parses the header as Python: nearly anything may come
        raise PslError(f"{name} is not a .npy array of pictures: {_reason(error)}") from error
    _check(array.shape, array.dtype, name)
    return np.asarray(array)


def npz(path: Place) -> Images:
    """The only array in a .npz file.

    Raises:
        PslError: not a .npz file of one array of pictures.
        TooLarge: more than `MAX_ARRAY_BYTES` of pixels.
        Corrupt: the file is damaged.
    """
    name = label(path)
    try:
        with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
            members = archive.namelist()
            if len(members) != 1:
                raise PslError(f"{name} holds {len(members)} arrays: save the pictures alone")
            with archive.open(members[0]) as file:
                return _npy_stream(file, name)
    except _DAMAGE as error:
        raise Corrupt(f"{name} is damaged: {_reason(error)}") from error
    except OSError as error:
        raise PslError(f"cannot read {name}: {error.strerror or error}") from error


def _remote_npy(path: Remote, name: str) -> Images:
    try:
        with path.open("rb") as file:
            return _npy_stream(file, name)
    except _DAMAGE as error:
        raise PslError(f"{name} is not a .npy array of pictures: {_reason(error)}") from error


def _npy_stream(file: IO[bytes], name: str) -> Images:
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise PslError(f"{name} uses .npy version {version}: save it again as plain uint8")
    header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    try:
        shape, fortran, dtype = header(file)
    except Exception as error:  # as in npy
        raise Corrupt(f"{name} is damaged: {_reason(error)}") from error
    _check(shape, dtype, name)
    flat = np.frombuffer(_exactly(file, shape, name), np.uint8)
    return flat.reshape(shape, order="F" if fortran else "C")


def _idx_shape(header: bytes, name: str) -> tuple[int, int, int]:
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] != _UBYTE:
        raise PslError(
            f"{name} is not an IDX file: it starts with 0x{header[:4].hex()}, not 0x00000803"
        )
    if header[3] != 3:
        raise PslError(
            f"{name} has {header[3]} dimension(s), not 3: give the file of images, not of labels"
        )
    if len(header) < 16:
        raise Corrupt(f"{name} is truncated: its header has {len(header)} of 16 bytes")
    count, height, width = struct.unpack(">III", header[4:])
    return count, height, width


def _exactly(file: IO[bytes], shape: tuple[int, ...], name: str) -> bytearray:
    """The rest of `file`, which must be as many bytes as `shape` says."""
    size = math.prod(shape)
    if size > MAX_ARRAY_BYTES:
        raise TooLarge(f"{name} claims {size} bytes of pixels, more than {MAX_ARRAY_BYTES}")
    if size == 0:
        raise PslError(f"{name} holds no picture: its shape is {shape}")
    data = bytearray()
    while len(data) <= size and (chunk := file.read(min(_CHUNK, size + 1 - len(data)))):
        data += chunk
    if len(data) != size:
        problem = "more than" if len(data) > size else f"{len(data)} of"
        raise Corrupt(f"{name} is damaged: it has {problem} the {size} bytes of pixels it claims")
    return data


def _check(shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> None:
    good = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3))
    if dtype != np.uint8 or not good:
        raise PslError(
            f"{name} holds {dtype} of shape {shape}: "
            f"pictures must be uint8 of shape (n, h, w) or (n, h, w, 3){_remedy(shape, dtype)}"
        )
    if 0 in shape:
        raise PslError(f"{name} holds no picture: its shape is {shape}")


def _remedy(shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    """What to do with an array that is nearly one of pictures."""
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):
        return "; put the channels last with .transpose(0, 2, 3, 1)"
    if dtype.kind in "fiu" and dtype != np.uint8:
        return "; scale its values to 0 to 255, round and convert with .astype('uint8')"
    return ""


def _reason(error: Exception) -> str:
    return label(error).rstrip(".") or type(error).__name__
