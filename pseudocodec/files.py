"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
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

    Raises `PslError` when the target exists, is not a regular file, or cannot be written.
    """
    target = _resolve(path)
    _check_target(target, overwrite)
    temporary = target.with_name(f".psl-{secrets.token_hex(8)}.tmp")
    try:
        file = temporary.open("x+b")
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise _cannot_write(target, error) from error
            raise
        _move(temporary, target, overwrite)
    finally:
        temporary.unlink(missing_ok=True)


def _resolve(path: str | os.PathLike[str]) -> Path:
    """The file `path` names, symbolic links followed; `PslError` for a name no file can have."""
    try:
        target = Path(os.path.realpath(path))
        target.exists()
    except OSError as error:
        raise _cannot_write(Path(path), error) from error
    except ValueError as error:
        raise PslError(f"cannot write {os.fspath(path)!r}: {error}") from error
    return target


def _check_target(target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise PslError(f"cannot write {str(target)!r}: it is a folder; add a file name")
    if target.exists() and not target.is_file():
        raise PslError(f"cannot write {str(target)!r}: it is not a regular file; name another")
    if target.exists() and not overwrite:
        raise _exists(target)
    if not target.parent.is_dir():
        raise PslError(f"cannot write {str(target)!r}: its folder does not exist; create it first")


def _move(temporary: Path, target: Path, overwrite: bool) -> None:
    """Rename, after taking the name where it must be new.

    Exclusive creation takes it without a race on every file system; a hard link would too, but
    FAT and many network file systems have none.
    """
    taken = False
    try:
        if not overwrite:
            target.open("xb").close()
            taken = True
        temporary.replace(target)
    except FileExistsError as error:
        raise _exists(target) from error
    except OSError as error:
        if taken:
            target.unlink(missing_ok=True)
        raise _cannot_write(target, error) from error


def _exists(target: Path) -> PslError:
    return PslError(f"{str(target)!r} exists already; name another file or ask to overwrite it")


def _cannot_write(target: Path, error: OSError) -> PslError:
    return PslError(f"cannot write {str(target)!r}: {error.strerror}")
