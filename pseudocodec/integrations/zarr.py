"""The zarr 3 codec `psl`: lossy image chunks, of which single pictures are read alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from pseudocodec.errors import PslError
from pseudocodec.integrations._chunks import Settings, decode_chunk, encode_chunk

try:
    from zarr.abc.codec import ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin
    from zarr.core.chunk_grids import RegularChunkGrid
    from zarr.core.common import parse_named_configuration
except ImportError as error:
    raise ImportError('this needs zarr 3.1 or later: pip install "pseudocodec[zarr]"') from error

if TYPE_CHECKING:
    from zarr.abc.store import ByteGetter
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer
    from zarr.core.chunk_grids import ChunkGrid
    from zarr.core.common import JSON
    from zarr.core.dtype.wrapper import TBaseDType, TBaseScalar, ZDType
    from zarr.core.indexing import SelectorTuple

NAME = "psl"


@dataclass(frozen=True, init=False)
class PslCodec(ArrayBytesCodec, ArrayBytesCodecPartialDecodeMixin):
    """uint8 chunks of images to .psl bytes. LOSSY: reading returns other values than were written.

    It is a serializer, `zarr.create_array(..., serializer=PslCodec(model="digits"),
    compressors=None)`, of chunks (n, H, W), (n, H, W, 3), (H, W) or (H, W, 3). Each picture is
    encoded on its own: reading some of a chunk decodes those alone. Writing a part of a chunk
    decodes and encodes the rest of it again, which loses more each time: write whole chunks.
    Pictures beyond the end of the array, in its last chunk, are encoded, too, as fill values;
    zarr does not store a chunk of nothing but fill values.

    Keyword arguments: `model` (a name or 16 hex digits), `quality` | `nbytes` | `bpp` | `psnr` and
    `effort`, those of `pseudocodec.save`, and `axes`: "HW", "HWC", "NHW" or "NHWC" where the shape
    of a chunk would be misread (three axes are HWC when the last is 3 long, else NHW).

    Raises PslError for other arguments.
    """

    is_fixed_size = False
    settings: Settings

    def __init__(self, **settings: Any) -> None:
        object.__setattr__(self, "settings", Settings.of(settings))

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """The codec of an array's metadata. Raises PslError for settings there are not."""
        _, configuration = parse_named_configuration(data, NAME, require_configuration=False)
        return cls(**(configuration or {}))

    def to_dict(self) -> dict[str, JSON]:
        """The codec as it stands in an array's metadata."""
        return {"name": NAME, "configuration": self.settings.to_json()}

    def validate(
        self,
        *,
        shape: tuple[int, ...],
        dtype: ZDType[TBaseDType, TBaseScalar],
        chunk_grid: ChunkGrid,
    ) -> None:
        """Refuse, with a PslError, arrays whose chunks cannot be images of dtype uint8.

        Codecs before this one may transpose: the order of the axes is checked when a chunk is
        encoded.
        """
        if dtype.to_native_dtype() != np.uint8:
            raise PslError(
                f"psl chunks hold images of dtype uint8, not {dtype.to_native_dtype()}: create the "
                "array with dtype='uint8'"
            )
        chunk = chunk_grid.chunk_shape if isinstance(chunk_grid, RegularChunkGrid) else shape
        axes = self.settings.axes or {2: "HW", 3: "NHW", 4: "NHWC"}.get(len(chunk), "")
        if len(axes) != len(chunk) or ("C" in axes and 3 not in chunk):
            raise PslError(
                f"chunks of shape {chunk} are no images of axes {axes or 'HW, HWC, NHW or NHWC'} "
                "(C is 3 long): choose chunks of whole pictures"
            )

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Not known before encoding."""
        raise NotImplementedError

    async def _encode_single(self, chunk_data: NDBuffer, chunk_spec: ArraySpec) -> Buffer:
        array = chunk_data.as_numpy_array()
        data = await asyncio.to_thread(encode_chunk, array, self.settings)
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        array = await asyncio.to_thread(decode_chunk, chunk_data.to_bytes(), chunk_spec.shape)
        return chunk_spec.prototype.nd_buffer.from_numpy_array(array)

    async def _decode_partial_single(
        self, byte_getter: ByteGetter, selection: SelectorTuple, chunk_spec: ArraySpec
    ) -> NDBuffer | None:
        """The selected part of a chunk, of which only the pictures it needs are decoded.

        The whole chunk is fetched: it has few bytes, and the time goes into the net.
        """
        data = await byte_getter.get(prototype=chunk_spec.prototype)
        if data is None:
            return None
        first = selection[0] if isinstance(selection, tuple) and selection else slice(None)
        wanted = np.unique(np.arange(chunk_spec.shape[0])[first]).tolist()
        array = await asyncio.to_thread(
            decode_chunk, data.to_bytes(), chunk_spec.shape, wanted=wanted
        )
        return chunk_spec.prototype.nd_buffer.from_numpy_array(array[selection])
