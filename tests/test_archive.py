"""save and open: archives of pictures of one kind."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import pseudocodec
from pseudocodec.metrics import psnr

Bytes = NDArray[np.uint8]
save = partial(pseudocodec.save, model="digits")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digits.psl"


def close(a: Bytes, b: Bytes) -> None:
    """Nets may round differently for another batch size: by one step of 255."""
    assert a.shape == b.shape
    assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_there_and_back(digits: list[Bytes], path: Path) -> None:
    save(path, digits, nbytes=30, effort=0)
    with pseudocodec.open(path) as archive:
        assert len(archive) == len(digits)
        stack = archive[:]
        assert stack.shape == (len(digits), 28, 28)
        for i, picture in enumerate(archive):
            np.testing.assert_array_equal(picture, stack[i])
        close(archive[-1], stack[-1])
        close(archive[2:9:3], stack[2:9:3])
        assert archive[3:3] == []
    assert np.mean([psnr(a, b) for a, b in zip(digits, stack, strict=True)]) > 15


@pytest.mark.parametrize("nbytes", [7, 16, 33])
def test_nbytes_bounds_the_mean(digits: list[Bytes], path: Path, nbytes: int) -> None:
    many = digits * 30  # more than one block
    save(path, many, nbytes=nbytes, effort=0)
    assert path.stat().st_size <= nbytes * len(many)
    assert path.stat().st_size > (nbytes - 1) * len(many)


def test_nbytes_of_an_iterator(digits: list[Bytes], path: Path) -> None:
    save(path, iter(digits), nbytes=20, effort=0)
    assert path.stat().st_size <= 20 * len(digits)


def test_nbytes_too_small_for_the_header(digits: list[Bytes], path: Path) -> None:
    with pytest.raises(pseudocodec.PslError, match="needs more for its header"):
        save(path, digits, nbytes=3)
    assert not path.exists()


@pytest.mark.parametrize("options", [{"nbytes": 16}, {"quality": 40}, {"psnr": 13.0}])
def test_overhead(digits: list[Bytes], path: Path, options: dict[str, float]) -> None:
    many = digits * 25
    save(path, many, effort=0, **options)  # type: ignore[arg-type]
    assert pseudocodec.info(path)["overhead_bytes"] <= 64 + len(many) / 2


def test_each_picture_reaches_the_psnr(digits: list[Bytes], path: Path) -> None:
    save(path, digits, psnr=13.0, effort=0)
    with pseudocodec.open(path) as archive:
        low, high = archive.info["payload_bits"]
        assert low < high  # each takes what it needs
        for original, decoded in zip(digits, archive, strict=True):
            assert psnr(original, decoded) >= 13.0


def test_dense_archives_match_closer_than_progressive_ones(digits: list[Bytes], path: Path) -> None:
    errors = []
    for progressive in (False, True):
        save(path, digits, nbytes=21, progressive=progressive, overwrite=True)
        assert pseudocodec.info(path)["progressive"] == progressive
        with pseudocodec.open(path) as archive:
            errors.append(np.mean((archive[:] / 255 - np.stack(digits) / 255) ** 2))
    assert errors[0] < errors[1]


def test_resize_keeps_each_size(digit: Bytes, path: Path) -> None:
    sizes = [(28, 28), (56, 40), (20, 30)]
    pictures = [Image.fromarray(digit).resize(size) for size in sizes]
    save(path, pictures, resize=True, effort=0)
    with pseudocodec.open(path) as archive:
        assert [p.shape for p in archive[:]] == [(h, w) for w, h in sizes]
        assert archive.info["width"] is None


def test_resize_of_one_common_size_is_stated_once(digit: Bytes, path: Path) -> None:
    picture = Image.fromarray(digit).resize((56, 40))
    save(path, [picture] * 5, resize=True, effort=0)
    assert pseudocodec.info(path)["overhead_bytes"] <= 64
    with pseudocodec.open(path) as archive:
        assert archive[:].shape == (5, 40, 56)


def test_progress_counts_up(digits: list[Bytes], path: Path) -> None:
    done: list[int] = []
    save(path, digits * 30, effort=0, on_progress=done.append)
    assert done == sorted(done)
    assert done[-1] == 12 * 30


def test_a_bad_picture_is_named_and_nothing_is_left(digits: list[Bytes], path: Path) -> None:
    bad = [*digits, digits[0][:20]]
    with pytest.raises(pseudocodec.PslError, match=r"picture 12: .*28 x 20"):
        save(path, bad, effort=0)
    assert list(path.parent.iterdir()) == []


def test_an_interrupt_leaves_nothing(digits: list[Bytes], path: Path) -> None:
    def endless() -> Iterator[Bytes]:
        yield from digits * 50
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(path, endless(), effort=0)
    assert list(path.parent.iterdir()) == []


def test_no_pictures_are_refused(path: Path) -> None:
    with pytest.raises(pseudocodec.PslError, match="no pictures"):
        save(path, [])


def test_an_existing_file_is_kept(digits: list[Bytes], path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(pseudocodec.PslError, match="exists"):
        save(path, digits)
    assert path.read_bytes() == b"precious"
    save(path, digits, overwrite=True, effort=0)
    assert pseudocodec.verify(path)["images"] == 12


@pytest.mark.parametrize("index", [12, -13, 10**12])
def test_an_index_out_of_range(digits: list[Bytes], path: Path, index: int) -> None:
    save(path, digits, effort=0)
    with pseudocodec.open(path) as archive, pytest.raises(IndexError) as caught:
        archive[index]
    assert isinstance(caught.value, pseudocodec.OutOfRange)


def test_every_truncation_is_refused(digits: list[Bytes], path: Path) -> None:
    save(path, digits[:3], nbytes=40, effort=0)
    data = path.read_bytes()
    for length in range(len(data)):
        with pytest.raises(pseudocodec.PslError):
            pseudocodec.open(data[:length])


def test_every_flipped_bit_is_noticed(digits: list[Bytes], path: Path) -> None:
    save(path, digits[:3], nbytes=30, effort=0)
    data = bytearray(path.read_bytes())
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(pseudocodec.PslError):
            pseudocodec.open(bytes(data))[:]
        data[bit // 8] ^= 1 << bit % 8


def test_a_claim_of_2_to_the_40_images_is_refused(digits: list[Bytes], path: Path) -> None:
    save(path, digits, effort=0)
    data = bytearray(path.read_bytes())
    data[20:28] = struct.pack("<Q", 2**40)
    data[16:20] = struct.pack("<I", zlib.crc32(data[20:56], zlib.crc32(data[:16])))
    with pytest.raises(pseudocodec.TooLarge, match=str(2**40)):
        pseudocodec.open(bytes(data))


def test_a_single_picture_is_not_an_archive(digit: Bytes) -> None:
    with pytest.raises(pseudocodec.PslError, match=r"pseudocodec\.decode"):
        pseudocodec.open(pseudocodec.encode(digit, model="digits", effort=0))


def test_batches_and_singles_decode_alike(digits: list[Bytes], path: Path) -> None:
    save(path, digits, nbytes=40, effort=0)
    with pseudocodec.open(path) as archive:
        together = archive[:]
        for i in range(len(digits)):
            close(archive[i], together[i])
