"""Many pictures in one .psl file, each readable without the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import ExitStack
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, overload

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.container import (
    DEFAULT_BLOCK_IMAGES,
    MAX_PIXELS,
    ArchiveReader,
    ArchiveWriter,
    Geometry,
    Source,
    is_archive,
    open_source,
)
from pseudocodec.container.layout import ARCHIVE_HEADER_BYTES, COMMON, U32
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.files import atomic_write
from pseudocodec.image import as_array
from pseudocodec.model import Model, PhotoModel, VectorModel, load_model, model_of
from pseudocodec.model.load import load_vector_model
from pseudocodec.photo.codec import decode_payload, encode_payload
from pseudocodec.pipeline import (
    BATCH,
    Coder,
    check_payload_size,
    decode_records,
    encode_bits,
    encode_psnr,
    prepare,
)
from pseudocodec.rate import DEFAULT_MODEL, Target, quality_bits

if TYPE_CHECKING:
    from os import PathLike

Prepared = tuple[Pixels, Geometry | None]
OnProgress = Callable[[int], None] | None


def save(
    path: str | PathLike[str],
    images: Iterable[object],
    *,
    model: str | PathLike[str] | Model = DEFAULT_MODEL,
    quality: float | None = None,
    nbytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    effort: int = 3,
    device: str = "auto",
    resize: bool = False,
    progressive: bool = False,
    overwrite: bool = False,
    on_progress: OnProgress = None,
) -> None:
    """Compress pictures into one archive at `path`, written whole or not at all.

    `images` is any iterable of what `encode` takes; it is read once and, except for `nbytes` of an
    iterable without a length and for `resize`, never held in memory. `nbytes` bounds the size of
    the file divided by the number of pictures; `psnr` is reached by each picture. `on_progress`
    is called with the number of pictures done. The other arguments are those of `encode`, except
    that an archive is not `progressive` unless asked for: its records are never cut. Photo
    archives hold neither transparency, which is refused, nor ICC profiles.

    Raises what `encode` raises (naming the picture's number), and PslError for an existing `path`
    without `overwrite`, an unwritable one, or no pictures at all.
    """
    target, loaded = Target.of(quality, nbytes, psnr, bpp), load_model(model)
    with atomic_write(path, overwrite=overwrite) as file:
        if isinstance(loaded, PhotoModel):
            writer = _write_photos(
                file, loaded, images, target, effort=effort, device=device, on_progress=on_progress
            )
        else:
            loaded = load_vector_model(loaded)
            coder = Coder(loaded, not progressive and loaded.dense is not None, effort, device)
            writer = _write_vectors(
                file, coder, images, target, fit=resize, on_progress=on_progress
            )
        if not writer.count:
            raise PslError("there are no pictures to save; an archive holds at least one")
        writer.close()


def _write_photos(
    file: BinaryIO,
    model: PhotoModel,
    images: Iterable[object],
    target: Target,
    *,
    effort: int,
    device: str,
    on_progress: OnProgress,
) -> ArchiveWriter:
    """Pictures of any size, each its own block: they are large, and read one by one."""
    writer = ArchiveWriter(file, model.id, dense=True, record_geometry=True, block_images=1)
    for number, image in enumerate(images):
        try:
            pixels = as_array(image)
            payload = encode_payload(model, pixels, target, effort=effort, device=device)
        except PslError as error:
            raise type(error)(f"picture {number}: {error}") from error
        writer.add(payload, 8 * len(payload), Geometry(pixels.shape[1], pixels.shape[0]))
        if on_progress:
            on_progress(writer.count)
    return writer


def _write_vectors(
    file: BinaryIO,
    coder: Coder,
    images: Iterable[object],
    target: Target,
    *,
    fit: bool,
    on_progress: OnProgress,
) -> ArchiveWriter:
    loaded = coder.model
    prepared = _prepared(images, loaded, fit=fit)
    count = len(images) if isinstance(images, Sized) else None
    held: list[Prepared] | None = None
    sized = target.nbytes is not None or target.bpp is not None
    if fit or (sized and count is None):
        held = list(prepared)
        prepared, count = iter(held), len(held)
    layout = _layout(held, loaded)
    bits = _record_bits(target, loaded, count, per_record=64 * layout["record_geometry"])
    writer = ArchiveWriter(file, loaded.id, dense=coder.dense, **layout)
    while batch := list(islice(prepared, BATCH)):
        pictures = [pixels for pixels, _ in batch]
        if target.psnr is not None:
            payloads = encode_psnr(coder, pictures, target.psnr, align=1)
        else:
            payloads = encode_bits(coder, pictures, bits)
        for (payload, size), (_, geometry) in zip(payloads, batch, strict=True):
            writer.add(payload, size, _own(geometry, loaded, layout))
        if on_progress:
            on_progress(writer.count)
    return writer


def open(source: Source, *, max_pixels: int = MAX_PIXELS, device: str = "auto") -> Archive:
    """Open an archive for random access; reads its header and index only.

    `source` is the bytes, a path, or a seekable binary file object. Raises NotPsl, Corrupt,
    UnsupportedVersion, TooLarge; PslError for a single picture (use `decode`).
    """
    return Archive(source, max_pixels=max_pixels, device=device)


class Archive(Sequence[NDArray[np.uint8]]):
    """Pictures of an archive by index, slice or iteration: uint8 (H, W) or (H, W, 3).

    A slice gives one array (n, H, W) or (n, H, W, 3), or a list where sizes differ. The model is
    loaded, and torch imported, when the first picture is decoded. Close it, or use it in `with`;
    not for use from several threads at once.
    """

    def __init__(self, source: Source, *, max_pixels: int, device: str) -> None:
        """Open `source`; see `open`."""
        self._device = device
        with ExitStack() as stack:
            file = stack.enter_context(open_source(source))
            if not is_archive(file.read(COMMON.size)):
                raise PslError("the file is a single picture: use pseudocodec.decode to read it")
            self._reader = ArchiveReader(file, max_pixels=max_pixels)
            self._stack = stack.pop_all()

    def __len__(self) -> int:
        """Pictures in the archive."""
        return self._reader.count

    @overload
    def __getitem__(self, index: int) -> NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...

    def __getitem__(self, index: int | slice) -> Any:
        """One picture, or those of a slice. Raises OutOfRange, Corrupt, UnknownModel."""
        if isinstance(index, slice):
            pictures = list(self._decode(range(*index.indices(len(self)))))
            same = len({picture.shape for picture in pictures}) == 1
            return np.stack(pictures) if same else pictures
        number = index + len(self) if index < 0 else index
        self._reader.block_of(number)  # refuses an index outside the archive
        return next(self._decode([number]))

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Every picture in order, decoded a block at a time."""
        return self._decode(range(len(self)))

    @property
    def info(self) -> dict[str, Any]:
        """What the file says of itself; see `pseudocodec.info`."""
        from pseudocodec.inspection import archive_facts

        return archive_facts(self._reader)

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._stack.close()

    def __enter__(self) -> Self:
        """The archive itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _decode(self, numbers: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        loaded = model_of(self._reader.model_id)
        if isinstance(loaded, PhotoModel):
            for number in numbers:
                record = self._reader.record(number)
                if record.nbits % 8:
                    raise Corrupt(f"picture {number}: {record.nbits} bits are no photo payload")
                size, dense = record.geometry or self._reader.geometry, self._reader.dense
                yield decode_payload(loaded, record.payload, size, dense=dense, device=self._device)
            return
        loaded = load_vector_model(loaded)
        coder = Coder(loaded, self._reader.dense, device=self._device)
        facts = loaded.facts
        size = Geometry(facts.width, facts.height)
        default = self._reader.geometry
        for start in range(0, len(numbers), BATCH):
            records = [self._reader.record(i) for i in numbers[start : start + BATCH]]
            for record in records:
                check_payload_size(coder, record.nbits)
            yield from decode_records(coder, records, default if default != size else None)


def _prepared(images: Iterable[object], model: VectorModel, *, fit: bool) -> Iterator[Prepared]:
    for number, image in enumerate(images):
        try:
            yield prepare(image, model, fit=fit)
        except PslError as error:
            raise type(error)(f"picture {number}: {error}") from error


def _layout(held: list[Prepared] | None, model: VectorModel) -> dict[str, Any]:
    """Where sizes other than the model's are recorded: nowhere, once, or in each record."""
    sizes = {geometry for _, geometry in held or []}
    if sizes <= {None}:
        return {"geometry": None, "record_geometry": False}
    if len(sizes) == 1:
        return {"geometry": sizes.pop(), "record_geometry": False}
    return {"geometry": None, "record_geometry": True}


def _own(geometry: Geometry | None, model: VectorModel, layout: dict[str, Any]) -> Geometry | None:
    if not layout["record_geometry"]:
        return None
    return geometry or Geometry(model.facts.width, model.facts.height)


def _record_bits(target: Target, model: VectorModel, count: int | None, per_record: int) -> int:
    """Payload bits of each picture for a quality or a mean size; 0 when a PSNR decides."""
    if target.quality is not None:
        return quality_bits(target.quality, model.facts.payload_bytes)
    wanted = target.bytes_for(model.facts.width * model.facts.height)
    if wanted is None or not count:
        return 0
    blocks = -(-count // DEFAULT_BLOCK_IMAGES)
    spare = wanted * count - ARCHIVE_HEADER_BYTES - U32.size * blocks
    # A block is padded to whole bytes: what the padding may take is left free.
    bits = (8 * spare - 7 * blocks) // count - per_record
    if bits < 0:
        raise PslError(
            f"nbytes={wanted}: an archive of {count} pictures needs more for its header; "
            "ask for more bytes a picture"
        )
    return min(bits, model.code.max_bits)
