"""One picture to .psl bytes and back."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import (
    MAX_PIXELS,
    Geometry,
    Source,
    read_single,
    read_whole,
    write_single,
)
from pseudocodec.container.layout import COMMON, GEOMETRY
from pseudocodec.errors import Corrupt, PslError, TooLarge, UnverifiedWarning
from pseudocodec.model import Model, load_model
from pseudocodec.model.model import model_of
from pseudocodec.pipeline import (
    Coder,
    check_payload_size,
    decode_payloads,
    encode_bits,
    encode_psnr,
    finish,
    prepare,
)
from pseudocodec.rate import Target, quality_bits

if TYPE_CHECKING:
    from os import PathLike


def encode(
    image: object,
    *,
    model: str | PathLike[str] | Model = "digits",
    quality: float | None = None,
    nbytes: int | None = None,
    psnr: float | None = None,
    effort: int = 3,
    device: str = "auto",
    resize: bool = False,
    progressive: bool = True,
) -> bytes:
    """Compress one picture to the bytes of a .psl file.

    Args:
        image: a PIL image, an array uint8 / uint16 / float in [0, 1] of shape (H, W) or (H, W, 3),
            or a torch tensor (H, W) or (C, H, W).
        model: a name (see `models`), a .safetensors file, or a `Model`.
        quality: 0 (smallest) to 100 (best); 60 when no target is given.
        nbytes: the file has at most so many bytes in all.
        psnr: decibels to reach, against the picture at the model's size, in 8 bits.
        effort: 0 to 9, time for a closer match; the decoder does not notice.
        device: "auto", "cpu", "cuda", "cuda:1" ...
        progressive: every prefix of the file decodes to a coarser picture (`decode(partial=True)`).
            False takes the model's dense code where it has one: the same picture in fewer bytes,
            all of them needed.
        resize: fit a picture of another size to the model's; decoding returns the original size.

    Raises PslError: two targets at once, a value out of range, a picture the model cannot take, a
    target that cannot be met. UnknownModel: no such model.
    """
    target, loaded = Target.of(quality, nbytes, psnr), load_model(model)
    pixels, geometry = prepare(image, loaded, fit=resize)
    coder = Coder(loaded, not progressive and loaded.dense is not None, effort, device)
    if target.psnr is not None:
        [(payload, _)] = encode_psnr(coder, [pixels], target.psnr, align=8)
    else:
        [(payload, _)] = encode_bits(coder, [pixels], _bits(target, loaded, geometry))
    return write_single(loaded.id, payload, geometry=geometry, dense=coder.dense)


def decode(
    source: Source,
    *,
    partial: bool = False,
    max_pixels: int = MAX_PIXELS,
    device: str = "auto",
) -> NDArray[np.uint8]:
    """Decompress a single-picture .psl file to uint8 (H, W) or (H, W, 3).

    Args:
        source: the bytes, a path, or a seekable binary file object.
        partial: decode the beginning of a truncated progressive file to a coarser picture. Its
            checksum cannot be verified, which an UnverifiedWarning says.
        max_pixels: refuse larger pictures, before they are allocated.
        device: "auto", "cpu", "cuda" ...

    Raises NotPsl, UnsupportedVersion, UnknownModel, Corrupt, TooLarge; PslError for an archive
    (use `open`).
    """
    single = read_single(read_whole(source), partial=partial, max_pixels=max_pixels)
    loaded = model_of(single.model_id)
    facts = loaded.facts
    if facts.width * facts.height > max_pixels:
        raise TooLarge(
            f"the picture has {facts.width} x {facts.height} pixels; the limit is {max_pixels}"
        )
    coder = Coder(loaded, single.dense, device=device)
    if not single.verified:
        if single.dense:
            raise Corrupt(
                "the file is truncated or damaged and not progressive: no part of it decodes alone"
            )
        warnings.warn(
            "the file is truncated or damaged: the picture was decoded from its first "
            f"{len(single.payload)} payload bytes, unverified",
            UnverifiedWarning,
            stacklevel=2,
        )
    bits = 8 * len(single.payload)
    if single.verified:
        check_payload_size(coder, bits)
    elif bits > coder.code.max_bits:  # damage may append, too: only what can be there is read
        bits = coder.code.max_bits
    payload = (single.payload[: (bits + 7) // 8], bits)
    [picture] = decode_payloads(coder, [payload], partial=not single.verified)
    return finish(picture, single.geometry)


def _bits(target: Target, model: Model, geometry: Geometry | None) -> int:
    """Payload bits, a whole number of bytes, for a quality or a size of the whole file."""
    if target.quality is not None:
        return quality_bits(target.quality, model.facts.payload_bytes)
    assert target.nbytes is not None
    front = COMMON.size + (GEOMETRY.size if geometry else 0)
    if target.nbytes < front:
        raise PslError(
            f"nbytes={target.nbytes}: a .psl file of one picture has {front} bytes before its "
            "payload; ask for more, or save many pictures in one archive"
        )
    return min(8 * (target.nbytes - front), model.code.max_bits // 8 * 8)
