"""The numcodecs codec `psl`: lossy image chunks for zarr 2 and whatever else uses numcodecs."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.integrations._chunks import (
    MAX_CHUNK_BYTES,
    Settings,
    decode_chunk,
    encode_chunk,
)

try:
    from numcodecs.abc import Codec
    from numcodecs.compat import ensure_bytes, ensure_ndarray, ensure_ndarray_like, ndarray_copy
except ImportError as error:
    raise ImportError(
        'this needs numcodecs 0.15 or later: pip install "pseudocodec[zarr]"'
    ) from error


class Psl(Codec):  # type: ignore[misc]
    """uint8 chunks of images to .psl bytes. LOSSY: decoding returns other values than were stored.

    A chunk has shape (n, H, W), (n, H, W, 3), (H, W) or (H, W, 3); each picture in it is encoded on
    its own. Keyword arguments: `model` (a name or 16 hex digits), `quality` | `nbytes` | `bpp` |
    `psnr` and `effort`, those of `pseudocodec.save`, and `axes`: "HW", "HWC", "NHW" or "NHWC" where
    the shape alone would be misread (three axes are HWC when the last is 3 long, else NHW).

    Raises PslError for other arguments.
    """

    codec_id: ClassVar[str] = "psl"

    def __init__(self, **settings: Any) -> None:
        self._settings = Settings.of(settings)

    def encode(self, buf: Any) -> bytes:
        """A C-contiguous uint8 array of images -> the bytes of a .psl file.

        Raises PslError for another dtype, shape or order, and what `pseudocodec.save` raises.
        """
        array = ensure_ndarray(buf)
        if array.flags.fnc:  # decoded bytes would be read back in Fortran order
            raise PslError('psl chunks are in C order: create the array with order="C"')
        return encode_chunk(array, self._settings)

    def decode(self, buf: Any, out: Any = None) -> NDArray[np.uint8]:
        """The bytes of a .psl file -> the array that was encoded, roughly; `out` if given.

        Raises Corrupt, TooLarge (above MAX_CHUNK_BYTES, or the size of `out`), UnknownModel;
        PslError for an `out` of more bytes than the chunk has.
        """
        if out is None:
            return decode_chunk(ensure_bytes(buf))
        room = ensure_ndarray_like(out).nbytes
        array = decode_chunk(ensure_bytes(buf), limit=min(room, MAX_CHUNK_BYTES))
        if array.nbytes != room:
            raise PslError(f"out has {room} bytes; the chunk has shape {array.shape}")
        filled: NDArray[np.uint8] = ndarray_copy(array, out)
        return filled

    def get_config(self) -> dict[str, Any]:
        """The codec in values that JSON holds."""
        return {"id": self.codec_id, **self._settings.to_json()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The codec of `get_config`, without its "id"."""
        return cls(**config)

    def __repr__(self) -> str:
        """The call that makes the codec."""
        settings = self._settings.to_json().items()
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in settings)})"
