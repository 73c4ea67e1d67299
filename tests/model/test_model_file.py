"""Model files: tensors there and back, in float16 and in bytes, and files that lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import pseudocodec
from pseudocodec.errors import PslError
from pseudocodec.model.file import ModelFacts, model_id, read_facts, read_tensors, write_model
from pseudocodec.nets.grid import GridConfig, GridTransform

NET = {"height": 16, "width": 16, "channels": 1}
FACTS = ModelFacts("a name", "grid", NET, {"kind": "scalar"}, (2, 64), {"kind": "trellis"})
Tensors = dict[str, NDArray[Any]]


@pytest.fixture
def tensors() -> Tensors:
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((40, 12)))[0].astype(np.float32)
    return {
        "basis": basis,
        "weight": rng.standard_normal((3, 4, 5)).astype(np.float32),
        "code.levels": np.array([1 << 30, 1], np.int64),
    }


def write(path: Path, tensors: Tensors) -> bytes:
    return write_model(path, FACTS, tensors, overwrite=False, in_bytes={"basis"})


def test_facts_survive(tmp_path: Path, tensors: Tensors) -> None:
    path = tmp_path / "m.safetensors"
    assert write(path, tensors) == model_id(path)
    assert read_facts(path) == FACTS


def test_floats_are_halves_and_integers_exact(tmp_path: Path, tensors: Tensors) -> None:
    write(tmp_path / "m.safetensors", tensors)
    found = read_tensors(tmp_path / "m.safetensors")
    assert set(found) == set(tensors)
    np.testing.assert_array_equal(found["weight"], tensors["weight"].astype(np.float16))
    np.testing.assert_array_equal(found["code.levels"], tensors["code.levels"])


def test_bytes_lose_half_a_step_at_most(tmp_path: Path, tensors: Tensors) -> None:
    """A step is the largest entry of a column / 127, known to float16's 11 bits (twice rounded)."""
    write(tmp_path / "m.safetensors", tensors)
    found = read_tensors(tmp_path / "m.safetensors")["basis"]
    assert found.dtype == np.float32
    steps = np.abs(tensors["basis"]).max(0) / 127
    assert np.all(np.abs(found - tensors["basis"]) <= 0.5 * steps * (1 + 2**-9) + 1e-9)
    stored = load_file(tmp_path / "m.safetensors")
    assert (stored["basis"].dtype, stored["basis.step"].dtype) == (np.int8, np.float16)
    assert stored["basis.step"].shape == (12,)


def test_a_basis_in_bytes_stays_nearly_orthonormal(tmp_path: Path, tensors: Tensors) -> None:
    write(tmp_path / "m.safetensors", tensors)
    found = read_tensors(tmp_path / "m.safetensors")["basis"]
    # Column errors are uniform in a step, uncorrelated: far below one in 127.
    np.testing.assert_allclose(found.T @ found, np.eye(12), atol=1 / 127)


def test_a_column_of_zeros_stays_zero(tmp_path: Path) -> None:
    write(tmp_path / "m.safetensors", {"basis": np.zeros((4, 3), np.float32)})
    np.testing.assert_array_equal(read_tensors(tmp_path / "m.safetensors")["basis"], 0)


@pytest.mark.parametrize(
    "step", [np.ones((5, 1, 1), np.float16), np.ones(1, np.float16), np.float16(1) * np.ones(())]
)
def test_factors_of_another_shape_are_refused(
    step: NDArray[np.float16], tmp_path: Path, tensors: Tensors
) -> None:
    """Broadcast, they could ask for any amount of memory."""
    path = tmp_path / "m.safetensors"
    write(path, tensors)
    stored = load_file(path) | {"basis.step": np.asarray(step)}
    save_file(stored, path)
    with pytest.raises(PslError, match=r"damaged \(basis\.step"):
        read_tensors(path)


def test_factors_of_nothing_are_refused(tmp_path: Path, tensors: Tensors) -> None:
    path = tmp_path / "m.safetensors"
    write(path, tensors)
    stored = load_file(path)
    del stored["basis"]
    save_file(stored, path)
    with pytest.raises(PslError, match="damaged"):
        read_tensors(path)


@pytest.fixture
def grid() -> tuple[dict[str, Any], Tensors]:
    """The config and the tensors of a whole model, of 4 latents."""
    shape = {"patch": 8, "shared": 2, "local": 0, "latents": 4, "coarse": 8, "fine": 8}
    config = GridConfig(**NET, **shape, coarse_blocks=0, fine_blocks=0)
    state = GridTransform(config).state_dict()
    tensors = {key: tensor.numpy() for key, tensor in state.items()}
    schedule = {"variances": np.full(4, 1 << 30), "levels": np.array([1 << 30, 1])}
    return config.as_dict(), tensors | {f"code.{k}": table for k, table in schedule.items()}


def load_nets(path: Path, config: dict[str, Any], tensors: Tensors) -> torch.nn.Module:
    facts = ModelFacts("m", "grid", config, {"kind": "scalar"}, (2, 64))
    write_model(path, facts, tensors, overwrite=False)
    return pseudocodec.load_model(path).transform(torch.device("cpu"))


def test_nets_come_back(tmp_path: Path, grid: tuple[dict[str, Any], Tensors]) -> None:
    config, tensors = grid
    found = load_nets(tmp_path / "m.safetensors", config, tensors).state_dict()
    for key, tensor in found.items():
        expected = torch.from_numpy(tensors[key])
        torch.testing.assert_close(tensor, expected, atol=1e-7, rtol=2**-11)


def test_an_order_that_is_none_is_refused(
    tmp_path: Path, grid: tuple[dict[str, Any], Tensors]
) -> None:
    """The nets would be given latents of which some are missing, or index beyond them."""
    config, tensors = grid
    tensors["order"] = np.array([0, 1, 2, 1 << 40])
    with pytest.raises(PslError, match="order"):
        load_nets(tmp_path / "m.safetensors", config, tensors)


def test_codes_of_other_latents_are_refused(
    tmp_path: Path, grid: tuple[dict[str, Any], Tensors]
) -> None:
    config, tensors = grid
    tensors["code.variances"] = np.full(5, 1 << 30)
    with pytest.raises(PslError, match="nets have 4 latents, a latent code of the model 5"):
        load_nets(tmp_path / "m.safetensors", config, tensors)


def test_weights_of_other_nets_are_refused(
    tmp_path: Path, grid: tuple[dict[str, Any], Tensors]
) -> None:
    config, tensors = grid
    with pytest.raises(PslError, match="do not fit a 'grid' net"):
        load_nets(tmp_path / "m.safetensors", config | {"coarse": 16}, tensors)
