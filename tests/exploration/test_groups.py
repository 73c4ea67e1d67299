"""Arithmetic of groups of pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import kind_models
import numpy as np
import photo_models
import pytest

import pseudocodec
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.exploration import arithmetic
from pseudocodec.exploration.groups import mean_of
from pseudocodec.model import PhotoModel, VectorModel

BITS = 80


@pytest.fixture
def folder(gaussian: VectorModel, tmp_path: Path) -> Path:
    """A folder of three single pictures, in another one, and an archive of four."""
    top = tmp_path / "group"
    (top / "below").mkdir(parents=True)
    singles = kind_models.payloads(gaussian, 3, bits=BITS, seed=1)
    for i, payload in enumerate(singles):
        kind_models.single(top / "below" / f"{i}.PSL", gaussian, payload)
    rest = kind_models.payloads(gaussian, 4, bits=51, dense=True, seed=2)
    kind_models.archive(top / "rest.psl", gaussian, rest, dense=True)
    (top / "notes.txt").write_text("no picture")
    (top / ".hidden.psl").write_text("no picture")
    return top


@pytest.fixture
def seeds(seeded: VectorModel, tmp_path: Path) -> list[Path]:
    """Single pictures of the seed model."""
    found = kind_models.payloads(seeded, 6, bits=16)
    return [kind_models.single(tmp_path / f"{i}.psl", seeded, p) for i, p in enumerate(found)]


def latents(model: VectorModel, payloads: list[tuple[bytes, int]], dense: bool) -> np.ndarray:
    code, bits = model.code_for(dense), payloads[0][1]
    return code.decode(np.stack([code.unpack(data, bits) for data, _ in payloads]), bits)


def test_a_mean_is_that_of_all_pictures_at_their_own_rates(
    gaussian: VectorModel, folder: Path
) -> None:
    singles = kind_models.payloads(gaussian, 3, bits=BITS, seed=1)
    rest = kind_models.payloads(gaussian, 4, bits=51, dense=True, seed=2)
    every = [latents(gaussian, singles, False), latents(gaussian, rest, True)]
    expected = np.concatenate(every).mean(axis=0, dtype=np.float64)
    for group in (folder, str(folder), [folder / "below", folder / "rest.psl"]):
        mean = mean_of(group, "a")
        np.testing.assert_allclose(mean.latents, expected, atol=1e-6)
        assert (mean.pictures, mean.bits) == (7, BITS)


def test_what_is_coded_is_a_less_b_and_c(gaussian: VectorModel, folder: Path) -> None:
    b, c = folder / "below", folder / "below" / "0.PSL"
    found = arithmetic(folder, b, c, effort=0)
    assert found.pictures == (7, 3, 1)
    means = [mean_of(group, "x").latents for group in (folder, b, c)]
    wanted = means[0] - means[1] + means[2]
    code = gaussian.code_for(found.result.dense)
    for coded, point in ((found.result, wanted), (found.a, means[0]), (found.b, means[1])):
        assert (coded.bits, coded.dense) == (BITS, True)  # the first picture is in rest.psl
        decoded = code.decode(code.unpack(coded.payload, BITS)[None], BITS)[0]
        assert coded.distance == pytest.approx(np.sqrt(np.mean((decoded - point) ** 2)))


def test_a_single_picture_is_shown_as_its_file_has_it(folder: Path) -> None:
    single = folder / "below" / "1.PSL"
    found = arithmetic(folder, folder, single, effort=0)
    assert single.read_bytes().endswith(found.c.payload)
    np.testing.assert_array_equal(found.c.pixels, pseudocodec.decode(single))


def test_a_group_less_itself_leaves_c(seeds: list[Path]) -> None:
    group = seeds[:4]
    found = arithmetic(group, tuple(group), seeds[5])
    assert seeds[5].read_bytes().endswith(found.result.payload)
    assert found.result.distance < 1e-6
    np.testing.assert_array_equal(found.result.pixels, pseudocodec.decode(seeds[5]))


def test_bytes_are_a_file_and_no_list(seeds: list[Path]) -> None:
    data = [path.read_bytes() for path in seeds]
    found = arithmetic(data[:3], data[1], data[2])
    assert found.pictures == (3, 1, 1)


def test_groups_of_different_models(folder: Path, seeds: list[Path]) -> None:
    said = r"'gaussian' \(\w{16}\), .*0\.psl of model 'tiny' \(\w{16}\).*do not mix"
    with pytest.raises(PslError, match=said):
        arithmetic(folder, folder, seeds[0])
    with pytest.raises(PslError, match=said):
        arithmetic([folder, seeds[0]], folder, folder)


def test_a_folder_without_files(tmp_path: Path, seeds: list[Path]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PslError, match=r"empty holds no \.psl file"):
        arithmetic(seeds[0], tmp_path / "empty", seeds[1])


def test_a_group_of_nothing(seeds: list[Path]) -> None:
    with pytest.raises(PslError, match="group b has no pictures"):
        arithmetic(seeds[0], [], seeds[1])


def test_a_damaged_file_in_a_folder_is_named(folder: Path) -> None:
    bad = folder / "below" / "1.PSL"
    bad.write_bytes(bad.read_bytes()[:-2])
    with pytest.raises(Corrupt, match=r"1\.PSL: the checksum"):
        arithmetic(folder, folder, folder)


def test_a_photo_in_a_folder_is_named(folder: Path, photo_model: PhotoModel) -> None:
    data = pseudocodec.encode(photo_models.smooth(32, 32), model=photo_model, effort=0)
    (folder / "photo.psl").write_bytes(data)
    with pytest.raises(PslError, match=r"photo\.psl: model 'tiny photo' is for pictures of any"):
        arithmetic(folder, folder, folder)


def test_a_payload_that_the_code_cannot_have_written(seeded: VectorModel, tmp_path: Path) -> None:
    good = kind_models.payloads(seeded, 2, bits=13)
    path = kind_models.archive(tmp_path / "bad.psl", seeded, [*good, (b"\xff\xf8", 13)])
    with pytest.raises(Corrupt, match=r"bad\.psl"):
        arithmetic(path, path, path)


def test_a_hidden_folder_is_left_out(folder: Path) -> None:
    shutil.copytree(folder / "below", folder / ".old")
    assert mean_of(folder, "a").pictures == 7
