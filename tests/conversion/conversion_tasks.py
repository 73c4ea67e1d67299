"""Pictures to convert, what becomes of them, and tasks for worker processes."""

from __future__ import annotations

import io
import json
import os
import signal
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from pseudocodec.conversion.manifest import Done
from pseudocodec.conversion.pictures import Load, Pictures
from pseudocodec.conversion.settings import Settings
from pseudocodec.conversion.shard import Convert
from pseudocodec.errors import PslError
from pseudocodec.model.catalogue import by_id

T = TypeVar("T", bound=Convert)


def png(seed: int) -> bytes:
    """A picture of 24 x 16 pixels."""
    import photo_models  # and torch, which not every worker needs

    stream = io.BytesIO()
    Image.fromarray(photo_models.smooth(16, 24, seed=seed)).save(stream, "PNG")
    return stream.getvalue()


def tar(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def content(folder: Path) -> dict[str, bytes]:
    """All files by name."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def rows(folder: Path) -> list[dict[str, Any]]:
    """What became of each input, in order."""
    paths = sorted(folder.glob("shard-*.json"))
    return [row for path in paths for row in json.loads(path.read_text())["inputs"]]


class Explosive(Pictures):
    """Of which the picture 4.png kills the process that loads it."""

    def __iter__(self) -> Iterator[Load]:
        for position, load in enumerate(super().__iter__()):
            armed = self.names[position].endswith("4.png") and position not in self._excluded
            yield partial(os.kill, os.getpid(), signal.SIGKILL) if armed else load


@dataclass(frozen=True)
class Fragile(Convert):
    """Converts explosive pictures."""

    def pictures(self, number: int) -> Pictures:
        plain = super().pictures(number)
        return Explosive(plain._runs, plain._settings, plain._excluded)


@dataclass(frozen=True)
class Logged(Convert):
    """Notes in the file `log` which process begins and ends which shard, and waits a moment."""

    log: str = ""

    def __call__(self, number: int) -> Done | PslError:
        self._note(f"begun {number}")
        result = super().__call__(number)
        self._note(f"ended {number}")
        return result

    def _note(self, event: str) -> None:
        with Path(self.log).open("a") as file:
            file.write(f"{os.getpid()} {event}\n")
        time.sleep(0.2)  # for the one that kills it


def task_of(out: Path, kind: type[T], **options: Any) -> T:
    """The task of the conversion in a folder, whose settings it has."""
    facts = json.loads((out / "plan.json").read_text())["settings"]
    settings = Settings(**{**facts, "sources": tuple(facts["sources"])})
    model = by_id(bytes.fromhex(settings.model)).path
    return kind(str(out), settings, str(model), "cpu", strict=False, **options)
