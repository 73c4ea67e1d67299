"""Children that write without end, and are killed: run as a program, it takes orders from stdin.

It imports what writes files and nothing heavy, and has one thread, so that it can fork. Each order
is a line of JSON {"task", "folder", "log", "version", "delay"}; the answer is the child's wait
status. Without a delay the child comes to its own end.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pseudocodec.container import ArchiveWriter, continue_archive, resumable_archive
from pseudocodec.files import atomic_write

PIECE, PIECES = 2**16, 24
APPENDED = 7
INPUTS, BATCH = 300, 7
Log = Callable[[str], None]


def content(version: int) -> bytes:
    """1.5 MiB in which every word says the version."""
    return version.to_bytes(8, "big") * (PIECE * PIECES // 8)


def record(number: int) -> tuple[bytes, int]:
    """A payload and its bits, which differ from number to number and need not be whole bytes."""
    bits = 40 + number * number % 97
    value = random.Random(number).getrandbits(bits)
    return (value << (-bits % 8)).to_bytes((bits + 7) // 8, "big"), bits


def writer_in(file: BinaryIO) -> ArchiveWriter:
    return ArchiveWriter(file, b"8 bytes.", block_images=16)


def write_archive(file: BinaryIO, numbers: list[int]) -> None:
    with writer_in(file) as writer:
        for number in numbers:
            writer.add(*record(number))


def archive(numbers: list[int]) -> bytes:
    write_archive(file := BytesIO(), numbers)
    return file.getvalue()


def saved(version: int) -> list[int]:
    """The records of the archive that the version `version` of `save` has."""
    return list(range(1000 * version, 1000 * version + 200))


def appended(version: int) -> list[int]:
    return list(range(100 + APPENDED * version))


def write(folder: Path, version: int, log: Log) -> None:
    """Replace a file over and over."""
    while True:
        version += 1
        data = content(version)
        with atomic_write(folder / "a.psl", overwrite=True) as file:
            for start in range(0, len(data), PIECE):
                file.write(data[start : start + PIECE])
        log(str(version))


def create(folder: Path, version: int, log: Log) -> None:
    """Write files that are not there yet."""
    while True:
        version += 1
        with atomic_write(folder / f"{version}.psl", overwrite=False) as file:
            file.write(content(version))
        log(str(version))


def save(folder: Path, version: int, log: Log) -> None:
    """Replace an archive by other archives."""
    while True:
        version += 1
        with atomic_write(folder / "a.psl", overwrite=True) as file:
            write_archive(file, saved(version))
        log(str(version))


def append(folder: Path, version: int, log: Log) -> None:
    """Add pictures to an archive, again and again."""
    while True:
        version += 1
        with (
            atomic_write(folder / "a.psl", overwrite=True) as file,
            (folder / "a.psl").open("rb") as old,
        ):
            shutil.copyfileobj(old, file)
            with continue_archive(file) as writer:
                for number in appended(version)[writer.count :]:
                    writer.add(*record(number))
        log(str(version))


def resume(folder: Path, _: int, log: Log) -> None:
    """Write one archive, from where the child before was killed; every fifth input is skipped."""
    with resumable_archive(
        folder / "a.psl", {"model": 1}, overwrite=False, resume=True, open_writer=writer_in
    ) as archive:
        log(f"resumed {archive.done}")
        for start in range(archive.done, INPUTS, BATCH):
            stop = min(start + BATCH, INPUTS)
            for number in range(start, stop):
                if number % 5:
                    archive.writer.add(*record(number))
            time.sleep(0.0005)
            archive.note(stop)
            log(f"noted {archive.done}")


TASKS = {task.__name__: task for task in (write, create, save, append, resume)}


def obey(order: dict[str, Any]) -> int:
    """Fork a child with a task, kill it after the delay, and say how it ended."""
    pid = os.fork()
    if not pid:
        live(order)
    if order["delay"] is not None:
        time.sleep(order["delay"])
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def live(order: dict[str, Any]) -> None:
    """The child's life: its task, until that ends or fails."""
    try:
        descriptor = os.open(order["log"], os.O_WRONLY | os.O_APPEND)

        def log(line: str) -> None:
            os.write(descriptor, f"{line}\n".encode())

        TASKS[order["task"]](Path(order["folder"]), order["version"], log)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    for line in sys.stdin:
        print(obey(json.loads(line)), flush=True)
