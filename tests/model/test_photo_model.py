"""Models for pictures of any size: what is listed, and files that lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import photo_models
import pytest
import torch
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.model import PhotoModel, catalogue
from pseudocodec.model.file import read_facts, read_tensors, write_model
from pseudocodec.model.load import load_vector_model

Tensors = dict[str, NDArray[Any]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.safetensors"
    photo_models.write(path)
    return path


def changed(source: Path, path: Path, tensors: Tensors, **net: object) -> Path:
    """The model with other tensors and other entries of its config."""
    facts = read_facts(source)
    facts.net.update(net)
    write_model(path, facts, read_tensors(source) | tensors, overwrite=False)
    return path


def load(path: Path) -> torch.nn.Module:
    return pseudocodec.load_model(path).transform(torch.device("cpu"))


def test_it_is_listed_without_a_size(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(catalogue.ENVIRONMENT, str(source.parent))
    (row,) = [row for row in pseudocodec.models() if row["name"] == "tiny photo"]
    assert (row["width"], row["height"], row["payload_bytes"]) == (None, None, None)
    assert (row["family"], row["latent_code"]) == ("hyperprior", "hyperprior")
    json.dumps(row)


def test_it_says_so(photo_model: PhotoModel) -> None:
    assert repr(photo_model).endswith("any size>")
    assert photo_model.facts.any_size


def test_the_integers_are_stored_exactly(source: Path, photo_model: PhotoModel) -> None:
    assert pseudocodec.load_model(source).id == photo_model.id
    stored = {k: v.dtype for k, v in read_tensors(source).items() if k.startswith("code.")}
    assert len(stored) == 13
    assert all(dtype.kind == "i" for dtype in stored.values())


def test_it_is_no_model_of_one_kind(photo_model: PhotoModel) -> None:
    with pytest.raises(pseudocodec.PslError, match="pictures of any size"):
        load_vector_model(photo_model)


@pytest.mark.parametrize("key", ["code.gain", "code.weight.0", "code.scales.widths"])
def test_a_missing_table_is_refused(source: Path, tmp_path: Path, key: str) -> None:
    tensors = {k: v for k, v in read_tensors(source).items() if k != key}
    path = tmp_path / "x.safetensors"
    write_model(path, read_facts(source), tensors, overwrite=False)
    with pytest.raises(pseudocodec.PslError, match=r"code|scale tables"):
        pseudocodec.load_model(path)


def test_a_table_out_of_range_is_refused(source: Path, tmp_path: Path) -> None:
    tensors = {"code.hyper_mean": np.full((5, 8), 1 << 60)}
    with pytest.raises(pseudocodec.PslError, match="out of range"):
        pseudocodec.load_model(changed(source, tmp_path / "x.safetensors", tensors))


def test_weights_that_do_not_fit_are_refused(source: Path, tmp_path: Path) -> None:
    path = changed(source, tmp_path / "x.safetensors", {"analysis.stem.weight": np.zeros((2, 2))})
    with pytest.raises(pseudocodec.PslError, match="do not fit a 'hyperprior' net"):
        load(path)


@pytest.mark.parametrize(
    "net",
    [
        {"latents": 0},
        {"latents": 769},
        {"fine": 10**6},
        {"deep_blocks": -1},
        {"rows": 1},
        {"hidden": "many"},
        {"lowest": float("nan")},
        {"nonsense": 3},
    ],
)
def test_a_config_of_no_net_is_refused(
    source: Path, tmp_path: Path, net: dict[str, object]
) -> None:
    path = changed(source, tmp_path / "x.safetensors", {}, **net)
    with pytest.raises(pseudocodec.PslError):
        load(path)


def test_a_code_of_other_levels_is_refused(source: Path, tmp_path: Path) -> None:
    """The nets would be asked for levels that they do not have."""
    tensors = read_tensors(source)
    rows = ["gain", "hyper_mean", "hyper_index", *(f"bias.{k}" for k in range(4))]
    longer = {
        f"code.{k}": np.concatenate([tensors[f"code.{k}"], tensors[f"code.{k}"][-1:]]) for k in rows
    }
    path = changed(source, tmp_path / "x.safetensors", longer)
    with pytest.raises(pseudocodec.PslError, match="do not fit a 'hyperprior' net"):
        load(path)


def test_another_latent_code_is_refused(source: Path, tmp_path: Path) -> None:
    facts = read_facts(source)
    facts.code["kind"] = "astrology"
    path = tmp_path / "x.safetensors"
    write_model(path, facts, read_tensors(source), overwrite=False)
    with pytest.raises(pseudocodec.PslError, match="'astrology' is unknown"):
        pseudocodec.load_model(path)


def test_a_model_of_the_wrong_family_is_refused(source: Path, tmp_path: Path, digit: Any) -> None:
    """Tables of a photo model beside nets for pictures of one size."""
    path = changed(source, tmp_path / "x.safetensors", {}, height=28, width=28)
    with pytest.raises(pseudocodec.PslError, match="hyperprior"):
        pseudocodec.encode(digit, model=path)
