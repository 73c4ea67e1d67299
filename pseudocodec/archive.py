"""Many pictures in one .psl file, each readable without the others."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar, overload
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from pseudocodec._plan import Layout, OnError, Request, plan
from pseudocodec._saving import AtOnce, OnProgress, archiving, batched, failing, results, write
from pseudocodec.container import (
    MAX_PIXELS,
    ArchiveReader,
    Record,
    Source,
    continue_archive,
    is_archive,
    open_source,
)
from pseudocodec.container.layout import COMMON
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write, check_target, resolve
from pseudocodec.model import AnySizeModel, Model, load_model, model_of
from pseudocodec.model.load import load_vector_model
from pseudocodec.parallel.jobs import (
    Job,
    Numbered,
    PhotoDecoder,
    Portable,
    Then,
    VectorDecoder,
    unchanged,
)
from pseudocodec.parallel.workers import Workers, ordered_map, worker_count
from pseudocodec.pipeline import BATCH
from pseudocodec.rate import DEFAULT_MODEL, Target

if TYPE_CHECKING:
    from os import PathLike

Picture = NDArray[np.uint8]
R = TypeVar("R")


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
    workers: Workers = 1,
    on_error: OnError = "raise",
    resume: bool | None = None,
) -> None:
    """Compress pictures into one archive at `path`, written whole or not at all.

    `images` is any iterable of what `encode` takes, or of functions without arguments that return
    it, called when its turn comes. It is read once and, except for `nbytes` or `bpp` of an iterable
    without a length and for `resize`, never held in memory. `nbytes` bounds the size of the file
    divided by the number of pictures, which of one kind share it by need (at effort 0 equally);
    `psnr` is reached by each picture. The other arguments are
    those of `encode`, except that an archive is not `progressive` unless asked for: its records
    are never cut. Photo archives hold neither transparency, which is refused, nor ICC profiles.

    Args:
        path: where the archive goes.
        images: the pictures.
        model: as of `encode`, as are quality, nbytes, bpp, psnr, effort, device and resize.
        quality: see `encode`.
        nbytes: see `encode`; the mean over the archive.
        bpp: see `encode`.
        psnr: see `encode`.
        effort: see `encode`.
        device: see `encode`.
        resize: see `encode`.
        progressive: every prefix of a record decodes.
        overwrite: replace an existing file.
        on_progress: called with the number of pictures done, skipped ones included.
        workers: processes that encode, "auto" for one a CPU. They take seconds to start, and a
            script must call this under `if __name__ == "__main__":`. The bytes are the same.
        on_error: called with the number of a picture that cannot be encoded and the PslError; the
            picture is skipped, unless the function raises. "raise" raises, naming the number.
        resume: False leaves what there is so far, after an exception or a kill, in `path`.partial
            and `path`.partial.journal, from which True goes on, given the same pictures; the file
            is then the same as if written at once. None leaves nothing.

    Raises what `encode` raises (naming the picture's number), and PslError for an existing `path`
    without `overwrite`, an unwritable one, no pictures at all, or half-written files that cannot
    be resumed.
    """
    check_target(resolve(path), overwrite)
    loaded = load_model(model)
    request = Request(Target.of(quality, nbytes, psnr, bpp), effort, device, resize, on_error)
    settled = plan(loaded, images, request, progressive=progressive)
    with archiving(path, loaded, settled, overwrite=overwrite, resume=resume) as archive:
        write(archive, settled, workers=workers, on_error=on_error, on_progress=on_progress)
        if not archive.writer.count:
            raise PslError("there are no pictures to save; an archive holds at least one")


def append(
    path: str | PathLike[str],
    images: Iterable[object],
    *,
    model: str | PathLike[str] | Model | None = None,
    quality: float | None = None,
    nbytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    effort: int = 3,
    device: str = "auto",
    resize: bool = False,
    on_progress: OnProgress = None,
    workers: Workers = 1,
    on_error: OnError = "raise",
) -> None:
    """Add pictures to the archive at `path`, all of them or none.

    The larger archive is written beside the old one, which it replaces at the end: a crash leaves
    the old one. Of two that add to one archive at the same time the last one wins. The model, the
    latent code (progressive or not) and the way sizes are held are those of the archive: without
    sizes of their own in it, pictures of another size are refused. Arguments are those of `save`;
    `nbytes` and `bpp` are as if the new pictures made an archive of their own, `on_error` and
    `on_progress` count from 0.

    Raises what `save` and `open` raise, and PslError for a `model` other than the archive's.
    """
    request = Request(Target.of(quality, nbytes, psnr, bpp), effort, device, resize, on_error)
    with atomic_write(path, overwrite=True) as file:
        _copy(path, file)
        reader = ArchiveReader(file)
        loaded = model_of(reader.model_id)
        if model is not None and load_model(model).id != loaded.id:
            raise PslError(
                f"the archive is of model {loaded.facts.name!r} ({loaded.id.hex()}), not of "
                f"{load_model(model).facts.name!r} ({load_model(model).id.hex()}): leave out model"
            )
        layout = Layout(reader.dense, reader.geometry, reader.record_geometry, reader.block_images)
        settled = plan(loaded, images, request, kept=layout)
        with continue_archive(file) as writer:
            archive = AtOnce(writer)
            write(archive, settled, workers=workers, on_error=on_error, on_progress=on_progress)
            if writer.count == reader.count:
                raise PslError("there are no pictures to add to the archive")


def _copy(path: str | PathLike[str], file: BinaryIO) -> None:
    with open_source(path) as old:
        _check_archive(old)
        old.seek(0)
        shutil.copyfileobj(old, file)


def _check_archive(file: BinaryIO) -> None:
    if not is_archive(file.read(COMMON.size)):
        raise PslError("the file is a single picture: use pseudocodec.decode to read it")


def open(source: Source, *, max_pixels: int = MAX_PIXELS, device: str = "auto") -> Archive:
    """Open an archive for random access; reads its header and index only.

    `source` is the bytes, a path, a URL, or a seekable binary file. Raises NotPsl, Corrupt,
    UnsupportedVersion, TooLarge; PslError for a single picture (use `decode`).
    """
    return Archive(source, max_pixels=max_pixels, device=device)


class Archive(Sequence[Picture]):
    """Pictures of an archive by index, slice or iteration: uint8 (H, W) or (H, W, 3).

    A slice gives one array (n, H, W) or (n, H, W, 3), or a list where sizes differ. The model is
    loaded, and torch imported, when the first picture is decoded. Close it, or use it in `with`;
    not for use from several threads at once.
    """

    def __init__(self, source: Source, *, max_pixels: int, device: str) -> None:
        """Open `source`; see `open`."""
        self._device = device
        self._running: WeakSet[Generator[Any, None, None]] = WeakSet()
        with ExitStack() as stack:
            file = stack.enter_context(open_source(source))
            _check_archive(file)
            self._reader = ArchiveReader(file, max_pixels=max_pixels)
            self._stack = stack.pop_all()

    def __len__(self) -> int:
        """Pictures in the archive."""
        return self._reader.count

    @overload
    def __getitem__(self, index: int) -> Picture: ...
    @overload
    def __getitem__(self, index: slice) -> Any: ...

    def __getitem__(self, index: int | slice) -> Any:
        """One picture, or those of a slice. Raises OutOfRange, Corrupt, UnknownModel."""
        if isinstance(index, slice):
            numbers = range(*index.indices(len(self)))
            pictures = [picture for _, picture in self.pictures(numbers)]
            same = len({picture.shape for picture in pictures}) == 1
            return np.stack(pictures) if same else pictures
        return next(self.pictures([index]))[1]

    def __iter__(self) -> Iterator[Picture]:
        """Every picture in order, decoded a batch at a time."""
        return (picture for _, picture in self.pictures())

    def pictures(
        self,
        indexes: Iterable[int] | None = None,
        *,
        workers: Workers = 1,
        on_error: OnError = "raise",
    ) -> Iterator[tuple[int, Picture]]:
        """Numbers and pictures, of all or of `indexes`, in their order; as `map` without function.

        Raises what `map` raises.
        """
        return self.map(unchanged, indexes, workers=workers, on_error=on_error)

    def map(
        self,
        function: Callable[[int, Picture], R],
        indexes: Iterable[int] | None = None,
        *,
        workers: Workers = 1,
        on_error: OnError = "raise",
    ) -> Iterator[tuple[int, R]]:
        """Decode pictures and yield the number of each with what `function` makes of both.

        With several `workers` (processes; "auto" for one a CPU) both happen in them: the archive
        is read and its checksums verified here, whatever it was opened from, and `function` must
        be one that pickles. Workers take seconds to start; a script must ask for them under
        `if __name__ == "__main__":`. Memory holds a few batches of pictures. Closing the archive
        ends the workers of an iteration that was not finished.

        `on_error` is called with the number of a picture that cannot be decoded, and the
        PslError, and the picture is left out; "raise" raises it. So are errors of `function`.

        Raises OutOfRange for an index outside the archive, Corrupt, UnknownModel.
        """
        chosen = range(len(self)) if indexes is None else [self._number(i) for i in indexes]
        running = self._run(function, chosen, worker_count(workers), failing(on_error))
        self._running.add(running)
        return running

    @property
    def info(self) -> dict[str, Any]:
        """What the file says of itself; see `pseudocodec.info`."""
        from pseudocodec.inspection import archive_facts

        return archive_facts(self._reader)

    def close(self) -> None:
        """Close the file, if it was opened here, and end the workers."""
        for running in list(self._running):
            running.close()
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

    def _number(self, index: int) -> int:
        """The number of the picture; negative indexes count from the end."""
        number = index + len(self) if index < 0 else index
        self._reader.block_of(number)  # refuses an index outside the archive
        return number

    def _run(
        self,
        function: Callable[[int, Picture], R],
        chosen: Sequence[int],
        workers: int,
        fail: Callable[[int, PslError], None],
    ) -> Generator[tuple[int, R], None, None]:
        loaded = model_of(self._reader.model_id)
        batch = 1 if isinstance(loaded, AnySizeModel) else BATCH
        job = Then(self._decoder(loaded), function)
        batches = batched(map(self._fetch, chosen), batch)
        with closing(ordered_map(job, batches, workers=workers)) as outcomes:
            for outcome in outcomes:
                for member, result in zip(outcome.item, results(outcome), strict=True):
                    if isinstance(result, PslError):
                        fail(member.number, result)
                    else:
                        yield member.number, result

    def _decoder(self, loaded: Model) -> Job[Record, Picture]:
        dense, size = self._reader.dense, self._reader.geometry
        if isinstance(loaded, AnySizeModel):
            return PhotoDecoder(Portable(loaded), dense, size, self._device)
        return VectorDecoder(Portable(load_vector_model(loaded)), dense, size, self._device)

    def _fetch(self, number: int) -> Numbered[Record]:
        try:
            return Numbered(number, self._reader.record(number))
        except PslError as error:
            return Numbered(number, error)
