"""Models by name, by path and by hash."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import pseudocodec
from pseudocodec.model import catalogue
from pseudocodec.model.file import MAX_HEADER_BYTES, model_id

Bytes = NDArray[np.uint8]


@pytest.fixture
def shipped() -> Path:
    return catalogue.by_name("digits").path


@pytest.fixture
def stranger(shipped: Path, tmp_path: Path) -> Path:
    """A working model this installation does not know: the digits model, slightly changed."""
    from safetensors import safe_open

    with safe_open(shipped, "np") as file:
        metadata = file.metadata()
    tensors: dict[str, Any] = load_file(shipped)
    tensors["synthesis.linear.bias"] = tensors["synthesis.linear.bias"] + np.float16(0.01)
    path = tmp_path / "mine.safetensors"
    save_file(tensors, path, metadata=metadata)
    return path


def test_the_shipped_models_are_named_by_their_hash() -> None:
    for row in pseudocodec.models():
        path = Path(row["path"])
        assert path.stem == row["id"] == model_id(path).hex()
        assert row["bytes"] == path.stat().st_size


def test_each_name_has_one_current_version() -> None:
    current = [row["name"] for row in pseudocodec.models() if row["current"]]
    assert "digits" in current
    assert len(current) == len(set(current))


def test_the_digits_model_is_small(shipped: Path) -> None:
    assert shipped.stat().st_size <= 6_000_000


def test_loading_is_cached() -> None:
    assert pseudocodec.load_model("digits") is pseudocodec.load_model("digits")


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(pseudocodec.UnknownModel, match=r"'cats'.*digits"):
        pseudocodec.load_model("cats")


def test_a_model_loaded_from_a_path_decodes_its_files(stranger: Path, digit: Bytes) -> None:
    data = pseudocodec.encode(digit, model=stranger, effort=0)
    facts = pseudocodec.info(data)
    assert facts["model"] == model_id(stranger).hex()
    assert facts["model"] != pseudocodec.load_model("digits").id.hex()
    assert pseudocodec.decode(data).shape == (28, 28)


def test_a_folder_in_the_environment_is_searched(
    stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "_registered", {})
    identity = model_id(stranger)
    with pytest.raises(pseudocodec.UnknownModel, match=identity.hex()):
        catalogue.by_id(identity)
    monkeypatch.setenv(catalogue.ENVIRONMENT, str(stranger.parent))
    assert catalogue.by_id(identity).path == stranger


def test_versions_of_before_are_found_where_they_are_installed(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = [tmp_path / catalogue.older_package(name) / "digits" for name in catalogue.OLDER]
    for folder in copies:
        folder.mkdir(parents=True)
        (folder.parent / "__init__.py").touch()
        shutil.copy(shipped, folder)
    monkeypatch.setattr(catalogue, "pretrained_folder", lambda: tmp_path / "none")
    monkeypatch.syspath_prepend(tmp_path)
    rows = pseudocodec.models()
    assert [Path(row["path"]).parent for row in rows] == copies
    assert {(row["id"], row["current"]) for row in rows} == {(shipped.stem, False)}
    with pytest.raises(pseudocodec.UnknownModel, match="no model named 'digits'"):
        catalogue.by_name("digits")


def test_a_source_tree_has_versions_of_before() -> None:
    folders = catalogue.older_folders()
    if not folders:
        pytest.skip("neither a source tree nor pseudocodec-older-models: nothing to look at")
    current = {row["id"]: row["current"] for row in pseudocodec.models()}
    assert len(folders) == len(catalogue.OLDER)
    for folder in folders:
        files = list(folder.glob("*/*.safetensors"))
        assert files
        assert not any(current[file.stem] for file in files)


def test_other_files_in_a_users_folder_are_passed_over(
    stranger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stranger.parent / "other.safetensors").write_bytes(b"of another library")
    monkeypatch.setenv(catalogue.ENVIRONMENT, str(stranger.parent))
    paths = {row["path"] for row in pseudocodec.models()}
    assert str(stranger) in paths
    assert not any(path.endswith("other.safetensors") for path in paths)


def test_a_damaged_shipped_model_is_refused(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(shipped.parent, folder)
    copy = folder / shipped.name
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    monkeypatch.setattr(catalogue, "pretrained_folder", lambda: tmp_path)
    with pytest.raises(pseudocodec.PslError, match="damaged"):
        pseudocodec.models()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        (MAX_HEADER_BYTES + 1).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (9).to_bytes(8, "little") + b"not json!",
    ],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(content)
    with pytest.raises(pseudocodec.PslError, match="not a pseudocodec model"):
        pseudocodec.load_model(path)


def test_weights_that_do_not_fit_are_refused(stranger: Path, digit: Bytes) -> None:
    from safetensors import safe_open

    with safe_open(stranger, "np") as file:
        metadata = file.metadata()
    tensors = load_file(stranger)
    del tensors["synthesis.linear.bias"]
    save_file(tensors, stranger, metadata=metadata)
    with pytest.raises(pseudocodec.PslError, match="do not fit"):
        pseudocodec.encode(digit, model=stranger)
