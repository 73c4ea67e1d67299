"""One picture to a payload and back."""

from __future__ import annotations

import os
import warnings
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.container import Geometry
from pseudocodec.errors import Corrupt, DeviceDependentWarning, PslError, TooLarge
from pseudocodec.integrations.compressai.stream import Stream
from pseudocodec.photo.tensors import tensor_of, window
from pseudocodec.photo.tiles import Box

if TYPE_CHECKING:
    from pseudocodec.integrations.compressai.model import CompressaiModel

MAX_PIXELS = 1 << 24  # of a picture: the nets see it whole, which takes 10 GiB of memory
PADDING = 64  # pixels; a hyper-latent, along each side
LATENT = 16  # pixels a latent, along each side
QUIET = "PSEUDOCODEC_DEVICE_DEPENDENT_OK"  # environment: set, it silences the warning

FLAGS, CRC = Struct("<B"), Struct("<I")
GREY, DEVICE_DEPENDENT = 1, 2


def encode_payload(model: CompressaiModel, pixels: Pixels, *, device: str = "auto") -> bytes:
    """The payload of a picture (H, W, 1 or 3). Raises TooLarge for more than MAX_PIXELS."""
    import torch

    padded = _padded(*pixels.shape[:2])
    network, where = model.network(device)
    with torch.inference_mode():
        y = network.g_a(tensor_of(window(pixels, padded), where))
        if not torch.isfinite(y).all():
            raise PslError("the nets gave latents that are not finite: the model is damaged")
        stream = Stream()
        model.code(network, stream, y, y)
    flags = GREY if pixels.shape[2] == 1 else 0
    if not model.config.kind.hyper:
        return FLAGS.pack(flags) + stream.written()
    return FLAGS.pack(flags | DEVICE_DEPENDENT) + CRC.pack(stream.checksum) + stream.written()


def decode_payload(
    model: CompressaiModel,
    payload: bytes,
    size: Geometry | None,
    *,
    device: str = "auto",
    device_dependent_ok: bool = False,
) -> NDArray[np.uint8]:
    """The picture (H, W) or (H, W, 3) of a payload.

    A file that depends on its device gives a DeviceDependentWarning unless `device_dependent_ok`,
    or the environment variable PSEUDOCODEC_DEVICE_DEPENDENT_OK, says that this is known. Raises
    Corrupt for a payload that `encode_payload` does not write, TooLarge for more than MAX_PIXELS,
    PslError where the nets of this device choose other tables than the encoder's.
    """
    import torch

    if size is None:
        raise Corrupt("the file does not say how large its picture is; it is damaged")
    padded = _padded(size.height, size.width)
    grey, checksum, start = _unpack(model, payload)
    if checksum is not None and not (device_dependent_ok or os.environ.get(QUIET)):
        warnings.warn(
            f"files of model {model.facts.name!r} depend on the device: they decode for certain "
            f"only where they were encoded; device_dependent_ok=True or {QUIET}=1 in the "
            "environment hides this",
            DeviceDependentWarning,
            stacklevel=3,
        )
    network, where = model.network(device)
    with torch.inference_mode():
        stream = Stream(payload[start:])
        shape = (1, model.config.M, padded.height // LATENT, padded.width // LATENT)
        y_hat = model.code(network, stream, torch.zeros(1, device=where).expand(shape), None)
        if checksum not in (None, stream.checksum):
            raise PslError(
                "the nets choose other entropy tables here than where the file was encoded: "
                "decode it on the same device, with the same versions and number of threads"
            )
        if stream.written() != payload[start:]:
            raise Corrupt("the payload is none that this model gives; the file is damaged")
        image = network.g_s(y_hat)[0, :, : size.height, : size.width]
        if grey:
            image = image.mean(0, keepdim=True)
        scaled = (image.clamp(0, 1) * 255).round().to(torch.uint8)
    pixels: NDArray[np.uint8] = scaled.permute(1, 2, 0).cpu().numpy()
    return pixels[:, :, 0] if grey else pixels


def _padded(height: int, width: int) -> Box:
    if height * width > MAX_PIXELS:
        raise TooLarge(
            f"a picture of {width} x {height} pixels: CompressAI's nets see a picture whole, and "
            f"take up to {MAX_PIXELS} pixels here; use the photo model"
        )
    return Box(0, 0, -(-height // PADDING) * PADDING, -(-width // PADDING) * PADDING)


def _unpack(model: CompressaiModel, payload: bytes) -> tuple[bool, int | None, int]:
    """Whether a picture is grey, the CRC-32 of its indices, and where its stream begins."""
    start = FLAGS.size + (CRC.size if model.config.kind.hyper else 0)
    if len(payload) < start:
        raise Corrupt(f"a payload of {len(payload)} bytes, at least {start} are needed: truncated")
    flags = payload[0]
    if flags & ~GREY != (DEVICE_DEPENDENT if model.config.kind.hyper else 0):
        raise Corrupt(f"compressai: flags {flags:#x} do not fit the model; the file is damaged")
    checksum = CRC.unpack_from(payload, FLAGS.size)[0] if model.config.kind.hyper else None
    return bool(flags & GREY), checksum, start
