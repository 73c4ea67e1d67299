"""One picture to a .psl file and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import Geometry, Single, write_single
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.image import to_8_bit
from pseudocodec.integrations.compressai.payload import decode_payload, encode_payload
from pseudocodec.metrics import psnr
from pseudocodec.photo.codec import Region, box_of
from pseudocodec.photo.tiles import Grid
from pseudocodec.picture import as_picture, from_chunks, merge, to_chunks
from pseudocodec.rate import Target

if TYPE_CHECKING:
    from pseudocodec.integrations.compressai.model import CompressaiModel


def encode_picture(
    model: CompressaiModel, image: object, target: Target, *, device: str = "auto"
) -> bytes:
    """The .psl file of a picture, with its transparency and ICC profile.

    A model has one rate, so that `target.quality` chooses nothing. Raises PslError for a size or
    PSNR that it misses, TooLarge for more than MAX_PIXELS.
    """
    picture = as_picture(image)
    height, width, _ = picture.pixels.shape
    size = Geometry(width, height)
    payload = encode_payload(model, picture.pixels, device=device)
    chunks = to_chunks(picture)
    data = write_single(model.id, payload, geometry=size, chunks=chunks, dense=True)
    most, name = target.bytes_for(width * height), model.facts.name
    if most is not None and len(data) > most:
        raise PslError(
            f"a file of {most} bytes was asked for; model {name!r} has one rate, at which this "
            f"picture takes {len(data)}: choose another model"
        )
    if target.psnr is not None:
        got = decode_payload(model, payload, size, device=device, device_dependent_ok=True)
        reached = psnr(to_8_bit(picture.pixels), got.reshape(picture.pixels.shape))
        if reached < target.psnr:
            raise PslError(
                f"psnr={target.psnr}: model {name!r} has one rate, at which this picture has "
                f"{reached:.1f} dB: choose another model"
            )
    return data


def decode_picture(
    model: CompressaiModel,
    single: Single,
    *,
    region: Region | None = None,
    device: str = "auto",
    device_dependent_ok: bool = False,
) -> NDArray[np.uint8]:
    """The picture of a file: (H, W), (H, W, 3), with alpha (H, W, 2) or (H, W, 4).

    All of it is decoded for a `region`, too. Warns and raises as `decode_payload`.
    """
    if not single.verified:
        raise Corrupt("the checksum of the file differs: it is truncated or damaged")
    size = single.geometry
    pixels = decode_payload(
        model, single.payload, size, device=device, device_dependent_ok=device_dependent_ok
    )
    height, width = pixels.shape[:2]
    alpha, _ = from_chunks(single.chunks, width, height)
    return merge(pixels, alpha)[box_of(region, Grid(height, width)).slices]
