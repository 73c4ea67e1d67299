"""Whatever a user holds, as integer arrays; for `image.as_array`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from pseudocodec._text import label
from pseudocodec.errors import PslError

Pixels: TypeAlias = npt.NDArray[np.uint8 | np.uint16]

_DTYPES = "uint8, uint16, bool, or float in [0, 1]"
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_DIRECT = ("1", "L", "LA", "RGB", "RGBA", "F")


def damaged(name: str, error: Exception) -> PslError:
    """The sentence for a picture that Pillow began to read and could not finish."""
    reason = label(error).rstrip(".") or type(error).__name__
    return PslError(f"{name} is damaged: {reason}")


def from_pil(image: Image.Image) -> npt.NDArray[Any]:
    """The pixels of a PIL image, channels last, alpha included."""
    try:
        image.load()
    except Exception as error:  # opened lazily, and damaged
        raise damaged("the image", error) from error
    mode = image.mode
    if mode in _DEEP_GREY:
        return _deep_grey(image)
    colour_key = "transparency" in image.info
    if mode in ("1", "L") and colour_key:
        return np.asarray(image.convert("LA"))
    if mode == "RGB" and colour_key:
        return np.asarray(image.convert("RGBA"))
    if mode in ("P", "PA"):
        return _from_palette(image, alpha=mode == "PA" or colour_key)
    if mode not in _DIRECT:
        raise PslError(
            f'images of mode {mode} are not supported: convert them with image.convert("RGB")'
        )
    return np.asarray(image)


def _from_palette(image: Image.Image, *, alpha: bool) -> npt.NDArray[np.uint8]:
    array = np.asarray(image.convert("RGBA" if alpha else "RGB"))
    if (array[..., :3] == array[..., :1]).all():
        return array[..., [0, 3]] if alpha else array[..., :1]
    return array


def _deep_grey(image: Image.Image) -> npt.NDArray[Any]:
    array = np.asarray(image)
    colour_key = image.info.get("transparency")
    if colour_key is not None and (array == colour_key).any():
        raise _transparent()
    if array.size and array.dtype.kind == "i":
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 65535:
            raise PslError(
                f"an image of mode I must hold 0 to 65535, found {low if low < 0 else high}: "
                f"scale it to 16 bits"
            )
    return array.astype(np.uint16)


def from_tensor(tensor: Any) -> npt.NDArray[Any]:
    """The values of a torch tensor (H, W) or (C, H, W), channels last."""
    if tensor.ndim == 3 and tensor.shape[0] > 4:
        raise PslError(
            f"a tensor must be channels first, (C, H, W) with C of 1 to 4, got shape "
            f"{tuple(tensor.shape)}: use .permute(2, 0, 1), or pass a numpy array"
        )
    try:
        # numpy has no bfloat16, and float32 is ample for the 16 bits kept of it.
        tensor = tensor.detach().float() if tensor.is_floating_point() else tensor.detach()
        array: npt.NDArray[Any] = tensor.cpu().numpy()
    except (TypeError, RuntimeError, NotImplementedError) as error:  # sparse, meta, complex...
        raise PslError(f"cannot read the tensor's values: {label(error)}") from error
    return array.transpose(1, 2, 0) if array.ndim == 3 else array


def canonical(array: npt.NDArray[Any]) -> Pixels:
    """`array`, channels last, checked and made uint8 or uint16 (H, W, 1) or (H, W, 3)."""
    return _without_alpha(_to_integers(_to_three_axes(array)))


def _to_three_axes(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 2, 3, 4)):
        raise PslError(
            f"an image must have shape (H, W) or (H, W, C) with C of 1 to 4, got {shape}: "
            f"pass one picture at a time, channels last"
        )
    if array.size == 0:
        raise PslError(f"the image is empty: its shape is {shape}")
    return array[:, :, None] if array.ndim == 2 else array


def _to_integers(array: npt.NDArray[Any]) -> Pixels:
    dtype = array.dtype
    if dtype.kind == "f":
        return _from_float(array)
    if dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return array.astype(dtype.newbyteorder("="), copy=False)
    if dtype.kind in "iu":
        raise PslError(_wrong_integers(array))
    raise PslError(f"an image must be of dtype {_DTYPES}, got {dtype}")


def _wrong_integers(array: npt.NDArray[Any]) -> str:
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 65535:
        value = low if low < 0 else high
        return f"an image of dtype {array.dtype} holds {value}: scale it to {_DTYPES}"
    target = "uint8" if high <= 255 else "uint16"
    return (
        f"images of dtype {array.dtype} are not accepted, since their range is unclear: "
        f"convert with .astype('{target}') (values here: {low} to {high})"
    )


def _from_float(array: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    low, high = float(array.min()), float(array.max())  # NaN if any value is
    if not (low >= 0.0 and high <= 1.0):
        value = high if low >= 0.0 else low
        raise PslError(
            f"an image of dtype {array.dtype} must hold values in [0, 1], found {value:g}: "
            f"scale it, for example divide by 255"
        )
    scaled: npt.NDArray[np.float32] = array.astype(np.float32) * np.float32(65535)
    return np.rint(scaled).astype(np.uint16)


def _without_alpha(array: Pixels) -> Pixels:
    if array.shape[2] in (1, 3):
        return array
    if (array[:, :, -1] != np.iinfo(array.dtype).max).any():
        raise _transparent()
    return array[:, :, :-1]


def _transparent() -> PslError:
    return PslError(
        "the image is transparent somewhere and alpha is not stored: "
        "paste it on a background first, or drop its alpha channel"
    )
