"""The zarr 3 codec: groups in folders and in memory, partial reads, shards, malformed chunks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from photo_models import smooth

from pseudocodec import Archive, encode, save
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.metrics import psnr
from pseudocodec.model import PhotoModel

zarr = pytest.importorskip("zarr", minversion="3", reason="zarr 3 is not installed")

from zarr.codecs import TransposeCodec  # noqa: E402
from zarr.registry import register_codec  # noqa: E402
from zarr.storage import MemoryStore  # noqa: E402

from pseudocodec.integrations.zarr import PslCodec  # noqa: E402

ROOT = Path(__file__).parents[2]
CODEC = PslCodec(model="digits", nbytes=64, effort=0)


@pytest.fixture(autouse=True)
def _registered() -> None:
    register_codec("psl", PslCodec)


@pytest.fixture
def distribution(tmp_path: Path) -> Path:
    """A folder with what an installed pseudocodec says of itself: its entry points."""
    info = tmp_path / "site" / "pseudocodec-0.dist-info"
    info.mkdir(parents=True)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    groups = (f"[{group}]\npsl = {points[group]['psl']}\n" for group in points)
    (info / "entry_points.txt").write_text("".join(groups))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pseudocodec\nVersion: 0\n")
    return info.parent


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of the pictures decoded, in the order they are."""
    numbers: list[int] = []
    pictures = Archive.pictures

    def counted(archive: Archive, wanted: list[int]) -> Any:
        numbers.extend(wanted)
        return pictures(archive, wanted)

    monkeypatch.setattr(Archive, "pictures", counted)
    return numbers


def create(images: NDArray[np.uint8], store: Any = None, **options: Any) -> Any:
    """An array of `images` in chunks of four, written."""
    options = {"chunks": (4, *images.shape[1:]), "serializer": CODEC, "compressors": None} | options
    array = zarr.create_array(
        MemoryStore() if store is None else store,
        name="pictures",
        shape=images.shape,
        dtype=images.dtype,
        **options,
    )
    array[:] = images
    return array


@pytest.fixture(scope="module")
def images(digits: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.stack(digits[:10])


@pytest.fixture(scope="module")
def array(images: NDArray[np.uint8]) -> Any:
    register_codec("psl", PslCodec)
    return create(images)


def test_a_group_in_a_folder(images, tmp_path):
    group = zarr.create_group(tmp_path / "group.zarr")
    written = create(images, group.store_path)
    again = zarr.open_group(tmp_path / "group.zarr", mode="r")["pictures"]
    np.testing.assert_array_equal(again[:], written[:])
    assert psnr(images, again[:]) > 20


def test_a_fresh_process_finds_the_codec_by_its_entry_point(images, tmp_path, distribution):
    written = create(images, tmp_path / "a.zarr")
    code = (
        "import sys, zarr, numpy\n"
        "numpy.save(sys.argv[2], zarr.open_group(sys.argv[1], mode='r')['pictures'][:])\n"
    )
    arguments = [tmp_path / "a.zarr", tmp_path / "back.npy"]
    environment = os.environ | {"PYTHONPATH": f"{distribution}{os.pathsep}{ROOT}"}
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, env=environment)
    np.testing.assert_array_equal(np.load(tmp_path / "back.npy"), written[:])


def test_the_metadata_holds_the_settings(images, tmp_path):
    create(images, tmp_path / "a.zarr")
    [codec] = json.loads((tmp_path / "a.zarr/pictures/zarr.json").read_text())["codecs"]
    settings = {"model": "digits", "nbytes": 64, "effort": 0}
    assert codec == {"name": "psl", "configuration": settings}
    assert PslCodec.from_dict(codec) == CODEC
    assert PslCodec.from_dict({"name": "psl"}) == PslCodec()


def test_a_chunk_is_an_archive_of_the_size_asked_for(images, tmp_path):
    create(images, tmp_path / "a.zarr")
    size = (tmp_path / "a.zarr/pictures/c/0/0/0").stat().st_size
    assert 4 * 48 < size <= 4 * 64


def test_chunks_of_fill_values_are_not_stored(images, tmp_path):
    images = np.concatenate([images[:4], np.zeros_like(images[:4])])
    array = create(images, tmp_path / "a.zarr")
    assert not (tmp_path / "a.zarr/pictures/c/1").exists()
    np.testing.assert_array_equal(array[4:], images[4:])


SELECTIONS = [
    np.s_[2],
    np.s_[-1],
    np.s_[1:7:2],
    np.s_[3, 5:20, ::2],
    np.s_[:, 14],
    np.s_[0:4],
    np.s_[...],
    np.s_[5:5],
]


@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_a_selection_is_what_it_is_of_the_whole(array, selection):
    np.testing.assert_array_equal(array[selection], array[:][selection])


def test_orthogonal_coordinate_and_mask_selections(array):
    whole = array[:]
    np.testing.assert_array_equal(array.oindex[[7, 1, 1], 3:9], whole[[7, 1, 1], 3:9])
    np.testing.assert_array_equal(array.oindex[[0, 9], [5, 2]], whole[np.ix_([0, 9], [5, 2])])
    np.testing.assert_array_equal(
        array.vindex[[9, 0], [1, 14], [2, 14]], whole[[9, 0], [1, 14], [2, 14]]
    )
    mask = whole > 250
    np.testing.assert_array_equal(array.vindex[mask], whole[mask])


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [(np.s_[6], [2]), (np.s_[1:4:2, :3], [1, 3]), (np.s_[3:5], [3, 0]), (np.s_[4:8], [0, 1, 2, 3])],
)
def test_only_selected_pictures_are_decoded(array, decoded, selection, numbers):
    array[selection]
    assert sorted(decoded) == sorted(numbers)  # chunks are read in threads


def test_a_part_of_a_chunk_is_written_into_the_rest(images):
    array = create(images)
    before = array[:]
    array[1] = images[8]
    assert psnr(images[8], array[1]) > 15
    assert psnr(before[0], array[0]) > 15
    assert (array[0] != before[0]).any()  # encoded again
    np.testing.assert_array_equal(array[4:], before[4:])


def test_shards_hold_chunks(images, decoded):
    array = create(images, chunks=(2, 28, 28), shards=(4, 28, 28))
    picture = array[5]
    assert decoded == [1]
    np.testing.assert_array_equal(picture, array[:][5])
    assert psnr(images, array[:]) > 20


@pytest.mark.parametrize("chunks", [(2, 24, 32, 3), (1, 24, 32, 3)])
def test_photographs(photo_model: PhotoModel, chunks):
    images = np.stack([smooth(24, 32, seed=seed) for seed in range(3)])
    array = create(images, chunks=chunks, serializer=PslCodec(model=photo_model.id.hex()))
    assert psnr(images, array[:]) > 20


def test_a_chunk_may_be_one_picture(photo_model: PhotoModel):
    image = smooth(48, 64)
    array = create(image, chunks=(24, 32, 3), serializer=PslCodec(model=photo_model.id.hex()))
    assert psnr(image, array[:]) > 20
    np.testing.assert_array_equal(array[30:40, 7], array[:][30:40, 7])


def test_channels_first_are_transposed(photo_model: PhotoModel):
    images = np.stack([smooth(24, 32, seed=seed) for seed in range(2)]).transpose(0, 3, 1, 2)
    codec = PslCodec(model=photo_model.id.hex())
    array = create(images, filters=[TransposeCodec(order=(0, 2, 3, 1))], serializer=codec)
    assert psnr(images, array[:]) > 20


def test_other_dtypes_are_refused():
    with pytest.raises(PslError, match="of dtype uint8, not float32: create the array with"):
        zarr.create_array(MemoryStore(), shape=(4, 28, 28), dtype="float32", serializer=CODEC)


@pytest.mark.parametrize("chunks", [(5,), (2, 28, 28, 1), (1, 2, 28, 28, 3)])
def test_chunks_that_are_no_images_are_refused(chunks):
    with pytest.raises(PslError, match=r"chunks of shape .* are no images of axes"):
        zarr.create_array(
            MemoryStore(), shape=chunks, chunks=chunks, dtype="uint8", serializer=CODEC
        )


def test_unknown_settings_in_metadata_are_refused():
    with pytest.raises(PslError, match="'level' is no setting of psl chunks"):
        PslCodec.from_dict({"name": "psl", "configuration": {"level": 3}})


def test_the_model_says_what_pictures_it_takes(images):
    with pytest.raises(PslError, match="the picture has 20 x 28 pixels, model 'digits' takes"):
        create(images[:, :, :20])


@pytest.fixture
def stored(images: NDArray[np.uint8], tmp_path: Path) -> tuple[Any, Path]:
    """An array of four pictures, and the file of its chunk."""
    return create(images[:4], tmp_path / "a.zarr"), tmp_path / "a.zarr/pictures/c/0/0/0"


def test_damage_is_noticed(stored):
    array, file = stored
    data = bytearray(file.read_bytes())
    data[80] ^= 1
    file.write_bytes(data)
    with pytest.raises(Corrupt, match="the checksum of block 0"):
        array[:]


@pytest.mark.parametrize("count", [3, 5])
def test_another_number_of_pictures_is_refused(stored, images, count):
    array, file = stored
    save(file, images[:count], model="digits", effort=0, overwrite=True)
    with pytest.raises(Corrupt, match=rf"holds {count} pictures, not one of shape \(4, 28, 28\)"):
        array[0]


def test_a_single_picture_in_place_of_an_archive_is_refused(stored, images):
    array, file = stored
    file.write_bytes(encode(images[0], model="digits", effort=0))
    with pytest.raises(Corrupt, match=r"holds one picture of shape \(28, 28\), not \(4, 28, 28\)"):
        array[0]


@pytest.mark.parametrize("size", [(28, 20), (56, 56)])
def test_pictures_of_another_size_are_refused(stored, photo_model: PhotoModel, size):
    array, file = stored
    save(file, [smooth(*size, channels=1)] * 4, model=photo_model, overwrite=True)
    with pytest.raises(Corrupt, match=r"28"):
        array[0]
