"""imageio reads and writes .psl files: `import pseudocodec.integrations.imageio` is all it takes.

    import imageio.v3 as iio
    import pseudocodec.integrations.imageio

    iio.imwrite("photo.psl", array, quality=50)  # the options of pseudocodec.encode
    iio.imread("photo.psl")
    iio.imwrite("digits.psl", stack, is_batch=True, model="digits", nbytes=16)  # an archive
    iio.imread("digits.psl").shape, iio.imread("digits.psl", index=7).shape

`imopen` takes `max_pixels` and `device` for reading, as `pseudocodec.decode` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec._frames import Frames, Shape, archive_bytes, frames_of
from pseudocodec.codec import encode
from pseudocodec.container import MAX_PIXELS
from pseudocodec.container.layout import MAGIC
from pseudocodec.errors import OutOfRange, PslError, TooLarge
from pseudocodec.inspection import info

try:
    from imageio.config import known_extensions, known_plugins
    from imageio.config.extensions import FileExtension, extension_list
    from imageio.config.plugins import PluginConfig
    from imageio.core.request import RETURN_BYTES, InitializationError, IOMode, Request
    from imageio.core.v3_plugin_api import ImageProperties, PluginV3
except ImportError as error:
    raise ImportError(
        'this needs imageio 2.31 or later: pip install "pseudocodec[imageio]"'
    ) from error

NAME = "pseudocodec"
EXTENSION = ".psl"


class IndexOutOfRange(OutOfRange, ValueError):
    """No picture of that number (a ValueError too, as imageio promises)."""


class PslPlugin(PluginV3):
    """One .psl file, open for reading or for writing.

    `index` is the number of a picture; `...` means all of them, stacked along a new first axis;
    None, the default, means all of an archive, and the picture of a file of one.
    """

    def __init__(
        self, request: Request, *, max_pixels: int = MAX_PIXELS, device: str = "auto"
    ) -> None:
        """Check that it is a .psl file, or is to be one; the header is read when first needed.

        imageio would put a sentence of its own in place of what is wrong with a header read here.
        """
        super().__init__(request)
        self._max_pixels, self._device, self._written = max_pixels, device, False
        if request.mode.io_mode == IOMode.read:
            if not request.firstbytes.startswith(MAGIC):
                raise InitializationError(f"{request.raw_uri!r:.60} is no {EXTENSION} file")
        elif request.extension != EXTENSION:
            raise InitializationError(f"{request.raw_uri!r:.60} is not to be a {EXTENSION} file")

    def read(self, *, index: Any = None) -> NDArray[np.uint8]:
        """The pictures that `index` means: (H, W), (H, W, 2), (H, W, 3) or (H, W, 4); or (n, ...).

        Raises IndexOutOfRange; TooLarge for a stack of more than `max_pixels` pixels; PslError for
        one of pictures of different sizes; and what `pseudocodec.decode` raises.
        """
        if self._is_one(index):
            return self._frames.picture(self._number(index))
        shape = self._stacked()
        if shape[0] * shape[1] * shape[2] > self._max_pixels:
            raise TooLarge(
                f"{shape[0]} pictures of {shape[2]} x {shape[1]} pixels are more than the limit of "
                f"{self._max_pixels} together: read them one by one, with imiter or index="
            )
        stack = np.empty(shape, np.uint8)
        for number, picture in enumerate(self._frames):
            if picture.shape != shape[1:]:
                raise self._unequal(number, shape[1:], picture.shape)
            stack[number] = picture
        return stack

    def iter(self) -> Iterator[NDArray[np.uint8]]:
        """Every picture in order."""
        return iter(self._frames)

    def write(
        self, ndimage: ArrayLike | list[ArrayLike], *, is_batch: bool | None = None, **options: Any
    ) -> bytes | None:
        """Encode a picture to a file, or a batch to an archive; nothing is written before it is.

        Args:
            ndimage: a picture as `pseudocodec.encode` takes it, channels last; or a batch: a list
                of pictures, or an array of them stacked along its first axis.
            is_batch: which of the two. By default lists are batches, and so are arrays of 4 axes,
                or of 3 axes of which the last is longer than 4.
            options: those of `pseudocodec.encode`, of a batch those of `pseudocodec.save`.

        Raises what these two raise, and PslError when called twice.
        """
        if self._written:
            raise PslError("a .psl file is written at once: pass all its pictures in one list")
        if is_batch is None:
            is_batch = isinstance(ndimage, list | tuple) or _looks_like_batch(np.shape(ndimage))
        if is_batch:
            pictures = cast(Iterable[ArrayLike], ndimage)
            data = archive_bytes([np.asarray(picture) for picture in pictures], **options)
        else:
            data = encode(np.asarray(ndimage), **options)
        self.request.get_file().write(data)
        self._written = True
        return data if self.request.raw_uri == RETURN_BYTES else None

    def properties(self, index: Any = None) -> ImageProperties:
        """Shape and dtype of what `read` returns, without decoding it."""
        if self._is_one(index):
            shape = self._frames.shape(self._number(index))
            return ImageProperties(shape=shape, dtype=np.dtype(np.uint8))
        shape = self._stacked()
        return ImageProperties(
            shape=shape, dtype=np.dtype(np.uint8), n_images=shape[0], is_batch=True
        )

    def metadata(self, index: Any = None, exclude_applied: bool = True) -> dict[str, Any]:
        """What `pseudocodec.info` says of the file, and icc_profile where there is one.

        Pictures of an archive have nothing of their own, so any `index` gives the same.
        """
        if index is not None and index is not ...:
            self._number(index)
        return info(self.request.get_file()) | self._frames.info

    @cached_property
    def _frames(self) -> Frames:
        file = self.request.get_file()
        return frames_of(file, max_pixels=self._max_pixels, device=self._device)

    def _is_one(self, index: Any) -> bool:
        return index is not ... and (index is not None or not self._frames.archive)

    def _number(self, index: Any) -> int:
        """The number of the picture that `index` means, 0 for None."""
        count = len(self._frames)
        try:
            return range(count)[0 if index is None else index]
        except IndexError as error:
            raise IndexOutOfRange(
                f"index={index}: the file holds {count}, numbered from 0"
            ) from error

    def _stacked(self) -> Shape:
        return (len(self._frames), *self._frames.shape(0))

    def _unequal(self, number: int, first: Shape, other: Shape) -> PslError:
        return PslError(
            f"picture {number} has shape {other} and picture 0 {first}, which do not stack: read "
            "them one by one, with imiter or index="
        )


def register() -> None:
    """Make imageio know the plugin; importing this module does it, and twice does no harm.

    It comes first of all plugins: it looks at six bytes, and Pillow's, which would take .psl files
    too where `pseudocodec.pillow` is imported, reads the first picture of an archive only.
    """
    if NAME in known_plugins:
        return
    others = dict(known_plugins)
    known_plugins.clear()
    known_plugins[NAME] = PluginConfig(NAME, PslPlugin.__name__, __name__)
    known_plugins.update(others)
    extension = FileExtension(extension=EXTENSION, priority=[NAME], name="pseudocodec picture")
    known_extensions[EXTENSION] = [extension]
    extension_list.append(extension)


def _looks_like_batch(shape: Shape) -> bool:
    return len(shape) == 4 or (len(shape) == 3 and shape[2] > 4)


register()
