"""Pictures to payloads and back with one model: the pipeline without the container."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.container import Geometry, Record
from pseudocodec.encoding import describe
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.image import as_array, resize, to_8_bit
from pseudocodec.latent.base import LatentCode, Payload
from pseudocodec.lengths import by_length
from pseudocodec.metrics import psnr as psnr_of

if TYPE_CHECKING:
    from pseudocodec.model.vectors import VectorModel

BATCH = 256  # pictures decoded together


def prepare(image: object, model: VectorModel, *, fit: bool) -> tuple[Pixels, Geometry | None]:
    """A picture of any accepted kind -> (H, W, C) of the model's size, and its own size if changed.

    Raises PslError, naming both sizes or colours and what to do, for a picture the model cannot
    take: with `fit` only for its colours.
    """
    pixels, facts = as_array(image), model.facts
    height, width, channels = pixels.shape
    names = {1: "grey", 3: "RGB"}
    if channels != facts.channels:
        remedy = 'image.convert("L")' if facts.channels == 1 else 'image.convert("RGB")'
        raise PslError(
            f"the picture is {names[channels]}, model {facts.name!r} takes "
            f"{names[facts.channels]} pictures: convert it first with {remedy}"
        )
    if (width, height) == (facts.width, facts.height):
        return pixels, None
    if not fit:
        raise PslError(
            f"the picture has {width} x {height} pixels, model {facts.name!r} takes "
            f"{facts.width} x {facts.height}: pass resize=True (--resize) to fit it; "
            "decoding then returns the original size"
        )
    return resize(pixels, facts.width, facts.height), Geometry(width, height)


@dataclass(frozen=True)
class Coder:
    """A model with one of its latent codes, an effort and a device: what a request settles on."""

    model: VectorModel
    dense: bool
    effort: int = 3
    device: str = "auto"

    @property
    def code(self) -> LatentCode:
        """The latent code. Raises PslError when the model has no dense one."""
        return self.model.code_for(self.dense)


def encode_bits(
    coder: Coder, images: Sequence[Pixels], bits: float, ladder: Sequence[int] = ()
) -> list[Payload]:
    """Prepared pictures -> one payload each, of `bits` bits, a whole number.

    With a `ladder` of lengths (`allocation.ladder`) `bits` is their mean, any number.
    """
    described = describe(
        coder.model,
        coder.code,
        images,
        bits,
        effort=coder.effort,
        device=coder.device,
        ladder=ladder,
    )
    return [coder.code.pack(symbols[None], length)[0] for symbols, length in described]


def encode_psnr(coder: Coder, images: Sequence[Pixels], target: float, align: int) -> list[Payload]:
    """Prepared pictures -> for each the shortest payload found that decodes at `target` dB or more.

    Sizes tried are those of whole atoms, rounded up to `align` bits. Raises PslError for a picture
    that does not reach the target at the model's largest size.
    """
    code = coder.code
    wanted = [to_8_bit(image) for image in images]
    sizes = _sizes(code, align)
    low, high = np.zeros(len(images), int), np.full(len(images), len(sizes) - 1)
    found: dict[int, Payload] = {}
    best = np.zeros(len(images))
    while np.any(low <= high):  # bisection, the pictures at the same size together
        middle = np.where(low <= high, (low + high) // 2, -1)
        for step in sorted(set(middle.tolist()) - {-1}):
            members = np.flatnonzero(middle == step).tolist()
            bits = sizes[step]
            payloads = encode_bits(coder, [images[i] for i in members], bits)
            decoded = decode_payloads(coder, payloads)
            for i, payload, picture in zip(members, payloads, decoded, strict=True):
                reached = psnr_of(wanted[i], picture)
                best[i] = max(best[i], reached)
                if reached >= target:
                    found[i], high[i] = payload, step - 1
                else:
                    low[i] = step + 1
    for i in range(len(images)):
        if i not in found:
            raise PslError(
                f"psnr={target}: model {coder.model.facts.name!r} reaches {best[i]:.1f} dB on this "
                f"picture with {-(-code.max_bits // 8)} bytes, its most; ask for less, or for "
                "quality=100"
            )
    return [found[i] for i in range(len(images))]


def decode_payloads(
    coder: Coder, payloads: Sequence[Payload], *, partial: bool = False
) -> NDArray[np.uint8]:
    """Payloads -> pictures (n, H, W, C) of the model's size. Raises Corrupt for impossible ones."""
    code = coder.code
    latents = np.empty((len(payloads), code.dims), np.float32)
    levels = np.empty(len(payloads), np.float32)
    for bits, members in by_length(np.array([bits for _, bits in payloads], np.int64)):
        usable = code.usable_bits(bits, partial=partial)
        rows = [code.unpack(payloads[i][0], bits, partial=partial) for i in members]
        latents[members] = code.decode(np.stack(rows), usable)
        levels[members] = code.level(usable)
    return coder.model.synthesise(latents, levels, coder.device)


def decode_records(
    coder: Coder, records: Sequence[Record], default: Geometry | None
) -> Iterator[NDArray[np.uint8]]:
    """Records of an archive -> pictures (H, W) or (H, W, 3) at their own sizes."""
    decoded = decode_payloads(coder, [(r.payload, r.nbits) for r in records])
    for record, picture in zip(records, decoded, strict=True):
        yield finish(picture, record.geometry or default)


def finish(picture: NDArray[np.uint8], geometry: Geometry | None) -> NDArray[np.uint8]:
    """A picture (H, W, C) at its own size, without the channel axis when grey."""
    if geometry is not None:
        resized = resize(picture, geometry.width, geometry.height)
        picture = resized.astype(np.uint8, copy=False)
    return picture[:, :, 0] if picture.shape[2] == 1 else picture


def check_payload_size(coder: Coder, bits: int) -> None:
    """Refuse a payload longer than the model can describe, before anything is decoded."""
    if bits > coder.code.max_bits + 7:
        raise Corrupt(
            f"the payload has {bits} bits; model {coder.model.facts.name!r} describes at most "
            f"{coder.code.max_bits}: the file is damaged"
        )


def _sizes(code: LatentCode, align: int) -> list[int]:
    """Payload sizes worth trying for a PSNR target, ascending and aligned.

    Where prefixes decode, those that end with a whole symbol. For other codes multiples of two
    bytes: finer steps would cost an archive as much for its index as they save.
    """
    least = -(-code.least_bits // align) * align
    longest = max(code.max_bits // align * align, least)
    whole = {code.usable_bits(bits, partial=True) for bits in range(code.max_bits + 1)}
    if len(whole) == 1:
        whole = set(range(0, code.max_bits + 1, 16))
    sizes = {-(-bits // align) * align for bits in whole}
    return sorted({size for size in sizes if least <= size <= longest} | {longest})
