"""Models by name, path or id."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

from pseudocodec.errors import PslError
from pseudocodec.model.base import Model
from pseudocodec.model.catalogue import SUFFIX, by_id, by_name, register
from pseudocodec.model.file import ModelFacts, read_facts
from pseudocodec.model.photo import PhotoModel
from pseudocodec.model.vectors import VectorModel

FOREIGN = {"compressai": "pseudocodec.integrations.compressai:CompressaiModel"}
"""Families whose models an integration brings along: imported when one is loaded."""

FITTED = {"overfit": "pseudocodec.overfit.model:OverfitModel"}
"""The same of families whose nets are fitted to each picture, above the models of nets."""


def load_model(name_or_path: str | os.PathLike[str] | Model) -> Model:
    """The model of that name (see `models`) or in that .safetensors file.

    A model loaded from a path is known by its hash from then on: files encoded with it decode.
    Loading is cached. Raises UnknownModel for a name that is not installed, PslError for a file
    that is not a model.
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    try:
        text = os.fspath(name_or_path)
    except TypeError as error:
        kind = type(name_or_path).__name__
        raise PslError(f"model: expected a name, a path or a Model, got {kind}") from error
    if text.endswith(SUFFIX) or os.sep in text:
        path = Path(text).absolute()
        if not path.is_file():
            raise PslError(f"{text}: there is no such model file")
        facts = read_facts(path)
        return _load(register(path), path, facts)
    entry = by_name(text)
    return _load(entry.id, entry.path, entry.facts)


def load_vector_model(name_or_path: str | os.PathLike[str] | Model) -> VectorModel:
    """A model of one kind of pictures, as `load_model`. Raises PslError for a photo model."""
    loaded = load_model(name_or_path)
    if not isinstance(loaded, VectorModel):
        raise PslError(
            f"model {loaded.facts.name!r} is for pictures of any size; a model of one kind of "
            "pictures, such as 'digits', is needed here"
        )
    return loaded


def model_of(identity: bytes) -> Model:
    """The model a file names by its id. Raises UnknownModel."""
    entry = by_id(identity)
    return _load(entry.id, entry.path, entry.facts)


_loaded: dict[bytes, Model] = {}


def _load(identity: bytes, path: Path, facts: ModelFacts) -> Model:
    if identity not in _loaded:
        _loaded[identity] = _kind(facts)(identity, path, facts)
    return _loaded[identity]


def _kind(facts: ModelFacts) -> type[Model]:
    place = (FOREIGN | FITTED).get(facts.family)
    if place:
        module, _, name = place.partition(":")
        kind: type[Model] = getattr(import_module(module), name)
        return kind
    return PhotoModel if facts.any_size else VectorModel
