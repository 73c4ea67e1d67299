"""One picture to .psl bytes and back, whatever the model."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.container import (
    MAX_PIXELS,
    Geometry,
    Single,
    Source,
    open_source,
    read_single,
    read_whole,
    write_single,
)
from pseudocodec.container.layout import COMMON, GEOMETRY
from pseudocodec.container.single import read_single_front
from pseudocodec.container.source import Bounded
from pseudocodec.errors import Corrupt, PslError, TooLarge, UnverifiedWarning
from pseudocodec.model import (
    AnySizeModel,
    ForeignModel,
    Model,
    VectorModel,
    load_model,
    model_of,
)
from pseudocodec.photo.codec import Region, box_of, decode_photo, decode_region, encode_photo
from pseudocodec.photo.progress import OnProgress
from pseudocodec.photo.tiles import Grid
from pseudocodec.picture import KNOWN
from pseudocodec.pipeline import (
    Coder,
    check_payload_size,
    decode_payloads,
    encode_bits,
    encode_psnr,
    finish,
    prepare,
)
from pseudocodec.rate import DEFAULT_MODEL, Target, quality_bits

if TYPE_CHECKING:
    from os import PathLike


def encode(
    image: object,
    *,
    model: str | PathLike[str] | Model = DEFAULT_MODEL,
    quality: float | None = None,
    nbytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    effort: int = 3,
    device: str = "auto",
    resize: bool = False,
    progressive: bool = True,
    on_progress: OnProgress = None,
) -> bytes:
    """Compress one picture to the bytes of a .psl file.

    Args:
        image: a PIL image, an array uint8 / uint16 / float in [0, 1] of shape (H, W) or (H, W, 3),
            or a torch tensor (H, W) or (C, H, W). The photo model takes alpha, too: (H, W, 2) or
            (H, W, 4), which it keeps losslessly, and ICC profiles of PIL images.
        model: a name (see `models`), a .safetensors file, or a `Model`. "photo" takes pictures of
            any size; models of one kind of pictures, such as "digits", are chosen by name.
        quality: 0 (smallest) to 100 (best); 60 when no target is given.
        nbytes: the file has at most so many bytes in all.
        bpp: the same, in bits a pixel.
        psnr: decibels to reach, against the picture at the model's size, in 8 bits.
        effort: 0 to 9, time for a closer match; the decoder does not notice.
        device: "auto", "cpu", "cuda", "cuda:1" ...
        resize: fit a picture of another size to the model's; decoding returns the original size.
        progressive: every prefix of the file decodes to a coarser picture (`decode(partial=True)`).
            False takes the model's dense code where it has one: the same picture in fewer bytes,
            all of them needed. Photo files, and those of one seed, never decode from a prefix.
        on_progress: called now and then with a `photo.progress.Progress` (done, total, bpp, psnr)
            by models that are fitted to the picture, which takes minutes. Ctrl-C ends the fit, and
            what it found so far is the file.

    Pictures of 16 bits are reduced to 8.

    Raises PslError: two targets at once, a value out of range, a picture the model cannot take, a
    target that cannot be met. UnknownModel: no such model.
    """
    target, loaded = Target.of(quality, nbytes, psnr, bpp), load_model(model)
    if isinstance(loaded, AnySizeModel):
        return encode_photo(
            loaded, image, target, effort=effort, device=device, on_progress=on_progress
        )
    if isinstance(loaded, ForeignModel):
        return loaded.encode_picture(image, target, device=device)
    assert isinstance(loaded, VectorModel)
    pixels, geometry = prepare(image, loaded, fit=resize)
    coder = Coder(loaded, loaded.writes_dense(progressive=progressive), effort, device)
    if target.psnr is not None:
        [(payload, _)] = encode_psnr(coder, [pixels], target.psnr, align=8)
    else:
        [(payload, _)] = encode_bits(coder, [pixels], _bits(target, coder, geometry))
    return write_single(loaded.id, payload, geometry=geometry, dense=coder.dense)


def decode(
    source: Source,
    *,
    partial: bool = False,
    region: Region | None = None,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    device: str = "auto",
) -> NDArray[np.uint8]:
    """Decompress a single-picture .psl file to uint8 (H, W) or (H, W, 3).

    A picture with alpha gives (H, W, 2) or (H, W, 4).

    Args:
        source: the bytes, a path, or a seekable binary file object.
        partial: decode the beginning of a truncated progressive file to a coarser picture. Its
            checksum cannot be verified, which an UnverifiedWarning says.
        region: left, top, right, bottom in pixels: only this part. Of a large photo only the tiles
            it needs are read.
        keep_going: of a large photo with damaged or missing tiles decode the others; a
            DamagedWarning names the bad ones, which stay flat.
        max_pixels: refuse larger pictures, before they are allocated.
        device: "auto", "cpu", "cuda" ...

    Raises NotPsl, UnsupportedVersion, UnknownModel, Corrupt, TooLarge; PslError for an archive
    (use `open`) and for a region outside the picture.
    """
    if region is not None and not (partial or keep_going):
        with open_source(source) as opened:
            file = Bounded(opened)
            front = read_single_front(file, max_pixels=max_pixels, known=KNOWN)
            loaded = model_of(front.model_id)
            if isinstance(loaded, AnySizeModel) and _has_tiles(front.geometry):
                return decode_region(loaded, front, file, region, device=device)
    data = read_whole(source)
    single = read_single(data, partial=partial or keep_going, max_pixels=max_pixels, known=KNOWN)
    loaded = model_of(single.model_id)
    if isinstance(loaded, AnySizeModel):
        return decode_photo(loaded, single, region=region, keep_going=keep_going, device=device)
    if isinstance(loaded, ForeignModel):
        return loaded.decode_picture(single, region=region, device=device)
    assert isinstance(loaded, VectorModel)
    if not (single.verified or partial):
        raise Corrupt("the checksum of the file differs: it is truncated or damaged")
    return _cut(_decode_vector(loaded, single, max_pixels, device), region)


def _decode_vector(
    loaded: VectorModel, single: Single, max_pixels: int, device: str
) -> NDArray[np.uint8]:
    facts = loaded.facts
    if facts.width * facts.height > max_pixels:
        raise TooLarge(
            f"the picture has {facts.width} x {facts.height} pixels; the limit is {max_pixels}"
        )
    if single.chunks and any(chunk.tag in KNOWN for chunk in single.chunks):
        raise Corrupt("the file claims transparency, which its model does not have; it is damaged")
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
            stacklevel=3,
        )
    bits = 8 * len(single.payload)
    if single.verified:
        check_payload_size(coder, bits)
    elif bits > coder.code.max_bits:  # damage may append, too: only what can be there is read
        bits = coder.code.max_bits
    payload = (single.payload[: (bits + 7) // 8], bits)
    [picture] = decode_payloads(coder, [payload], partial=not single.verified)
    return finish(picture, single.geometry)


def _bits(target: Target, coder: Coder, geometry: Geometry | None) -> int:
    """Payload bits, a whole number of bytes, for a quality or a size of the whole file."""
    model = coder.model
    if target.quality is not None:
        return quality_bits(target.quality, model.facts.payload_bytes)
    size = target.bytes_for(model.facts.width * model.facts.height)
    assert size is not None
    front = COMMON.size + (GEOMETRY.size if geometry else 0)
    if size < front:
        raise PslError(
            f"nbytes={size}: a .psl file of one picture has {front} bytes before its "
            "payload; ask for more, or save many pictures in one archive"
        )
    code = coder.code
    needed = -(-code.least_bits // 8)
    if size - front < needed:
        raise PslError(
            f"nbytes={size}: the file of a picture of model {model.facts.name!r} has "
            f"{front + needed} bytes; ask for as many"
        )
    return min(8 * (size - front), max(code.max_bits // 8, needed) * 8)


def _has_tiles(geometry: Geometry | None) -> bool:
    """Whether a photo of that size has tiles with checksums of their own."""
    return geometry is not None and Grid(geometry.height, geometry.width).tiles > 1


def _cut(picture: NDArray[np.uint8], region: Region | None) -> NDArray[np.uint8]:
    if region is None:
        return picture
    height, width = picture.shape[:2]
    return picture[box_of(region, Grid(height, width)).slices]
