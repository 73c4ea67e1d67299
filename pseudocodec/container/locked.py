"""A file beside the target that one run at a time may use."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pseudocodec.errors import PslError

# What a lock that another process holds is reported as; other errors mean there are no locks.
_HELD = frozenset({errno.EACCES, errno.EAGAIN})

# Locks of POSIX belong to the process, so that children it forked do not keep them when it is
# killed. For the same reason they do not keep out other threads; this does.
_mine: dict[Path, object] = {}


@contextmanager
def open_locked(path: Path) -> Iterator[BinaryIO]:
    """`path`, made if need be, to read and write, and removed at the end if it is empty then.

    Another process that asks for it meanwhile, or another thread, is refused with
    BlockingIOError. Only threads are where the system or the file system has no locks. The lock
    ends with the process, however that ends. Raises OSError, or `PslError` as `open_regular`.
    """
    token = object()
    if _mine.setdefault(path, token) is not token:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    try:
        with _open_and_lock(path) as file:
            try:
                yield file
            finally:
                file.flush()
                if not os.fstat(file.fileno()).st_size:
                    path.unlink(missing_ok=True)
    finally:
        del _mine[path]


def open_regular(path: Path) -> BinaryIO:
    """`path`, made if need be, to read and write; links are not followed.

    Its name can be guessed: in a folder that others can write to, a link put there would have
    this process overwrite the file it points to. Raises `PslError` for anything but a regular
    file, and OSError.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise PslError(f"{str(path)!r} is not a regular file; remove it first")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o666), "r+b")


def _open_and_lock(path: Path) -> BinaryIO:
    while True:
        file = open_regular(path)
        try:
            _lock(file)
            # Who had the lock before may have removed the file and with it its name.
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _lock(file: BinaryIO) -> None:
    if sys.platform == "win32":  # has no such locks
        return
    import fcntl

    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from error
