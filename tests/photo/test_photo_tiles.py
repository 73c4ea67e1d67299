"""Tiles: no seam shows, and a region reads no more of the file than it needs."""

from __future__ import annotations

import io
import itertools

import numpy as np
import photo_models
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.hyperprior import Decoded
from pseudocodec.model import PhotoModel
from pseudocodec.photo.decoder import NO_FILTER, Tiles, synthesise
from pseudocodec.photo.encoder import Encoder
from pseudocodec.photo.tiles import Box, Grid

Bytes = NDArray[np.uint8]
SIZE = (200, 310)  # 13 x 20 latents, 4 x 5 small tiles, the last of one latent a side
PICTURE = photo_models.smooth(*SIZE, seed=3)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_tiles_cover_the_latents_once(height: int, width: int) -> None:
    grid = Grid(height, width)
    boxes = [grid.tile(i) for i in range(grid.tiles)]
    seen = np.zeros((grid.latents.bottom, grid.latents.right), int)
    for box in boxes:
        seen[box.slices] += 1
        assert min(box.height, box.width) > 0
    assert (seen == 1).all()
    assert 16 * grid.latents.bottom - 15 <= height <= 16 * grid.latents.bottom


@given(st.lists(st.integers(0, 299), min_size=4, max_size=4))
def test_touching_finds_the_tiles_that_overlap(sides: list[int]) -> None:
    grid = Grid(16 * 300, 16 * 300)
    top, bottom = sorted(sides[:2])
    left, right = sorted(sides[2:])
    box = Box(top, left, bottom + 1, right + 1)
    overlap = [grid.tile(i).inside(box) for i in range(grid.tiles)]
    wanted = [i for i, part in enumerate(overlap) if part.height > 0 and part.width > 0]
    assert list(grid.touching(box)) == wanted


def together(parts: list[NDArray[np.float32]], grid: Grid) -> NDArray[np.float32]:
    out = np.empty((len(parts[0]), grid.latents.bottom, grid.latents.right), np.float32)
    for number, part in enumerate(parts):
        out[:, *grid.tile(number).slices] = part
    return out


def test_analysis_has_no_seams(
    photo_model: PhotoModel, small_tiles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiled = Encoder(photo_model, PICTURE, device="cpu")
    assert tiled.grid.tiles == 20
    cut = together(tiled._tiles, tiled.grid)
    monkeypatch.undo()
    (whole,) = Encoder(photo_model, PICTURE, device="cpu")._tiles
    assert np.abs(whole).max() > 0.5
    np.testing.assert_allclose(cut, whole, atol=1e-5)


def test_synthesis_has_no_seams(
    photo_model: PhotoModel, small_tiles: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Encoder(photo_model, PICTURE, device="cpu")
    coded = encoder.encode(600)
    tiled = encoder.decode(coded).astype(int)
    gained = together([content.latents for content in coded.contents], encoder.grid)
    monkeypatch.undo()
    grid = Grid(*SIZE)
    assert grid.tiles == 1
    tiles = Tiles(grid, False, 600, lambda _: Decoded(gained, NO_FILTER))
    assert np.abs(tiled - synthesise(photo_model, tiles, device="cpu")).max() <= 1


class Counting(io.BytesIO):
    """A file that remembers which of its bytes were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.seen = np.zeros(len(data), bool)

    def read(self, size: int | None = -1) -> bytes:
        start = self.tell()
        data = super().read(size)
        self.seen[start : start + len(data)] = True
        return data


@pytest.mark.usefixtures("small_tiles")
class TestRegion:
    @pytest.fixture
    def data(self, photo_model: PhotoModel) -> bytes:
        return pseudocodec.encode(PICTURE, model=photo_model, quality=50, effort=0)

    @pytest.mark.parametrize(
        "region",
        [
            (0, 0, 310, 200),
            (0, 0, 1, 1),
            (309, 199, 310, 200),
            (63, 64, 65, 128),
            (100, 30, 131, 177),
        ],
    )
    def test_it_is_the_crop_of_the_whole(
        self, data: bytes, region: tuple[int, int, int, int]
    ) -> None:
        left, top, right, bottom = region
        whole = pseudocodec.decode(data, device="cpu").astype(int)
        part = pseudocodec.decode(data, region=region, device="cpu")
        assert part.shape == (bottom - top, right - left, 3)
        assert np.abs(whole[top:bottom, left:right] - part).max() <= 1

    def test_only_the_tiles_in_reach_are_read(self, data: bytes, photo_model: PhotoModel) -> None:
        file = Counting(data)
        pseudocodec.decode(file, region=(0, 0, 16, 16), device="cpu")
        grid = Grid(*SIZE)
        reach = photo_model.transform(torch.device("cpu")).config.reach
        needed = set(grid.touching(Box(0, 0, 1, 1).grown(reach, grid.latents)))
        assert 1 < len(needed) < grid.tiles / 2
        front = 28 + 3 + 8 * grid.tiles + 4
        lengths = [int.from_bytes(data[i : i + 4], "little") for i in range(31, front - 4, 8)]
        assert front + sum(lengths) == len(data)
        ends = list(itertools.accumulate(lengths, initial=front))
        read = {i for i in range(grid.tiles) if file.seen[ends[i] : ends[i + 1]].any()}
        assert read == needed

    def test_damage_elsewhere_does_not_matter(self, data: bytes) -> None:
        region = (0, 0, 16, 16)
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        np.testing.assert_array_equal(
            pseudocodec.decode(damaged, region=region), pseudocodec.decode(data, region=region)
        )

    def test_damage_in_it_is_noticed(self, data: bytes) -> None:
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        with pytest.raises(pseudocodec.Corrupt, match="tile 19 of 20 is damaged"):
            pseudocodec.decode(damaged, region=(300, 190, 310, 200))

    @pytest.mark.parametrize("at", range(20, 28))
    def test_a_changed_size_is_noticed(self, data: bytes, at: int) -> None:
        damaged = bytearray(data)
        damaged[at] ^= 1
        with pytest.raises(pseudocodec.PslError):
            pseudocodec.decode(bytes(damaged), region=(0, 0, 1, 1))

    @pytest.mark.parametrize(
        "region",
        [(0, 0, 311, 1), (0, 0, 1, 201), (-1, 0, 1, 1), (5, 0, 5, 1), (9, 9, 3, 3)],
    )
    def test_outside_the_picture_it_is_refused(
        self, data: bytes, region: tuple[int, int, int, int]
    ) -> None:
        with pytest.raises(pseudocodec.PslError, match="within the 310 x 200 pixels"):
            pseudocodec.decode(data, region=region)


def test_a_region_of_a_picture_of_one_tile(photo_model: PhotoModel) -> None:
    data = pseudocodec.encode(PICTURE, model=photo_model, quality=50, effort=0)
    part = pseudocodec.decode(data, region=(5, 6, 70, 80))
    whole = pseudocodec.decode(data).astype(int)
    assert np.abs(whole[6:80, 5:70] - part).max() <= 1
    with pytest.raises(pseudocodec.Corrupt):
        pseudocodec.decode(data[:-1] + b"\x00", region=(5, 6, 70, 80))


def test_a_region_of_a_picture_of_one_kind(digit: Bytes) -> None:
    data = pseudocodec.encode(digit, model="digits", effort=0)
    whole = pseudocodec.decode(data)
    part = pseudocodec.decode(data, region=(3, 4, 20, 28))
    np.testing.assert_array_equal(part, whole[4:28, 3:20])


@pytest.mark.usefixtures("small_tiles")
class TestDamagedTiles:
    @pytest.fixture
    def data(self, photo_model: PhotoModel) -> bytes:
        return pseudocodec.encode(PICTURE, model=photo_model, quality=50, effort=0)

    def test_the_others_decode_and_the_bad_one_is_named(self, data: bytes) -> None:
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        with pytest.warns(
            pseudocodec.DamagedWarning,
            match=r"^1 of 20 tiles are damaged.*: 19 \(pixels 256,192 to 310,200\)$",
        ):
            found = pseudocodec.decode(damaged, keep_going=True)
        whole = pseudocodec.decode(data)
        assert found.shape == whole.shape
        np.testing.assert_array_equal(found[:100, :160], whole[:100, :160])
        assert (found[192:, 256:] != whole[192:, 256:]).any()

    def test_without_keep_going_it_is_refused(self, data: bytes) -> None:
        with pytest.raises(pseudocodec.Corrupt, match="keep_going=True"):
            pseudocodec.decode(data[:-1] + bytes([data[-1] ^ 1]))

    def test_a_region_keeps_going_too(self, data: bytes) -> None:
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        with pytest.warns(pseudocodec.DamagedWarning, match="1 of 20"):
            part = pseudocodec.decode(damaged, keep_going=True, region=(250, 100, 310, 200))
        assert part.shape == (100, 60, 3)

    def test_damage_outside_the_tiles_is_said(self, data: bytes) -> None:
        damaged = data[:16] + bytes([data[16] ^ 1]) + data[17:]  # of the file's checksum
        with pytest.warns(pseudocodec.DamagedWarning, match="outside the tiles decoded here"):
            found = pseudocodec.decode(damaged, keep_going=True)
        np.testing.assert_array_equal(found, pseudocodec.decode(data))

    def test_a_whole_file_raises_no_warning(self, data: bytes) -> None:
        np.testing.assert_array_equal(
            pseudocodec.decode(data, keep_going=True), pseudocodec.decode(data)
        )

    def test_of_a_truncated_file_the_tiles_that_are_there_decode(self, data: bytes) -> None:
        whole = pseudocodec.decode(data)
        with pytest.warns(pseudocodec.DamagedWarning, match=r"^1 of 20 .*: 19 \("):
            found = pseudocodec.decode(data[:-1], keep_going=True)
        np.testing.assert_array_equal(found[:100, :160], whole[:100, :160])
        with pytest.warns(pseudocodec.DamagedWarning, match="20 of 20"):
            pseudocodec.decode(data[: 28 + 3 + 8 * 20 + 4], keep_going=True)
        with pytest.raises(pseudocodec.Corrupt, match="before its tiles"):
            pseudocodec.decode(data[: 28 + 3 + 8 * 20 + 3], keep_going=True)
        with pytest.raises(pseudocodec.Corrupt, match="the tiles end at byte"):
            pseudocodec.decode(data + b"\x00", keep_going=True)

    def test_a_damaged_index_is_refused(self, data: bytes) -> None:
        damaged = data[:40] + bytes([data[40] ^ 1]) + data[41:]
        with pytest.raises(pseudocodec.Corrupt, match="checksum of the tile index"):
            pseudocodec.decode(damaged, keep_going=True)

    def test_every_flipped_bit_is_noticed(self, photo_model: PhotoModel) -> None:
        picture = photo_models.smooth(66, 66)
        data = bytearray(pseudocodec.encode(picture, model=photo_model, quality=0, effort=0))
        for bit in range(0, 8 * len(data), 3):
            data[bit // 8] ^= 1 << bit % 8
            with pytest.raises(pseudocodec.PslError):
                pseudocodec.decode(bytes(data))
            data[bit // 8] ^= 1 << bit % 8


def test_one_tile_has_nothing_to_keep(photo_model: PhotoModel) -> None:
    data = pseudocodec.encode(PICTURE, model=photo_model, quality=50, effort=0)
    with pytest.raises(pseudocodec.Corrupt, match="checksum"):
        pseudocodec.decode(data[:-1] + bytes([data[-1] ^ 1]), keep_going=True)
