"""M51 and M52: tiles of nets that are fitted to their picture."""

import contextlib

import numpy as np
import overfit_models
import pytest

import pseudocodec
from pseudocodec.container import Geometry, write_single
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.model import load_model
from pseudocodec.model.file import read_facts, read_tensors, write_model
from pseudocodec.overfit import front, tile
from pseudocodec.overfit.design import level_sizes
from pseudocodec.overfit.front import Precision

SIZE = Geometry(23, 14)
FRONT = bytes(3)  # colours, start 0


def content(seed=0):
    """Of a tile whose ninth tensor, of the synthesis, alone is as it starts."""
    rng = np.random.default_rng(seed)
    latents = [tile.clipped(rng.laplace(size=s) * 2) for s in level_sizes(SIZE.height, SIZE.width)]
    differences = [
        None
        if i == 8
        else tile.Difference(Precision(5, 45), tile.clipped(rng.laplace(size=s.stop - s.start) * 2))
        for i, s in enumerate(tile.SLICES)
    ]
    return tile.Content(differences, latents)


def packed(model, held):
    return tile.pack(model.starts.rows[0], model.starts.tables, held)


def file(model, payload):
    return write_single(model.id, payload, geometry=SIZE, dense=True)


def refused(model, data, match="tile"):
    with pytest.raises(Corrupt, match=match):
        pseudocodec.decode(file(model, FRONT + data))


def test_m51_fitted_tiles_are_canonical(overfit_model):
    data = packed(overfit_model, content())
    assert pseudocodec.decode(file(overfit_model, FRONT + data)).shape == (14, 23, 3)
    assert data[:3] == b"\xff\xfd\x55"
    refused(overfit_model, b"")
    refused(overfit_model, data[:1], "truncated")
    refused(overfit_model, data[:15], "truncated")
    refused(overfit_model, data + b"\x00", "none that a writer")
    refused(overfit_model, data + b"\x01", "none that a writer")
    held = content()
    held.differences[6].values[:] = 0
    refused(overfit_model, packed(overfit_model, held), "none that a writer")


GROUPS = ((0, 3), (3, 6), (6, 7), (7, 11), (11, 15))


def of_before(model, held):
    """A tile as it was written when groups of tensors shared a precision: 5 and 45."""
    written = packed(model, held)
    stream = written[front.read(written).size :]
    changed = [held.differences[first] is not None for first, _ in GROUPS]
    bits = sum(1 << i for i, differs in enumerate(changed) if differs)
    return bytes([bits]) + bytes([5, 45]) * sum(changed) + stream


def grouped():
    """As `content`, but all of the synthesis' weights are as they start."""
    held = content()
    held.differences[7:11] = [None] * 4
    return held


def test_fitted_tiles_of_before_are_canonical(overfit_model):
    now, data = packed(overfit_model, grouped()), of_before(overfit_model, grouped())
    assert data[:3] == b"\x17\x05\x2d"
    expected = pseudocodec.decode(file(overfit_model, FRONT + now))
    found = pseudocodec.decode(file(overfit_model, FRONT + data))
    np.testing.assert_array_equal(found, expected)
    refused(overfit_model, bytes([data[0] | 0x20]) + data[1:], "unknown groups")
    refused(overfit_model, data[:1] + b"\x0f" + data[2:], "precision")
    refused(overfit_model, data[:2] + b"\x60" + data[3:], "precision")
    refused(overfit_model, data[:8], "precision")
    refused(overfit_model, data + b"\x00", "none that a writer")
    held = grouped()
    held.differences[3].values[:] = 0  # of its group others still differ
    data = of_before(overfit_model, held)
    assert pseudocodec.decode(file(overfit_model, FRONT + data)).shape == (14, 23, 3)
    for i in (4, 5):
        held.differences[i].values[:] = 0
    refused(overfit_model, of_before(overfit_model, held), "none that a writer")


def test_a_level_without_a_start_is_refused(overfit_model):
    data = packed(overfit_model, content())
    with pytest.raises(Corrupt, match="level 2, the model has 1"):
        pseudocodec.decode(file(overfit_model, b"\0\2\0" + data))


def test_m52_fitted_nets_are_in_range(overfit_model, tmp_path):
    held = content()
    held.differences[1] = tile.Difference(
        Precision(14, 45), np.ones_like(held.differences[1].values) * 16
    )
    with pytest.raises(Corrupt, match="out of range"):
        packed(overfit_model, held)
    path = tmp_path / "fitted.safetensors"
    overfit_models.write(path)
    facts, tensors = read_facts(path), read_tensors(path)
    for key, value in [
        ("starts", 1 << 18),
        ("starts", -(1 << 18)),
        ("starts", -(1 << 63)),  # whose absolute value is itself
        ("powers", 0),
        ("powers", 1 << 33),
        ("rates", 0),
        ("rates", 1 << 25),
    ]:
        bad = {k: v.copy() for k, v in tensors.items()}
        bad[f"code.{key}"] = bad[f"code.{key}"].astype(np.int64)
        bad[f"code.{key}"].ravel()[-1] = value
        write_model(path, facts, bad, overwrite=True)
        with pytest.raises(PslError, match="out of range"):
            load_model(path)
    for key in ("starts", "powers", "rates"):
        write_model(path, facts, {k: v for k, v in tensors.items() if key not in k}, overwrite=True)
        with pytest.raises(PslError, match="incomplete"):
            load_model(path)


def test_tables_that_fall_by_more_than_an_integer_holds_are_refused(overfit_model, tmp_path):
    """E[2] is above all limits, and so far above E[1] that their difference wraps around."""
    path = tmp_path / "fitted.safetensors"
    overfit_models.write(path)
    powers = np.arange(600, 344, -1)
    powers[1:3] = 600 - (1 << 63), (1 << 63) - 1
    assert np.diff(powers).max() < 0
    facts, tensors = read_facts(path), read_tensors(path)
    write_model(path, facts, tensors | {"code.powers": powers}, overwrite=True)
    with pytest.raises(PslError, match="out of range"):
        load_model(path)


@pytest.mark.parametrize("seed", range(3))
def test_any_damage_is_refused_or_another_picture(overfit_model, seed):
    """Without the file's checksum, which would see it: nothing else is raised."""
    rng = np.random.default_rng(seed)
    data = packed(overfit_model, content(seed))
    for _ in range(30):
        bad = bytearray(data)
        bad[rng.integers(len(bad))] ^= 1 << int(rng.integers(8))
        with contextlib.suppress(Corrupt):
            assert pseudocodec.decode(file(overfit_model, FRONT + bytes(bad))).shape == (14, 23, 3)
