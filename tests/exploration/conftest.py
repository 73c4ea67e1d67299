"""Tiny models of one kind of pictures."""

from __future__ import annotations

import kind_models
import pytest

from pseudocodec.model import VectorModel


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> VectorModel:
    """A model of the seed code: 13 bits a picture, 16 in a file of its own."""
    return kind_models.write(tmp_path_factory.mktemp("models") / "s.safetensors", seeds=True)


@pytest.fixture(scope="session")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> VectorModel:
    """A model of the composition code, up to 96 bits, and of the scalar code for dense files."""
    path = tmp_path_factory.mktemp("models") / "g.safetensors"
    return kind_models.write(path, seeds=False, name="gaussian")
