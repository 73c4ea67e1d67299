"""Archives that go on: a finished one with more pictures, a half-written one after a crash."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from pseudocodec.container.archive_reader import ArchiveReader
from pseudocodec.container.archive_writer import ArchiveWriter
from pseudocodec.container.half_written import half_written
from pseudocodec.container.journal import Journal
from pseudocodec.container.layout import MAX_SIDE
from pseudocodec.container.locked import open_regular
from pseudocodec.container.salvage import most_records, salvage
from pseudocodec.errors import PslError, TooLarge
from pseudocodec.files import check_target, move, resolve, room_for, sync_folder

SYNC_SECONDS = 5.0  # a power cut costs what this much time was spent on; a kill costs nothing


def continue_archive(file: BinaryIO) -> ArchiveWriter:
    """A writer that adds pictures to the archive in `file`, opened to read and write ("r+b").

    Size, chunks, latent code and blocks stay as they are. After `close` the file has the bytes
    that writing all pictures at once gives. Until then no reader accepts it, and nothing brings
    the old archive back: pass a copy. Memory: 12 bytes a picture for a moment, then 4.

    Raises what `ArchiveReader` raises for the header, the index and the last block (the others
    are not read), and `TooLarge` for more pictures than the size of the file can account for.
    """
    reader = ArchiveReader(file, max_pixels=MAX_SIDE**2)  # no pixels are held here
    most = most_records(reader.file_bytes)
    if reader.count > most:
        raise TooLarge(
            f"the archive claims {reader.count} pictures in {reader.file_bytes} bytes; "
            f"up to {most} of them can be continued: begin another archive"
        )
    if reader.count % reader.block_images:
        reader.records(reader.block_count - 1)  # verifies the block that is to grow
    bits = reader.record_bits()
    writer = ArchiveWriter(
        file,
        reader.model_id,
        geometry=reader.geometry,
        record_geometry=reader.record_geometry,
        dense=reader.dense,
        chunks=reader.chunks,
        block_images=reader.block_images,
    )
    writer.take_up(bits)
    return writer


class Resumed:
    """An archive under way: `writer` takes pictures, `done` inputs are consumed, skipped ones too.

    Made by `resumable_archive`, which also closes the writer.
    """

    def __init__(self, file: BinaryIO, writer: ArchiveWriter, journal: Journal, done: int) -> None:
        """Go on from a state that `journal` has noted."""
        self.writer = writer
        self.done = done
        self._file = file
        self._journal = journal
        self._noted = writer.count
        self._synced = time.monotonic()

    def note(self, inputs_done: int) -> None:
        """Note that what `writer` holds is what the first `inputs_done` inputs have given.

        From here a killed process goes on. Costs two small writes, and every SYNC_SECONDS the
        time the disk takes, so that a power cut loses little more than that. Raises `PslError`
        for a number that has become smaller.
        """
        if inputs_done < self.done:
            raise PslError(f"inputs_done is {inputs_done} after {self.done}; it cannot fall")
        if inputs_done == self.done and self.writer.count == self._noted:
            return
        open_crc = self.writer.checkpoint()
        self._journal.append(inputs_done, self.writer.record_bits(self._noted), open_crc)
        self.done, self._noted = inputs_done, self.writer.count
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            os.fsync(self._file.fileno())  # the pictures first, then that they are there
            self._journal.sync()
            self._synced = time.monotonic()


@contextmanager
def resumable_archive(
    path: str | os.PathLike[str],
    settings: dict[str, Any],
    *,
    overwrite: bool,
    resume: bool,
    open_writer: Callable[[BinaryIO], ArchiveWriter],
) -> Iterator[Resumed]:
    """An archive that becomes `path` when the block ends, and can be resumed when it does not.

    Until then it is `path` + ".partial", with a journal in `path` + ".partial.journal". An
    exception leaves both, if anything was noted (`Resumed.note`); so does a killed process. With
    `resume` the next run goes on from the last note whose bytes are all there and right, or begins
    where there is nothing; the finished file is the one an uninterrupted run would have written.
    Half-written files are replaced if only `overwrite` is set, as is `path` itself.

    `settings` is what the bytes depend on, as JSON can hold it: it must be the same in all runs.
    `open_writer` makes the writer in the file it is given, in the same way in all runs.

    Raises `PslError` for what `atomic_write` refuses, for half-written files without `resume` or
    `overwrite`, other settings, a journal that is missing or damaged, and while another run writes
    the same files.
    """
    target = resolve(path)
    check_target(target, overwrite)
    with half_written(target, settings, overwrite=overwrite, resume=resume) as half:
        try:
            with room_for(target), open_regular(half.partial) as file:
                resumed = _open(file, half.journal, open_writer)
                yield resumed
                resumed.writer.close()
                file.flush()
                os.fsync(file.fileno())
            move(half.partial, target, overwrite)
        except BaseException:
            if not half.found and not half.journal.noted:
                half.partial.unlink(missing_ok=True)
                half.journal.clear()
            raise
        sync_folder(target.parent)  # the name first: else a power cut could cost file and journal
        half.journal.clear()


def _open(
    file: BinaryIO, journal: Journal, open_writer: Callable[[BinaryIO], ArchiveWriter]
) -> Resumed:
    writer = open_writer(file)
    return Resumed(file, writer, journal, salvage(file, journal, writer).inputs)
