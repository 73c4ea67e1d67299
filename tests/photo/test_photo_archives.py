"""Archives of photographs: of any sizes, each read alone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import photo_models
import pytest

import pseudocodec
from pseudocodec.container import ArchiveWriter, Geometry, read_single
from pseudocodec.metrics import psnr
from pseudocodec.model import PhotoModel

SIZES = [(1, 1), (40, 70), (33, 16), (40, 70)]
PICTURES = [photo_models.smooth(*size, seed=i) for i, size in enumerate(SIZES)]
GREY = photo_models.smooth(20, 30, channels=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photos.psl"


def test_there_and_back(photo_model: PhotoModel, path: Path) -> None:
    done: list[int] = []
    pictures = [*PICTURES, GREY]
    pseudocodec.save(path, pictures, model=photo_model, effort=0, on_progress=done.append)
    assert done == [1, 2, 3, 4, 5]
    with pseudocodec.open(path) as archive:
        found = archive[:]
        assert [picture.shape for picture in found] == [(*s, 3) for s in SIZES] + [(20, 30)]
        for i in (0, 3, 4):
            np.testing.assert_array_equal(archive[i], found[i])
        assert archive[1:4:2].shape == (2, 40, 70, 3)
    for picture, decoded in zip(pictures, found, strict=True):
        single = pseudocodec.decode(pseudocodec.encode(picture, model=photo_model, effort=0))
        np.testing.assert_array_equal(decoded, single)


def test_facts(photo_model: PhotoModel, path: Path) -> None:
    pseudocodec.save(path, PICTURES, model=photo_model, effort=0)
    facts = pseudocodec.verify(path)
    assert facts["images"] == 4
    assert (facts["width"], facts["height"], facts["progressive"]) == (None, None, False)
    assert facts["overhead_bytes"] <= 64 + 4 * (8 + 4 + 4)


@pytest.mark.parametrize("options", [{"nbytes": 200}, {"bpp": 0.3}])
def test_each_picture_keeps_to_its_size(
    photo_model: PhotoModel, path: Path, options: dict[str, float]
) -> None:
    pictures = [photo_models.smooth(80, 70, seed=i) for i in range(3)]
    pseudocodec.save(path, pictures, model=photo_model, effort=0, **options)
    wanted = options.get("nbytes", 0.3 * 80 * 70 / 8)
    with pseudocodec.open(path) as archive:
        low, high = archive.info["payload_bits"]
        assert 0.9 * wanted <= low / 8 - 8 <= high / 8 - 8 <= wanted


def test_each_picture_reaches_the_psnr(photo_model: PhotoModel, path: Path) -> None:
    pictures = [photo_models.smooth(80, 70, seed=i) for i in range(3)]
    pseudocodec.save(path, pictures, model=photo_model, effort=0, psnr=28)
    with pseudocodec.open(path) as archive:
        for picture, decoded in zip(pictures, archive, strict=True):
            assert psnr(picture, decoded) >= 28


def test_transparency_is_refused_and_nothing_is_left(photo_model: PhotoModel, path: Path) -> None:
    seen = np.dstack([PICTURES[1], np.full((40, 70), 9, np.uint8)])
    with pytest.raises(pseudocodec.PslError, match="picture 1: the image is transparent"):
        pseudocodec.save(path, [PICTURES[0], seen], model=photo_model, effort=0)
    assert list(path.parent.iterdir()) == []


def test_no_pictures_are_refused(photo_model: PhotoModel, path: Path) -> None:
    with pytest.raises(pseudocodec.PslError, match="no pictures"):
        pseudocodec.save(path, [], model=photo_model)


def test_every_flipped_bit_is_noticed(photo_model: PhotoModel, path: Path) -> None:
    pseudocodec.save(path, PICTURES[:2], model=photo_model, effort=0, quality=0)
    data = bytearray(path.read_bytes())
    for bit in range(0, 8 * len(data), 3):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(pseudocodec.PslError):
            list(pseudocodec.open(bytes(data)))
        data[bit // 8] ^= 1 << bit % 8


class TestRefused:
    """Archives that no writer makes."""

    def archive(self, model: PhotoModel, *, dense: bool = True, more: int = 0) -> bytes:
        payload = read_single(pseudocodec.encode(PICTURES[1], model=model, effort=0)).payload
        file = io.BytesIO()
        with ArchiveWriter(file, model.id, dense=dense, record_geometry=True) as writer:
            size = 8 * len(payload) + more
            writer.add(payload + bytes(more > 0), size, Geometry(70, 40))
        return file.getvalue()

    def test_the_forgery_itself_is_good(self, photo_model: PhotoModel) -> None:
        assert pseudocodec.open(self.archive(photo_model))[0].shape == (40, 70, 3)

    def test_bits_that_are_no_bytes(self, photo_model: PhotoModel) -> None:
        with pytest.raises(pseudocodec.Corrupt, match=r"picture 0: \d+ bits are no photo payload"):
            pseudocodec.open(self.archive(photo_model, more=3))[0]

    def test_without_dense(self, photo_model: PhotoModel) -> None:
        with pytest.raises(pseudocodec.Corrupt, match="prefixes of a photo"):
            pseudocodec.open(self.archive(photo_model, dense=False))[0]

    def test_without_sizes(self, photo_model: PhotoModel) -> None:
        file = io.BytesIO()
        with ArchiveWriter(file, photo_model.id, dense=True) as writer:
            writer.add(b"\x00\x00\x00\x00", 32)
        with pytest.raises(pseudocodec.Corrupt, match="how large"):
            pseudocodec.open(file.getvalue())[0]
