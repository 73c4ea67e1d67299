"""Which models are here: those shipped with the library and those in the user's folders.

A shipped model is a folder of the same name with files HASH.safetensors and a file CURRENT that
holds the hash of the version new files are encoded with. Older versions, so that old files decode,
are distributions of their own, `pseudocodec-older-models` and what it depends on; a source tree has
them beside the package. Further folders are listed in the environment variable PSEUDOCODEC_MODELS
(separated as PATH is); every .safetensors file in them is known by its hash.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pseudocodec.errors import PslError, UnknownModel
from pseudocodec.model.file import ModelFacts, model_id, read_facts

ENVIRONMENT = "PSEUDOCODEC_MODELS"
CURRENT = "CURRENT"
SUFFIX = ".safetensors"
OLDER = ("older-models", "older-models-1")  # folders of a source tree, each a distribution

_registered: dict[bytes, Path] = {}


@dataclass(frozen=True)
class Entry:
    """A model file that can be loaded."""

    id: bytes
    path: Path
    facts: ModelFacts
    current: bool  # the version that its name means


def pretrained_folder() -> Path:
    """The shipped models: inside the package when installed, beside it in a source tree."""
    package = Path(__file__).parents[1]
    inside = package / "_pretrained"
    return inside if inside.is_dir() else package.parent / "pretrained"


def older_package(name: str) -> str:
    """The package that the distribution in this folder of OLDER installs."""
    return "pseudocodec_" + name.replace("-", "_")


def older_folders() -> list[Path]:
    """Shipped models of earlier versions: those of OLDER, installed or in the source tree."""
    folders = []
    for name in OLDER:
        package = older_package(name)
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            folders.append(Path(spec.submodule_search_locations[0]))
        elif (beside := Path(__file__).parents[2] / name / package).is_dir():
            folders.append(beside)
    return folders


def register(path: Path) -> bytes:
    """Make a model file known by its hash for the rest of the process; returns its id."""
    identity = _identify(path, path.stat().st_mtime_ns)
    _registered[identity] = path
    return identity


def by_id(identity: bytes) -> Entry:
    """The model with this id. Raises UnknownModel, which says which and how to get it."""
    if identity in _registered:
        path = _registered[identity]
        return Entry(identity, path, read_facts(path), current=False)
    for path in _files():
        if path.stem == identity.hex() or _identify_file(path) == identity:
            return _entry(path)
    raise UnknownModel(
        f"the file needs model {identity.hex()}, which is not installed: upgrade pseudocodec, "
        "install pseudocodec-older-models for versions of before, "
        f"put {identity.hex()}{SUFFIX} into a folder named in {ENVIRONMENT}, "
        "or pass its path to load_model first"
    )


def by_name(name: str) -> Entry:
    """The current version of a model. Raises UnknownModel listing the names there are."""
    entries = _entries()
    for entry in entries:
        if entry.current and entry.facts.name == name:
            return entry
    names = ", ".join(sorted({entry.facts.name for entry in entries})) or "none"
    raise UnknownModel(f"no model named {name!r} is installed (there are: {names})")


def models() -> list[dict[str, Any]]:
    """The installed models as dicts, current versions first, for people and scripts.

    Keys: name, id (hex), family, width, height, channels, latent_code, dense_code, payload_bytes
    (smallest and largest), bytes, current, path. A model for pictures of any size has None for
    width, height and payload_bytes. Imports neither torch nor numba.
    """
    entries = sorted(_entries(), key=lambda e: (not e.current, e.facts.name, e.id))
    return [_row(entry) for entry in entries]


def _row(entry: Entry) -> dict[str, Any]:
    facts = entry.facts
    return {
        "name": facts.name,
        "id": entry.id.hex(),
        "family": facts.family,
        "width": None if facts.any_size else facts.width,
        "height": None if facts.any_size else facts.height,
        "channels": facts.channels,
        "latent_code": facts.code.get("kind"),
        "dense_code": (facts.dense or {}).get("kind"),
        "payload_bytes": None if facts.any_size else list(facts.payload_bytes),
        "bytes": entry.path.stat().st_size,
        "current": entry.current,
        "path": str(entry.path),
    }


def _files() -> Iterator[Path]:
    yield from sorted(pretrained_folder().glob(f"*/*{SUFFIX}"))
    for folder in filter(None, os.environ.get(ENVIRONMENT, "").split(os.pathsep)):
        yield from sorted(Path(folder).glob(f"*{SUFFIX}"))
    for older in older_folders():
        yield from sorted(older.glob(f"*/*{SUFFIX}"))


def _entries() -> list[Entry]:
    """Every model; what is not one in a user's folder is passed over, a damaged shipped one not."""
    entries = []
    for path in _files():
        try:
            entries.append(_entry(path))
        except PslError:
            if _is_shipped(path):
                raise
    return entries


def _is_shipped(path: Path) -> bool:
    return path.parent.parent in (pretrained_folder(), *older_folders())


def _entry(path: Path) -> Entry:
    pointer = path.parent / CURRENT
    if pointer.is_file():
        current = pointer.read_text(encoding="ascii").strip() == path.stem
    else:  # in a user's folder every file is the current version of itself
        current = not _is_shipped(path)
    return Entry(_identify_file(path), path, read_facts(path), current)


def _identify_file(path: Path) -> bytes:
    return _identify(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _identify(path: Path, modified: int) -> bytes:
    """The file's id; `modified` makes a changed file a new entry of the cache."""
    identity = model_id(path)
    if _is_shipped(path) and path.stem != identity.hex():
        raise PslError(f"{path}: the file's hash is {identity.hex()}; it is damaged, install again")
    return identity
