"""What the archives of a conversion depend on, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from pseudocodec._text import label
from pseudocodec.container.remote import Place, Remote, Where, place_of
from pseudocodec.errors import PslError
from pseudocodec.rate import Target

MAX_SHARD_SIZE = 10_000_000
"""Inputs of a shard: their names are held in memory."""


@dataclass(frozen=True)
class Settings:
    """What is asked for. Two conversions with equal settings write the same bytes."""

    sources: tuple[str, ...]
    """Paths and URLs, as they were given."""

    folder: str | None
    """The absolute folder that relative paths start from, None where all are absolute."""

    model: str
    """The id of the model, 16 hexadecimal digits."""

    target: dict[str, float]
    """The one of quality, nbytes, bpp and psnr that was asked for."""

    effort: int
    resize: bool
    shard_size: int

    @classmethod
    def of(
        cls,
        sources: Iterable[Where],
        *,
        model: bytes,
        target: Target,
        effort: int,
        resize: bool,
        shard_size: int,
    ) -> Self:
        """The settings, checked.

        Raises PslError for a source given twice or inside another, none at all, or a shard size
        out of range.
        """
        if not 1 <= shard_size <= MAX_SHARD_SIZE:
            raise PslError(f"shard_size={shard_size}: expected 1 to {MAX_SHARD_SIZE}")
        places = [place_of(source) for source in sources]
        if not places:
            raise PslError("there is nothing to convert: give a folder, a .tar or a picture")
        _check_apart(places)
        relative = any(isinstance(place, Path) and not place.is_absolute() for place in places)
        return cls(
            sources=tuple(map(str, places)),
            folder=str(Path.cwd()) if relative else None,
            model=model.hex(),
            target={key: value for key, value in asdict(target).items() if value is not None},
            effort=effort,
            resize=resize,
            shard_size=shard_size,
        )

    def place(self, source: str) -> Place:
        """Where a source, or a file in one, is; the same from every current folder."""
        place = place_of(source)
        return Path(self.folder, place) if self.folder and isinstance(place, Path) else place

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**asdict(self), "sources": list(self.sources)}

    def differences(self, facts: object) -> str:
        """In words how the settings in a file, as of `facts`, differ from these; "" if not."""
        found = facts if isinstance(facts, dict) else {}
        own = self.facts()
        return ", ".join(
            f"{name} {_words(found.get(name))}, now {_words(own[name])}"
            for name in (field.name for field in fields(self))
            if found.get(name) != own[name]
        )


def refuse_inside(folder: str, sources: Iterable[Where]) -> None:
    """Refuse (PslError) to write into what is read, or to a file."""
    target = place_of(folder)
    if isinstance(target, Path) and target.exists() and not target.is_dir():
        raise PslError(f"{label(folder)} is a file: name a folder for the archives")
    inside = _absolute(target) + "/"
    for source in map(place_of, sources):
        if inside.startswith(_absolute(source).rstrip("/") + "/"):
            raise PslError(
                f"{label(folder)} is inside the source {label(source)}: name a folder elsewhere"
            )


def _check_apart(places: list[Place]) -> None:
    """Every input counts once: no source is another, or in another."""
    outer = ""
    for inside, place in sorted((_absolute(place) + "/", str(place)) for place in places):
        if outer and inside.startswith(outer):
            raise PslError(
                f"{label(place)} is given twice, or is in another source: give each source once"
            )
        outer = inside


def _absolute(place: Place) -> str:
    if isinstance(place, Remote):
        return place.url.rstrip("/")
    return os.path.realpath(place).replace(os.sep, "/")


def _words(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)
