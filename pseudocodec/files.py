"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pseudocodec.errors import PslError

# An OSError of these kinds can only come from writing, so it is about the target.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def atomic_write(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    """A seekable binary file that becomes `path` when the block ends without an exception.

    The bytes go to a hidden file beside the target, are flushed to the disk and then renamed, so
    that `path` never holds a half-written file; any exception, KeyboardInterrupt included, removes
    them. A symbolic link is followed. Without `overwrite` a target that exists, or that another
    process creates meanwhile, is left untouched.

    A process that is killed (SIGKILL, power) leaves its hidden file, `.psl-` 16 hexadecimal digits
    `.tmp`. No later run removes it, because none can prove that its writer is dead on every file
    system; delete such files when nothing is being written.

    Raises `PslError` when the target exists, is not a regular file, or cannot be written.
    """
    target = resolve(path)
    check_target(target, overwrite)
    temporary = target.with_name(f".psl-{secrets.token_hex(8)}.tmp")
    try:
        file = temporary.open("x+b")
    except OSError as error:
        raise cannot_write(target, error) from error
    try:
        with room_for(target), file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        move(temporary, target, overwrite)
    finally:
        temporary.unlink(missing_ok=True)


def resolve(path: str | os.PathLike[str]) -> Path:
    """The file `path` names, symbolic links followed; `PslError` for a name no file can have."""
    try:
        target = Path(os.path.realpath(path))
        target.exists()
    except OSError as error:
        raise cannot_write(Path(path), error) from error
    except ValueError as error:
        raise PslError(f"cannot write {os.fspath(path)!r}: {error}") from error
    return target


def check_target(target: Path, overwrite: bool) -> None:
    """Refuse (`PslError`) a resolved path at which no file can, or without `overwrite` may, be."""
    if target.is_dir():
        raise PslError(f"cannot write {str(target)!r}: it is a folder; add a file name")
    if target.exists() and not target.is_file():
        raise PslError(f"cannot write {str(target)!r}: it is not a regular file; name another")
    if target.exists() and not overwrite:
        raise _exists(target)
    if not target.parent.is_dir():
        raise PslError(f"cannot write {str(target)!r}: its folder does not exist; create it first")


@contextmanager
def room_for(target: Path) -> Iterator[None]:
    """Turn the errors of a full disk in the block, which writes `target`, into a `PslError`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise cannot_write(target, error) from error
        raise


def move(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give the closed file `temporary` the name `target` in its folder, at once or not at all.

    Raises `PslError` for a target that exists, without `overwrite`, or that cannot be written.
    """
    try:
        if overwrite:
            temporary.replace(target)
        else:
            _move_to_new(temporary, target)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        raise cannot_write(target, error) from error


def _move_to_new(temporary: Path, target: Path) -> None:
    """Without a race: a hard link takes the name only where it is free, and is whole at once.

    FAT and some network file systems have no links. There exclusive creation takes the name; a
    process killed between it and the renaming leaves an empty file.
    """
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        target.open("xb").close()
        try:
            temporary.replace(target)
        except OSError:
            target.unlink(missing_ok=True)
            raise
    else:
        temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Have the disk hold the names in `folder`, where a system can be asked for that."""
    with suppress(OSError):  # Windows opens no folders; some network file systems sync none
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(target: Path) -> PslError:
    return PslError(f"{str(target)!r} exists already; name another file or ask to overwrite it")


def cannot_write(target: Path, error: OSError) -> PslError:
    """The error for a target that the system refuses to write."""
    return PslError(f"cannot write {str(target)!r}: {error.strerror}")
