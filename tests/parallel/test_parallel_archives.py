"""Archives by several processes, with bad pictures, resumed and grown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import photo_models
import pytest
from numpy.typing import NDArray

import pseudocodec
from pseudocodec._plan import BATCH
from pseudocodec.container import ArchiveReader
from pseudocodec.errors import OutOfRange, PslError
from pseudocodec.model import PhotoModel

Bytes = NDArray[np.uint8]
FAST = {"model": "digits", "effort": 0}
save = partial(pseudocodec.save, **FAST)
PHOTOS = [photo_models.smooth(20 + 9 * i, 40, seed=i) for i in range(5)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "all.psl"


@pytest.fixture
def many(digits: list[Bytes]) -> list[Bytes]:
    """More than two batches."""
    return [np.roll(digit, k, axis=0) for k in range(12) for digit in digits][: 2 * BATCH + 10]


class Errors:
    """Remembers what could not be coded."""

    def __init__(self) -> None:
        self.found: list[tuple[int, str]] = []

    def __call__(self, number: int, error: PslError) -> None:
        self.found.append((number, str(error)))


def test_nothing_shows_how_many_workers_there_were(many: list[Bytes], path: Path) -> None:
    save(path, many)
    other = path.with_name("other.psl")
    save(other, many, workers=2)
    assert other.read_bytes() == path.read_bytes()
    with pseudocodec.open(path.read_bytes()) as archive:
        alone = archive.pictures([3, -1, 5])
        spread = archive.pictures([3, -1, 5], workers=2)
        for (i, a), (j, b) in zip(alone, spread, strict=True):
            assert i == j
            np.testing.assert_array_equal(a, b)


def test_photos_by_two_workers_with_bad_ones_among_them(
    photo_model: PhotoModel, path: Path
) -> None:
    transparent = np.dstack([PHOTOS[0], np.full(PHOTOS[0].shape[:2], 9, np.uint8)])
    pictures = [*PHOTOS[:2], transparent, *PHOTOS[2:]]
    errors, done = Errors(), list[int]()
    options = {"model": photo_model, "effort": 0}
    pseudocodec.save(path, pictures, **options, workers=2, on_error=errors, on_progress=done.append)
    assert [number for number, _ in errors.found] == [2]
    assert done == [1, 2, 3, 4, 5, 6]
    other = path.with_name("other.psl")
    pseudocodec.save(other, PHOTOS, **options)
    assert other.read_bytes() == path.read_bytes()


def test_bad_pictures_are_left_out_in_order(digits: list[Bytes], path: Path) -> None:
    errors = Errors()
    save(path, [digits[0][:9], *digits, np.zeros((28, 28, 3), np.uint8)], on_error=errors)
    assert [number for number, _ in errors.found] == [0, 13]
    assert "is RGB" in errors.found[1][1]
    assert pseudocodec.verify(path)["images"] == len(digits)


def test_nothing_but_bad_pictures_make_no_archive(digits: list[Bytes], path: Path) -> None:
    with pytest.raises(PslError, match="no pictures"):
        save(path, [digits[0][:9]], on_error=Errors())
    assert not path.exists()


def test_functions_are_called_in_turn(digits: list[Bytes], path: Path) -> None:
    def load(number: int) -> Bytes:
        if number == 1:
            raise PslError("cannot be read")
        return digits[number]

    errors = Errors()
    save(path, [partial(load, i) for i in range(4)], on_error=errors)
    assert errors.found == [(1, "cannot be read")]
    with pytest.raises(PslError, match="picture 1: cannot be read"):
        save(path, [partial(load, i) for i in range(4)], overwrite=True)


def test_pictures_are_read_a_batch_at_a_time(many: list[Bytes], path: Path) -> None:
    read, done = 0, 0

    def count() -> Iterator[Bytes]:
        nonlocal read
        for digit in many:
            read += 1
            assert read - done <= BATCH
            yield digit

    def tell(number: int) -> None:
        nonlocal done
        done = number

    save(path, count(), on_progress=tell)
    assert read == done == len(many)


class TestResume:
    def crash(self, pictures: list[Bytes], number: int) -> Iterator[Bytes]:
        yield from pictures[:number]
        raise KeyboardInterrupt

    def test_the_file_is_the_one_written_at_once(self, many: list[Bytes], path: Path) -> None:
        save(path, many)
        wanted = path.read_bytes()
        path.unlink()
        with pytest.raises(KeyboardInterrupt):
            save(path, self.crash(many, BATCH + 20), resume=False)
        assert not path.exists()
        done: list[int] = []
        save(path, iter(many), resume=True, on_progress=done.append)
        assert done == [2 * BATCH, len(many)]
        assert path.read_bytes() == wanted
        assert list(path.parent.iterdir()) == [path]

    def test_bad_pictures_count_as_done(self, many: list[Bytes], path: Path) -> None:
        bad = [many[0][:9], *many[1:]]
        with pytest.raises(KeyboardInterrupt):
            save(path, self.crash(bad, BATCH + 20), resume=False, on_error=Errors())
        errors = Errors()
        save(path, iter(bad), resume=True, on_error=errors)
        assert errors.found == []
        assert pseudocodec.verify(path)["images"] == len(many) - 1

    def test_other_settings_are_refused(self, many: list[Bytes], path: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            save(path, self.crash(many, BATCH + 20), resume=False)
        with pytest.raises(PslError, match=r"begun with target=.*60.* and now has"):
            save(path, iter(many), resume=True, quality=50)

    def test_half_written_files_are_not_replaced_unasked(
        self, many: list[Bytes], path: Path
    ) -> None:
        with pytest.raises(KeyboardInterrupt):
            save(path, self.crash(many, BATCH + 20), resume=False)
        with pytest.raises(PslError, match="half-written"):
            save(path, many, resume=False)


class TestAppend:
    def test_as_if_saved_together(self, many: list[Bytes], path: Path) -> None:
        save(path, many)
        wanted = path.read_bytes()
        save(path, many[:BATCH], overwrite=True)
        pseudocodec.archive.append(path, many[BATCH:], effort=0, model="digits")
        assert path.read_bytes() == wanted
        assert list(path.parent.iterdir()) == [path]

    def test_photos(self, photo_model: PhotoModel, path: Path) -> None:
        pseudocodec.save(path, PHOTOS, model=photo_model, effort=0)
        wanted = path.read_bytes()
        pseudocodec.save(path, PHOTOS[:2], model=photo_model, effort=0, overwrite=True)
        pseudocodec.archive.append(path, PHOTOS[2:], effort=0)
        assert path.read_bytes() == wanted

    def test_the_latent_code_is_kept(self, digits: list[Bytes], path: Path) -> None:
        save(path, digits[:2], progressive=True)
        pseudocodec.archive.append(path, digits[2:4], effort=0)
        assert pseudocodec.verify(path)["images"] == 4
        assert pseudocodec.info(path)["progressive"] is True

    def test_a_failure_leaves_the_old_archive(self, digits: list[Bytes], path: Path) -> None:
        save(path, digits)
        before = path.read_bytes()
        for bad, sentence in (
            ([*digits, digits[0][:9]], "picture 12: the picture has 28 x 9"),
            ([], "no pictures to add"),
        ):
            with pytest.raises(PslError, match=sentence):
                pseudocodec.archive.append(path, bad, effort=0)
        with pytest.raises(PslError, match=r"is of model 'digits' .*, not of 'photo'"):
            pseudocodec.archive.append(path, digits, model="photo")
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    def test_sizes_without_a_place_are_refused(self, digits: list[Bytes], path: Path) -> None:
        larger = np.kron(digits[0], np.ones((2, 2), np.uint8))
        save(path, digits[:2])
        with pytest.raises(PslError, match="56 x 56 pixels, those of the archive have 28 x 28"):
            pseudocodec.archive.append(path, [larger], resize=True)
        save(path, [larger, larger], resize=True, overwrite=True)
        pseudocodec.archive.append(path, [larger], resize=True, effort=0)
        with pseudocodec.open(path) as archive:
            assert archive[:].shape == (3, 56, 56)

    def test_what_is_no_archive_is_refused(self, digit: Bytes, path: Path) -> None:
        with pytest.raises(PslError, match="cannot open"):
            pseudocodec.archive.append(path, [digit])
        path.write_bytes(pseudocodec.encode(digit, **FAST))
        with pytest.raises(PslError, match="single picture"):
            pseudocodec.archive.append(path, [digit])


class TestPictures:
    @pytest.fixture
    def archive(self, photo_model: PhotoModel, path: Path) -> Iterator[pseudocodec.Archive]:
        """Of five photos, the third damaged."""
        pseudocodec.save(path, PHOTOS, model=photo_model, effort=0)
        data = bytearray(path.read_bytes())
        data[ArchiveReader(io.BytesIO(data))._table.starts[2]] ^= 1
        with pseudocodec.open(bytes(data)) as archive:
            yield archive

    def test_damaged_ones_are_left_out(self, archive: pseudocodec.Archive) -> None:
        errors = Errors()
        found = dict(archive.pictures(on_error=errors))
        assert list(found) == [0, 1, 3, 4]
        assert [picture.shape for picture in found.values()] == [
            photo.shape for i, photo in enumerate(PHOTOS) if i != 2
        ]
        assert [number for number, _ in errors.found] == [2]

    def test_damage_raises_by_default(self, archive: pseudocodec.Archive) -> None:
        with pytest.raises(pseudocodec.Corrupt, match="picture 2: the checksum of block 2"):
            list(archive.pictures())

    def test_a_function_is_applied(self, archive: pseudocodec.Archive) -> None:
        rows = archive.map(lambda number, picture: (number, len(picture)), [4, 0])
        assert list(rows) == [(4, (4, 56)), (0, (0, 20))]

    def test_an_index_outside_is_refused_at_once(self, archive: pseudocodec.Archive) -> None:
        with pytest.raises(OutOfRange):
            archive.pictures([0, 5])

    def test_closing_ends_what_runs(self, archive: pseudocodec.Archive) -> None:
        running = archive.pictures()
        next(running)
        archive.close()
        assert list(running) == []
