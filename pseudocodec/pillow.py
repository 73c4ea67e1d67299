"""Pillow opens and saves .psl files: `import pseudocodec.pillow` is all it takes.

    import pseudocodec.pillow
    from PIL import Image

    Image.open("photo.png").save("photo.psl", quality=50)
    with Image.open("photo.psl") as image:  # reads the header; pixels come when needed
        image.resize((64, 64))

An archive is an image of many frames. `save` takes the options of `pseudocodec.encode`, and
`icc_profile`, which replaces the image's own; with `save_all=True` it writes all frames of the
image and of `append_images` to an archive, or, as Pillow's WebP and GIF writers do, a plain
picture where there is only one. It encodes before it writes a byte; Pillow has emptied an existing
file by then, whatever the format, and removes one that it created if saving fails.

Pillow's own limits hold: `Image.MAX_IMAGE_PIXELS` when a file is opened and at each seek, before
anything is decoded, and `ImageFile.LOAD_TRUNCATED_IMAGES`, which decodes what is left of a
truncated file as `pseudocodec.decode(partial=True, keep_going=True)` does.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import IO, Any, BinaryIO, cast

from PIL import Image, ImageFile, UnidentifiedImageError

from pseudocodec._frames import Frames, Shape, archive_bytes, frames_of
from pseudocodec.codec import encode
from pseudocodec.container.layout import MAGIC
from pseudocodec.errors import NotPsl, PslError
from pseudocodec.inspection import verify

FORMAT = "PSL"
EXTENSION = ".psl"
MIME = "image/vnd.pseudocodec.psl"
"""In the vendor tree: RFC 6838 keeps the standards tree for standards, and discourages "x-"."""

OPTIONS = frozenset(
    ["model", "quality", "nbytes", "bpp", "psnr", "effort", "device", "resize", "progressive"]
)
"""Options of `save`, as in `pseudocodec.encode`."""

_LOOKALIKE = 0.85  # of two names, by difflib: "qualty" is quality, "alpha_quality" is not
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class PslImageError(PslError, OSError):
    """A .psl file that Pillow cannot decode or save; `__cause__` is the PslError behind it.

    An OSError because that is what programs that use Pillow expect.
    """


class UnidentifiedPslError(PslImageError, UnidentifiedImageError):
    """A .psl file that Pillow cannot open."""


class PslImageFile(ImageFile.ImageFile):
    """A .psl file, opened: of an archive the frame that `seek` chose, decoded when first used.

    `info` has model (its id), model_name, progressive, and icc_profile where there is one.
    """

    format = FORMAT
    format_description = "pseudocodec picture"
    n_frames = 1
    is_animated = False
    _frames: Frames
    _frame = 0
    _pending = False  # whether the frame is yet to be decoded; an unpickled image has no file

    def _open(self) -> None:
        """Read what stands before the payload."""
        try:
            with _as_pillow_expects(UnidentifiedPslError):
                self._frames = frames_of(self._file())
                shape = self._frames.shape(0)
        except UnidentifiedPslError as error:
            if isinstance(error.__cause__, NotPsl):  # Pillow goes on to the next plugin
                raise SyntaxError(str(error)) from error
            raise
        self.n_frames = len(self._frames)
        self.is_animated = self.n_frames > 1
        self.info.update(self._frames.info)
        self._show(0, shape)

    def seek(self, frame: int) -> None:
        """Turn to `frame`, which may have another size and mode. Raises EOFError outside."""
        if not self._seek_check(frame):
            return
        self._file()
        with _as_pillow_expects(PslImageError):
            shape = self._frames.shape(frame)
        Image._decompression_bomb_check((shape[1], shape[0]))
        self._show(frame, shape)

    def tell(self) -> int:
        """The number of the frame."""
        return self._frame

    def load(self) -> Any:
        """Decode the frame, once."""
        if self._pending:
            file = self._file()
            with _as_pillow_expects(PslImageError):
                partial = ImageFile.LOAD_TRUNCATED_IMAGES
                pixels = self._frames.picture(self._frame, partial=partial)
            image = Image.fromarray(pixels)
            if image.mode != self.mode:  # alpha that is opaque everywhere, which decoding drops
                image = image.convert(self.mode)
            self.im, self.readonly, self._pending = image.im, image.readonly, False
            if self.n_frames == 1:
                if self._exclusive_fp:
                    file.close()
                self.fp = None
        return super().load()

    def verify(self) -> None:
        """Check every checksum of the file, without decoding. Raises PslImageError."""
        with _as_pillow_expects(PslImageError):
            verify(self._file())
        super().verify()

    def _show(self, frame: int, shape: Shape) -> None:
        self._size = (shape[1], shape[0])
        self._mode = _MODES[shape[2] if len(shape) == 3 else 1]
        self._frame, self._pending = frame, True

    def _file(self) -> BinaryIO:
        if self.fp is None:
            raise ValueError("Operation on closed image")
        return cast(BinaryIO, self.fp)


def register() -> None:
    """Make Pillow know the format; importing this module does it, and twice does no harm."""
    Image.register_open(FORMAT, PslImageFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
    Image.register_extension(FORMAT, EXTENSION)
    Image.register_mime(FORMAT, MIME)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(MAGIC)


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    with _as_pillow_expects(PslImageError):
        options = _options(image.encoderinfo)
        data = encode(_with_profile(image), **options)
    file.write(data)


def _save_all(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    images = [image, *image.encoderinfo.get("append_images", ())]
    if sum(_count(each) for each in images) == 1:
        _save(image, file, filename)
        return
    with _as_pillow_expects(PslImageError), closing(_every_frame(images)) as frames:
        data = archive_bytes(frames, **_options(image.encoderinfo))
    file.write(data)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options of `save` that are ours.

    Pillow's writers ignore options they do not know, so that the same can be given for any format.
    So does this one, but for those that are nearly ours. Raises PslError for these.
    """
    from difflib import get_close_matches

    for name in given.keys() - OPTIONS:
        for meant in get_close_matches(name, OPTIONS, n=1, cutoff=_LOOKALIKE):
            raise PslError(f"unknown option {name}={given[name]!r}: did you mean {meant}?")
    return {name: given[name] for name in OPTIONS & given.keys()}


def _with_profile(image: Image.Image) -> Image.Image:
    """The image with the profile that `save` was given in place of its own."""
    if "icc_profile" not in image.encoderinfo:
        return image
    copy = image.copy()
    copy.info["icc_profile"] = image.encoderinfo["icc_profile"]
    return copy


def _count(image: Image.Image) -> int:
    return int(getattr(image, "n_frames", 1))


def _every_frame(images: list[Image.Image]) -> Generator[Image.Image, None, None]:
    """Each image, turned to each of its frames, and back at the end."""
    for image in images:
        position = image.tell()
        try:
            for frame in range(_count(image)):
                image.seek(frame)
                yield image
        finally:
            image.seek(position)


@contextmanager
def _as_pillow_expects(kind: type[PslImageError]) -> Iterator[None]:
    """Raise our errors, sentence and all, as a kind that those who use Pillow catch."""
    try:
        yield
    except PslError as error:
        raise kind(str(error)) from error


register()
