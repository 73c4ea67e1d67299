"""The photo model that tuning starts from: installed, a file, or a checkpoint of training."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.model.catalogue import SUFFIX, by_id
from pseudocodec.model.file import model_id, read_facts, read_tensors
from pseudocodec.model.load import load_model
from pseudocodec.model.photo import PhotoModel
from pseudocodec.nets.hyperprior import HyperpriorConfig, HyperpriorTransform
from pseudocodec.rate import DEFAULT_MODEL
from pseudocodec.training.export_photo import export_photo
from pseudocodec.training.state import read_checkpoint

AVERAGED = "module.transform."  # where a checkpoint has the averaged weights


@dataclass(frozen=True, eq=False)
class Start:
    """A photo model and all tensors of its file."""

    model: PhotoModel
    tensors: dict[str, NDArray[Any]]

    def transform(self) -> HyperpriorTransform:
        """Its nets on the CPU."""
        return self.model.transform(torch.device("cpu"))


def start_from(init: str | os.PathLike[str] | None) -> Start:
    """The photo model that `init` names, by default the installed one.

    A checkpoint gives the model that its averaged weights would be exported as. Raises PslError
    for a model of another family, and for what is neither a model nor a checkpoint of one.
    """
    text = os.fspath(DEFAULT_MODEL if init is None else init)
    path = Path(text)
    if path.suffix != SUFFIX and path.is_file():
        return _from_checkpoint(path)
    model = load_model(text)
    if not isinstance(model, PhotoModel):
        raise PslError(
            f"init={text}: a model of family {model.facts.family!r}; only photo models, of family "
            "'hyperprior', can be tuned"
        )
    return Start(model, read_tensors(by_id(model.id).path))


def _from_checkpoint(path: Path) -> Start:
    state = read_checkpoint(path, torch.device("cpu"))
    try:
        transform = HyperpriorTransform(HyperpriorConfig(**state["settings"]["config"]))
        weights = state["average"].items()
        transform.load_state_dict(
            {k.removeprefix(AVERAGED): v for k, v in weights if k.startswith(AVERAGED)}
        )
    except (KeyError, TypeError, RuntimeError) as error:
        raise PslError(f"init={path}: not a checkpoint of a photo model; give one") from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"model{SUFFIX}"
        export_photo(transform, path.name.partition(".")[0], file)
        model = PhotoModel(model_id(file), file, read_facts(file))
        return Start(model, read_tensors(file))
