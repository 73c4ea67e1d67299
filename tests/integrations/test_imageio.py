"""imageio reads and writes .psl files."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.container import ArchiveWriter, Geometry
from pseudocodec.model import PhotoModel

pytest.importorskip("imageio", reason="imageio is not installed")

import imageio.v2
import imageio.v3 as iio
from imageio.config import extension_list, known_extensions, known_plugins

import pseudocodec.integrations.imageio as plugin

GOLDEN = Path(__file__).parents[2] / "formats" / "psl" / "golden"
DIGIT, DIGITS = GOLDEN / "digits-single.psl", GOLDEN / "digits-archive.psl"
Images = list[NDArray[np.uint8]]


@pytest.fixture
def tiny(photo_model: PhotoModel) -> dict[str, object]:
    """Options of imwrite that take little time."""
    return {"model": photo_model, "quality": 30, "effort": 0}


def waves(*shape: int) -> NDArray[np.uint8]:
    return (np.arange(np.prod(shape)).reshape(shape) * 3 % 200).astype(np.uint8)


def archive(path: Path) -> Images:
    with pseudocodec.open(path) as opened:
        return list(opened)


# Reading


@pytest.mark.parametrize("name", ["digits-single", "faces-single"])
def test_a_picture_reads_as_decode_gives_it(name: str) -> None:
    path = GOLDEN / f"{name}.psl"
    wanted = pseudocodec.decode(path)
    assert np.array_equal(iio.imread(path), wanted)
    assert np.array_equal(iio.imread(path, index=0), wanted)
    assert np.array_equal(iio.imread(path, index=...), wanted[None])
    assert np.array_equal(next(iio.imiter(path)), wanted)


def test_an_archive_reads_whole_or_by_number() -> None:
    wanted = np.stack(archive(DIGITS))
    assert np.array_equal(iio.imread(DIGITS), wanted)
    assert np.array_equal(iio.imread(DIGITS, index=...), wanted)
    assert np.array_equal(np.stack(list(iio.imiter(DIGITS))), wanted)
    with pseudocodec.open(DIGITS) as opened:
        assert np.array_equal(iio.imread(DIGITS, index=1), opened[1])
        assert np.array_equal(iio.imread(DIGITS, index=-1), opened[2])


def test_bytes_files_and_the_old_interface_read() -> None:
    wanted = pseudocodec.decode(DIGIT)
    assert np.array_equal(iio.imread(DIGIT.read_bytes()), wanted)
    assert np.array_equal(iio.imread(io.BytesIO(DIGIT.read_bytes())), wanted)
    assert np.array_equal(imageio.v2.imread(DIGIT), wanted)


def test_archives_in_bytes_do_not_go_to_pillows_plugin() -> None:
    import pseudocodec.pillow

    pseudocodec.pillow.register()
    assert iio.imread(DIGITS.read_bytes()).shape == (3, 28, 28)


def test_properties_are_those_of_the_array() -> None:
    for path in (DIGIT, GOLDEN / "faces-single.psl", DIGITS):
        for index in (None, 0, ...):
            array, facts = iio.imread(path, index=index), iio.improps(path, index=index)
            assert (facts.shape, facts.dtype) == (array.shape, array.dtype)
            assert facts.is_batch == (array.ndim > 2 and array.shape[0] in (1, 3) and index != 0)
            assert facts.n_images == (array.shape[0] if facts.is_batch else None)


def test_metadata_is_that_of_info() -> None:
    assert iio.immeta(DIGITS) == pseudocodec.info(DIGITS) == iio.immeta(DIGITS, index=1)
    assert iio.immeta(DIGIT, index=...) == pseudocodec.info(DIGIT)


@pytest.mark.parametrize("index", [3, -4])
def test_a_number_outside_is_a_value_error(index: int) -> None:
    for ask in (iio.imread, iio.improps, iio.immeta):
        with pytest.raises(ValueError, match=f"index={index}: the file holds 3") as caught:
            ask(DIGITS, index=index)
        assert isinstance(caught.value, pseudocodec.OutOfRange)


def test_pictures_of_different_sizes_do_not_stack(tmp_path: Path, tiny: dict[str, object]) -> None:
    path, pictures = tmp_path / "mixed.psl", [waves(16, 17, 3), waves(16, 17), waves(9, 8)]
    iio.imwrite(path, pictures, **tiny)
    assert [p.shape for p in iio.imiter(path)] == [(16, 17, 3), (16, 17), (9, 8)]
    assert iio.improps(path, index=2).shape == (9, 8)
    with pytest.raises(pseudocodec.PslError, match=r"picture 1 has shape \(16, 17\)"):
        iio.imread(path)


def test_a_stack_above_the_limit_is_refused() -> None:
    with iio.imopen(DIGITS, "r", max_pixels=2 * 28 * 28) as file:
        assert file.read(index=0).shape == (28, 28)
        with pytest.raises(pseudocodec.TooLarge, match="3 pictures of 28 x 28 pixels"):
            file.read()


def test_a_stack_of_bombs_is_refused_before_it_is_allocated(photo_model: PhotoModel) -> None:
    data = io.BytesIO()
    size = Geometry(2**15, 2**13)  # 2^28 pixels, which one picture may have
    writer = ArchiveWriter(data, photo_model.id, dense=True, geometry=size)
    for _ in range(1000):
        writer.add(b"\0\0\0", 24)
    writer.close()
    assert iio.improps(data.getvalue()).shape == (1000, 2**13, 2**15, 3)
    with pytest.raises(pseudocodec.TooLarge, match="1000 pictures"):
        iio.imread(data.getvalue())


def test_what_is_wrong_with_a_file_is_said() -> None:
    with pytest.raises(pseudocodec.UnknownModel, match="needs model 0102030405060708"):
        iio.imread(GOLDEN / "container-single.psl")
    with pytest.raises(pseudocodec.Corrupt, match="truncated"):
        iio.imread(DIGIT.read_bytes()[:-3])
    with pytest.raises(pseudocodec.Corrupt, match="truncated"):
        iio.imread(DIGIT.read_bytes()[:12], plugin="pseudocodec")


def test_other_files_are_left_to_other_plugins(tmp_path: Path) -> None:
    png = iio.imwrite("<bytes>", waves(8, 9), extension=".png")
    (tmp_path / "misnamed.psl").write_bytes(png)
    assert np.array_equal(iio.imread(tmp_path / "misnamed.psl"), waves(8, 9))
    with pytest.raises(OSError, match="can not handle"):
        iio.imread(png, plugin="pseudocodec")


# Writing


@pytest.mark.parametrize("shape", [(16, 17), (16, 17, 2), (16, 17, 3), (16, 17, 4)])
def test_a_picture_is_written_as_encode_does(
    shape: tuple[int, ...], tmp_path: Path, tiny: dict[str, object]
) -> None:
    path, picture = tmp_path / "picture.psl", waves(*shape)
    iio.imwrite(path, picture, **tiny)
    assert path.read_bytes() == pseudocodec.encode(picture, **tiny)  # type: ignore[arg-type]
    assert iio.imread(path).shape == shape == iio.improps(path).shape


@pytest.mark.parametrize("shape", [(2, 16, 17), (2, 16, 17, 3), (1, 16, 17)])
def test_a_batch_is_written_as_save_does(
    shape: tuple[int, ...], tmp_path: Path, tiny: dict[str, object]
) -> None:
    batch = waves(*shape)
    pseudocodec.save(tmp_path / "save.psl", batch, **tiny)  # type: ignore[arg-type]
    wanted = (tmp_path / "save.psl").read_bytes()
    for given in (batch, list(batch)):
        assert iio.imwrite("<bytes>", given, extension=".psl", **tiny) == wanted
    assert iio.imread(wanted).shape == shape


def test_is_batch_settles_what_shapes_leave_open(tiny: dict[str, object]) -> None:
    narrow = waves(5, 16, 3)
    one = iio.imwrite("<bytes>", narrow, extension=".psl", **tiny)
    five = iio.imwrite("<bytes>", narrow, extension=".psl", is_batch=True, **tiny)
    assert iio.improps(one).shape == (5, 16, 3) == iio.improps(five).shape
    assert (iio.improps(one).is_batch, iio.improps(five).is_batch) == (False, True)


def test_a_file_object_is_written(tiny: dict[str, object]) -> None:
    file = io.BytesIO()
    iio.imwrite(file, waves(9, 8), extension=".psl", **tiny)
    assert iio.imread(file.getvalue()).shape == (9, 8)


def test_failing_to_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "old.psl"
    path.write_bytes(b"old")
    for bad in (np.full((4, 4), -1), [np.full((4, 4), -1)]):
        with pytest.raises(pseudocodec.PslError, match="holds -1"):
            iio.imwrite(path, bad)
    with pytest.raises(TypeError, match="qualty"):
        iio.imwrite(path, waves(4, 4), qualty=3)
    assert path.read_bytes() == b"old"


def test_a_second_write_is_refused(tmp_path: Path, tiny: dict[str, object]) -> None:
    path = tmp_path / "once.psl"
    with iio.imopen(path, "w") as file:
        file.write(waves(9, 8), **tiny)
        with pytest.raises(pseudocodec.PslError, match="in one list"):
            file.write(waves(9, 8), **tiny)
    assert iio.imread(path).shape == (9, 8)


def test_other_extensions_are_left_to_other_plugins(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "picture.png", waves(9, 8))
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


# Registration


def test_registering_again_changes_nothing() -> None:
    before = dict(known_plugins), len(extension_list)
    plugin.register()
    assert (dict(known_plugins), len(extension_list)) == before
    assert next(iter(known_plugins)) == "pseudocodec"
    assert [known.priority for known in known_extensions[".psl"]] == [["pseudocodec"]]


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_properties_import_neither_torch_nor_numba() -> None:
    assert not run(f"""
import sys
import imageio.v3 as iio
import pseudocodec.integrations.imageio
assert iio.improps({str(DIGITS)!r}).shape == (3, 28, 28)
assert iio.immeta({str(DIGITS)!r})["images"] == 3
print(*(name for name in ("torch", "numba", "pseudocodec.pillow") if name in sys.modules))
""")


def test_a_missing_imageio_is_said() -> None:
    assert run("""
import sys
sys.modules["imageio.config"] = None
try:
    import pseudocodec.integrations.imageio
except ImportError as error:
    print(error)
""").endswith('pip install "pseudocodec[imageio]"')
