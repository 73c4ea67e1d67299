"""The same file gives the same latents, bit for bit, however torch computes."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import photo_models
import pytest
import torch

import pseudocodec
from pseudocodec.container import read_single
from pseudocodec.model import PhotoModel
from pseudocodec.photo.decoder import open_payload
from pseudocodec.photo.tiles import Grid

SIZES = [(1, 1), (37, 90), (300, 200)]


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def without_onednn() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration")  # which the flags set, too
        with torch.backends.mkldnn.flags(enabled=False):
            yield


CONDITIONS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "as it is": nullcontext,
    "one thread": lambda: threads(1),
    "two threads": lambda: threads(2),
    "without oneDNN": without_onednn,
    "float64": lambda: default_dtype(torch.float64),
    "inference mode": torch.inference_mode,
}


@pytest.fixture(scope="module")
def files(photo_model: PhotoModel) -> list[bytes]:
    return [
        pseudocodec.encode(photo_models.smooth(*size), model=photo_model, quality=q, effort=0)
        for size in SIZES
        for q in (0, 37, 100)
    ]


def digests(model: PhotoModel, files: list[bytes]) -> list[str]:
    """Of the latents of every file."""
    found = []
    for data in files:
        single = read_single(data)
        assert single.geometry
        grid = Grid(single.geometry.height, single.geometry.width)
        payload = single.payload
        tiles = open_payload(model, lambda o, n, p=payload: p[o : o + n], len(payload), grid)
        latents = np.concatenate([tiles.numbers(i) for i in range(grid.tiles)])
        assert latents.dtype == np.float32
        found.append(hashlib.sha256(latents.tobytes()).hexdigest())
    return found


@pytest.mark.parametrize("condition", CONDITIONS)
def test_latents_do_not_depend_on(
    condition: str, photo_model: PhotoModel, files: list[bytes]
) -> None:
    expected = digests(photo_model, files)
    assert len(set(expected)) == len(files)
    with CONDITIONS[condition]():
        assert digests(photo_model, files) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_file_made_on_a_gpu_decodes_on_a_cpu(photo_model: PhotoModel) -> None:
    picture = photo_models.smooth(300, 200)
    data = pseudocodec.encode(picture, model=photo_model, device="cuda", effort=0)
    there = pseudocodec.decode(data, device="cuda").astype(int)
    assert np.abs(there - pseudocodec.decode(data, device="cpu")).max() <= 1


@pytest.mark.parametrize("condition", CONDITIONS)
def test_pictures_differ_by_a_step_at_most(
    condition: str, photo_model: PhotoModel, files: list[bytes]
) -> None:
    expected = [pseudocodec.decode(data, device="cpu").astype(int) for data in files]
    with CONDITIONS[condition]():
        for data, picture in zip(files, expected, strict=True):
            assert np.abs(pseudocodec.decode(data, device="cpu") - picture).max() <= 1


@pytest.mark.parametrize("condition", CONDITIONS)
def test_encoding_works_under(condition: str, photo_model: PhotoModel) -> None:
    picture = photo_models.smooth(37, 90)
    with CONDITIONS[condition]():
        data = pseudocodec.encode(picture, model=photo_model, effort=0)
    assert pseudocodec.decode(data).shape == picture.shape
