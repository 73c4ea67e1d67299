"""Whatever a user holds, as integer arrays; for `image.as_array` and `picture.as_picture`."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from pseudocodec._text import label
from pseudocodec.errors import PslError

Pixels: TypeAlias = npt.NDArray[np.uint8 | np.uint16]
Plane: TypeAlias = npt.NDArray[np.uint8 | np.uint16]

_DTYPES = "uint8, uint16, bool, or float in [0, 1]"
_DEEP_GREY = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_ACCEPTED = (*_DEEP_GREY, "1", "L", "LA", "P", "PA", "RGB", "RGBA", "F")
_REMEDIES = {"La": "LA", "RGBa": "RGBA"}  # premultiplied


def damaged(name: str, error: Exception) -> PslError:
    """The sentence for a picture that Pillow began to read and could not finish."""
    reason = label(error).rstrip(".") or type(error).__name__
    return PslError(f"{name} is damaged: {reason}")


def split(image: object) -> tuple[Pixels, Plane | None]:
    """Any accepted picture -> colours (H, W, 1) or (H, W, 3) and alpha (H, W), of one dtype.

    The dtype is uint8 or uint16; alpha is None when opaque everywhere. What is accepted, and what
    raises PslError: see `image.as_array`.
    """
    if isinstance(image, Image.Image):
        array = _from_pil(image)
    elif isinstance(image, np.ndarray):
        array = image
    elif type(image).__module__.partition(".")[0] == "torch" and hasattr(image, "detach"):
        array = _from_tensor(image)
    else:
        raise PslError(
            f"an image must be a PIL image, a numpy array or a torch tensor, got "
            f"{type(image).__name__}: open files with PIL.Image.open, wrap lists in numpy.asarray"
        )
    pixels = _to_integers(_to_three_axes(array))
    if pixels.shape[2] in (1, 3):
        return pixels, None
    alpha = pixels[:, :, -1]
    return pixels[:, :, :-1], None if opaque(alpha) else alpha


def opaque(alpha: Plane) -> bool:
    """Whether `alpha` is the full scale of its dtype everywhere."""
    return bool(alpha.min() == np.iinfo(alpha.dtype).max)


def upright(image: Image.Image) -> Image.Image:
    """`image` turned as its EXIF orientation says, itself when it says nothing.

    Unreadable EXIF data counts as none, as in viewers.
    """
    with suppress(Exception):  # Pillow's EXIF reader raises nearly anything on damaged data
        if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            return ImageOps.exif_transpose(image)
    return image


def _from_pil(image: Image.Image) -> npt.NDArray[Any]:
    try:
        image.load()
    except Exception as error:  # opened lazily, and damaged
        raise damaged("the image", error) from error
    image = upright(image)
    if image.mode not in _ACCEPTED:
        raise PslError(_unaccepted(image.mode))
    try:
        return _channels(image)
    except PslError:
        raise
    except Exception as error:  # a palette or colour key that Pillow cannot apply
        raise damaged("the image", error) from error


def _unaccepted(mode: str) -> str:
    remedy = f'image.convert("{_REMEDIES.get(mode, "RGB")}")'
    if mode == "CMYK":
        remedy += ", or with PIL.ImageCms where the colours of its ICC profile matter"
    return f"images of mode {mode} are not supported: convert them with {remedy}"


def _channels(image: Image.Image) -> npt.NDArray[Any]:
    """The channels of a loaded image of an accepted mode, channels last, alpha included."""
    mode = image.mode
    colour_key = "transparency" in image.info
    if mode in _DEEP_GREY:
        return _deep_grey(image)
    if mode in ("P", "PA"):
        return _from_palette(image, alpha=mode == "PA" or colour_key)
    if mode in ("1", "L") and colour_key:
        return np.asarray(image.convert("LA"))
    if mode == "RGB" and colour_key:
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image)


def _from_palette(image: Image.Image, *, alpha: bool) -> npt.NDArray[np.uint8]:
    array = np.asarray(image.convert("RGBA" if alpha else "RGB"))
    if (array[..., :3] == array[..., :1]).all():
        return array[..., [0, 3]] if alpha else array[..., :1]
    return array


def _deep_grey(image: Image.Image) -> npt.NDArray[Any]:
    array = np.asarray(image)
    if array.size and array.dtype.kind == "i":
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 65535:
            raise PslError(
                f"an image of mode I must hold 0 to 65535, found {low if low < 0 else high}: "
                f"scale it to 16 bits"
            )
    grey: npt.NDArray[np.uint16] = array.astype(np.uint16)
    colour_key = image.info.get("transparency")
    if colour_key is None:
        return grey
    return np.dstack([grey, np.where(array == colour_key, 0, 65535).astype(np.uint16)])


def _from_tensor(tensor: Any) -> npt.NDArray[Any]:
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
