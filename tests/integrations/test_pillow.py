"""Pillow opens and saves .psl files."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageSequence, UnidentifiedImageError

import pseudocodec
import pseudocodec.pillow as plugin
from pseudocodec._frames import Frames
from pseudocodec.container import ArchiveReader, ArchiveWriter, Geometry, write_single
from pseudocodec.errors import Corrupt, TooLarge, UnknownModel
from pseudocodec.model import PhotoModel

GOLDEN = Path(__file__).parents[2] / "formats" / "psl" / "golden"
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
PROFILE = LAB[:16] + b"RGB " + LAB[20:]  # its header says it is for RGB; nothing reads the rest


@pytest.fixture
def tiny(photo_model: PhotoModel) -> dict[str, object]:
    """Options of `save` that take little time."""
    return {"model": photo_model, "quality": 30, "effort": 0}


@pytest.fixture
def truncated_images() -> Iterator[None]:
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    yield
    ImageFile.LOAD_TRUNCATED_IMAGES = False


def picture(mode: str, width: int = 24, height: int = 17) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    rgba = np.stack([x * 9, y * 14, x + y, 40 + x * y // 3], axis=2).clip(0, 255)
    return Image.fromarray(rgba.astype(np.uint8), "RGBA").convert(mode)


def saved(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PSL", **options)
    return buffer.getvalue()


def opened(data: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data))


def forged(model: PhotoModel, *sizes: tuple[int, int]) -> bytes:
    """An archive of colour pictures that claim these sizes and hold nothing."""
    file = io.BytesIO()
    writer = ArchiveWriter(file, model.id, dense=True, record_geometry=True, block_images=1)
    for width, height in sizes:
        writer.add(b"\0\0\0", 24, Geometry(width, height))
    writer.close()
    return file.getvalue()


# Opening


@pytest.mark.parametrize(
    ("name", "mode", "size", "frames"),
    [
        ("digits-single", "L", (28, 28), 1),
        ("faces-single", "RGB", (64, 64), 1),
        ("photo-single", "RGB", (210, 160), 1),
        ("digits-archive", "L", (28, 28), 3),
        ("faces-archive", "RGB", (64, 64), 3),
    ],
)
def test_golden_files_open(name: str, mode: str, size: tuple[int, int], frames: int) -> None:
    with Image.open(GOLDEN / f"{name}.psl") as image:
        facts = pseudocodec.info(GOLDEN / f"{name}.psl")
        assert (image.format, image.mode, image.size) == ("PSL", mode, size)
        assert (image.n_frames, image.is_animated) == (frames, frames > 1)
        assert {key: facts[key] for key in ("model", "model_name", "progressive")} == image.info


@pytest.mark.parametrize("name", ["digits-single", "photo-single"])
def test_pixels_are_those_of_decode(name: str) -> None:
    path = GOLDEN / f"{name}.psl"
    with Image.open(path) as image:
        assert np.array_equal(np.asarray(image), pseudocodec.decode(path))


def test_opening_imports_neither_torch_nor_numba() -> None:
    program = f"""
import sys
import pseudocodec.pillow
from PIL import Image
for path in {[str(path) for path in GOLDEN.glob("*-*.psl") if "container" not in path.name]!r}:
    with Image.open(path) as image:
        for frame in range(image.n_frames):
            image.seek(frame)
            assert image.size[0] and image.mode, image.info["model"]
print(*(name for name in ("torch", "numba") if name in sys.modules))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


def test_registering_again_changes_nothing() -> None:
    before = Image.ID.copy()
    plugin.register()
    assert before == Image.ID
    assert Image.registered_extensions()[".psl"] == "PSL"
    with Image.open(GOLDEN / "digits-single.psl") as image:
        assert image.get_format_mimetype() == plugin.MIME == Image.MIME["PSL"]


def test_an_image_is_writable_copied_and_pickled() -> None:
    with Image.open(GOLDEN / "digits-single.psl") as image:
        twin = pickle.loads(pickle.dumps(image))
        copy = image.copy()
        image.putpixel((0, 0), 77)
        assert image.getpixel((0, 0)) == 77
    assert twin.tobytes() == copy.tobytes()
    assert (twin.size, twin.info["model"], twin.tell()) == ((28, 28), copy.info["model"], 0)


def test_loading_a_single_picture_closes_its_file() -> None:
    image = Image.open(GOLDEN / "digits-single.psl")
    file = image.fp
    assert file is not None
    image.load()
    assert file.closed


def test_a_callers_file_stays_open() -> None:
    with (GOLDEN / "digits-single.psl").open("rb") as file:
        Image.open(file).load()
        assert not file.closed


@pytest.mark.parametrize("use", ["load", "verify"])
def test_a_closed_image_is_refused(use: str) -> None:
    image = Image.open(GOLDEN / "digits-single.psl")
    image.close()
    with pytest.raises(ValueError, match="closed image"):
        getattr(image, use)()


# Files that cannot be read


def test_an_unknown_model_is_said() -> None:
    with pytest.raises(UnidentifiedImageError, match="needs model 0102030405060708") as caught:
        Image.open(GOLDEN / "container-single.psl")
    assert isinstance(caught.value, pseudocodec.PslError)
    assert isinstance(caught.value.__cause__, UnknownModel)


def test_a_cut_header_is_said() -> None:
    data = (GOLDEN / "photo-single.psl").read_bytes()
    for size in range(6, 29):
        with pytest.raises(plugin.UnidentifiedPslError, match="truncated"):
            opened(data[:size])


def test_a_later_version_is_said() -> None:
    data = bytearray((GOLDEN / "photo-single.psl").read_bytes())
    data[6] = 2
    with pytest.raises(plugin.UnidentifiedPslError, match="version 2"):
        opened(bytes(data))


def test_an_empty_archive_is_said(photo_model: PhotoModel) -> None:
    with pytest.raises(plugin.UnidentifiedPslError, match="holds no pictures"):
        opened(forged(photo_model))


def test_other_files_are_left_to_other_plugins() -> None:
    png = io.BytesIO()
    picture("L").save(png, "PNG")
    assert Image.open(png).format == "PNG"
    with pytest.raises(SyntaxError, match="PNG picture"):
        plugin.PslImageFile(png)


def test_a_truncated_file_opens_and_does_not_load() -> None:
    image = opened((GOLDEN / "photo-single.psl").read_bytes()[:-9])
    assert image.size == (210, 160)
    for _ in range(2):  # not even when asked again
        with pytest.raises(OSError, match="truncated or damaged") as caught:
            image.load()
        assert isinstance(caught.value.__cause__, Corrupt)


@pytest.mark.usefixtures("truncated_images")
def test_pillows_switch_loads_what_is_left() -> None:
    data = (GOLDEN / "digits-single.psl").read_bytes()[:-9]
    with pytest.warns(pseudocodec.UnverifiedWarning):
        pixels = np.asarray(opened(data))
    with pytest.warns(pseudocodec.UnverifiedWarning):
        assert np.array_equal(pixels, pseudocodec.decode(data, partial=True))


@pytest.mark.parametrize("name", ["digits-single", "digits-archive"])
def test_verify_checks_the_checksums(name: str) -> None:
    data = (GOLDEN / f"{name}.psl").read_bytes()
    opened(data).verify()
    damaged = data[:-12] + bytes([data[-12] ^ 1]) + data[-11:]
    with pytest.raises(plugin.PslImageError, match="checksum"):
        opened(damaged).verify()


# Bombs


def test_pillows_limit_holds_at_open(
    photo_model: PhotoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bomb(width: int, height: int) -> bytes:
        size = Geometry(width, height)
        return write_single(photo_model.id, b"\0\0\0", geometry=size, dense=True)

    with pytest.raises(Image.DecompressionBombError):
        opened(bomb(2**20, 2**20))
    with pytest.warns(Image.DecompressionBombWarning):
        opened(bomb(10_000, 10_000))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    image = opened(bomb(2**20, 2**20))
    with pytest.raises(plugin.PslImageError, match="limit of 268435456 pixels") as caught:
        image.load()
    assert isinstance(caught.value.__cause__, TooLarge)


def test_pillows_limit_holds_at_each_seek(photo_model: PhotoModel) -> None:
    image = opened(forged(photo_model, (24, 17), (2**17, 2**17), (10_000, 10_000), (9, 8)))
    with pytest.raises(Image.DecompressionBombError):
        image.seek(1)
    assert (image.tell(), image.size) == (0, (24, 17))
    with pytest.warns(Image.DecompressionBombWarning):
        image.seek(2)
    image.seek(3)
    assert image.size == (9, 8)


# Frames


def test_frames_are_the_pictures_of_the_archive() -> None:
    path = GOLDEN / "faces-archive.psl"
    with Image.open(path) as image, pseudocodec.open(path) as archive:
        for number in (2, 0, 1):  # in order, pictures decode together, and may differ by one step
            image.seek(number)
            shape, pixels = archive[number].shape, np.asarray(image).astype(int)
            assert pixels.shape == shape
            assert np.abs(pixels - archive[number]).max() <= 1
        assert len([frame.copy() for frame in ImageSequence.Iterator(image)]) == 3


def test_frames_far_apart_are_pixel_for_pixel(digits: list[NDArray[np.uint8]]) -> None:
    buffer = io.BytesIO()
    images = [Image.fromarray(digit) for digit in digits]
    images[0].save(buffer, "PSL", save_all=True, append_images=images[1:], model="digits", effort=0)
    image, archive = Image.open(buffer), pseudocodec.open(buffer)
    for number in (11, 3, 7, 0, 2):
        image.seek(number)
        assert np.array_equal(np.asarray(image), archive[number])
    in_order = [np.asarray(frame).astype(int) for frame in ImageSequence.Iterator(image)]
    assert max(np.abs(a - b).max() for a, b in zip(in_order, archive, strict=True)) <= 1


def test_frames_in_order_are_decoded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    get = pseudocodec.Archive.__getitem__

    def counted(archive: pseudocodec.Archive, index: object) -> object:
        asked.append(index)
        return get(archive, index)  # type: ignore[call-overload]

    monkeypatch.setattr(pseudocodec.Archive, "__getitem__", counted)
    with Image.open(GOLDEN / "digits-archive.psl") as image:
        for frame in ImageSequence.Iterator(image):
            frame.load()
            frame.load()
    assert asked == [0, slice(1, 65)]


def test_a_damaged_block_costs_its_own_frames_only() -> None:
    file = io.BytesIO()
    with (GOLDEN / "digits-archive.psl").open("rb") as golden:
        reader = ArchiveReader(golden)
        writer = ArchiveWriter(file, reader.model_id, dense=reader.dense, block_images=1)
        for number in range(3):
            record = reader.record(number)
            writer.add(record.payload, record.nbits)
    writer.close()
    data = bytearray(file.getvalue())
    data[int.from_bytes(data[48:56], "little") - 1] ^= 1  # the end of the last block
    image = opened(bytes(data))
    for number in (0, 1):
        image.seek(number)
        image.load()
    image.seek(2)
    with pytest.raises(plugin.PslImageError, match="checksum of block 2"):
        image.load()


def test_seeking_does_not_decode(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(pseudocodec.Archive, "__getitem__", refuse)
    with Image.open(GOLDEN / "photo-archive.psl") as image:
        for frame in range(image.n_frames):
            image.seek(frame)
            assert image.tell() == frame


@pytest.mark.parametrize("frame", [-1, 3])
def test_seeking_outside_is_an_end_of_file(frame: int) -> None:
    with Image.open(GOLDEN / "digits-archive.psl") as image:
        with pytest.raises(EOFError):
            image.seek(frame)
        assert image.tell() == 0


def test_seeking_in_a_closed_image_is_refused() -> None:
    image = Image.open(GOLDEN / "digits-archive.psl")
    image.close()
    with pytest.raises(ValueError, match="closed image"):
        image.seek(1)


def test_frames_differ_in_size_and_mode(tiny: dict[str, object]) -> None:
    images = [picture("RGB"), picture("L", 9, 31), picture("RGB", 16, 16)]
    image = opened(saved(images[0], save_all=True, append_images=images[1:], **tiny))
    for number in (1, 2, 0):
        image.seek(number)
        assert (image.size, image.mode) == (images[number].size, images[number].mode)
        assert np.asarray(image).shape == np.asarray(images[number]).shape


# Saving


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_saved_bytes_and_pixels_are_the_codecs(mode: str, tiny: dict[str, object]) -> None:
    image = picture("L").convert("I;16") if mode == "I;16" else picture(mode)
    data = saved(image, **tiny)
    assert data == pseudocodec.encode(image, **tiny)  # type: ignore[arg-type]
    pixels = pseudocodec.decode(data)
    back = opened(data)
    header = back.mode, back.size
    assert np.array_equal(np.asarray(back), pixels)
    loaded = Image.fromarray(pixels)
    assert header == (back.mode, back.size) == (loaded.mode, loaded.size)


def test_an_opaque_alpha_plane_opens_as_one(tiny: dict[str, object]) -> None:
    """No writer stores one; a reader takes it for no alpha, but only once it has decoded it."""
    from pseudocodec.container import Chunk, read_single

    single = read_single(saved(picture("RGB"), **tiny))
    size, opaque = single.geometry, Chunk(b"Alph", b"\0\xff")
    data = write_single(single.model_id, single.payload, geometry=size, chunks=[opaque], dense=True)
    image = opened(data)
    assert image.mode == "RGBA"
    assert np.array_equal(np.asarray(image)[:, :, :3], pseudocodec.decode(data))
    assert np.asarray(image)[:, :, 3].min() == 255


def test_saving_to_a_path_goes_by_the_extension(tmp_path: Path, digit: NDArray[np.uint8]) -> None:
    path = tmp_path / "digit.psl"
    Image.fromarray(digit).save(path, model="digits", nbytes=40, effort=0)
    assert path.read_bytes() == pseudocodec.encode(digit, model="digits", nbytes=40, effort=0)


def test_a_file_may_be_saved_over_itself(tmp_path: Path, tiny: dict[str, object]) -> None:
    path = tmp_path / "picture.psl"
    picture("RGB").save(path, **tiny)
    first = pseudocodec.decode(path)
    with Image.open(path) as image:
        image.save(path, **tiny)
    assert path.read_bytes() == pseudocodec.encode(first, **tiny)  # type: ignore[arg-type]


def test_profiles_are_kept_replaced_and_dropped(tiny: dict[str, object]) -> None:
    image = picture("RGB")
    image.info["icc_profile"] = PROFILE
    assert opened(saved(image, **tiny)).info["icc_profile"] == PROFILE
    other = PROFILE[:100] + b"another" + PROFILE[107:]
    replaced = saved(image, icc_profile=other, **tiny)
    assert opened(replaced).info["icc_profile"] == other
    assert "icc_profile" not in opened(saved(image, icc_profile=None, **tiny)).info
    assert image.info["icc_profile"] == PROFILE


def test_options_of_other_formats_are_ignored(tiny: dict[str, object]) -> None:
    image = picture("L")
    others = {"optimize": True, "dpi": (72, 72), "exif": b"", "alpha_quality": 3, "method": 6}
    assert saved(image, **tiny, **others) == saved(image, **tiny)


@pytest.mark.parametrize(("name", "meant"), [("qualty", "quality"), ("n_bytes", "nbytes")])
def test_misspelt_options_are_refused(name: str, meant: str) -> None:
    with pytest.raises(
        plugin.PslImageError, match=f"unknown option {name}=9: did you mean {meant}"
    ):
        saved(picture("L"), **{name: 9})


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV"])
def test_other_modes_are_refused_as_encode_does(mode: str, tiny: dict[str, object]) -> None:
    with pytest.raises(OSError, match=f"images of mode {mode} are not supported"):
        saved(Image.new(mode, (8, 8)), **tiny)


def test_save_all_writes_every_frame(tiny: dict[str, object], tmp_path: Path) -> None:
    images = [picture("RGB"), picture("L", 9, 31), picture("RGB", 16, 16)]
    gif = io.BytesIO()
    images[1].save(gif, "GIF", save_all=True, append_images=[Image.new("L", (9, 31), 99)])
    animated = Image.open(gif)
    animated.seek(1)
    data = saved(images[0], save_all=True, append_images=[animated, images[2]], **tiny)
    assert animated.tell() == 1
    every = [images[0], *(f.copy() for f in ImageSequence.Iterator(animated)), images[2]]
    pseudocodec.save(tmp_path / "all.psl", every, **tiny)  # type: ignore[arg-type]
    assert data == (tmp_path / "all.psl").read_bytes()
    assert opened(data).n_frames == 4


def test_save_all_of_one_frame_is_a_plain_picture(tiny: dict[str, object]) -> None:
    image = picture("RGBA")
    assert saved(image, save_all=True, **tiny) == saved(image, **tiny)


def test_a_frame_that_cannot_be_saved_is_named(tiny: dict[str, object]) -> None:
    with pytest.raises(plugin.PslImageError, match="picture 1: the image is transparent"):
        saved(picture("RGB"), save_all=True, append_images=[picture("RGBA")], **tiny)


@pytest.mark.parametrize("save_all", [False, True])
def test_failing_to_save_leaves_nothing(save_all: bool, tmp_path: Path) -> None:
    path, buffer = tmp_path / "out.psl", io.BytesIO(b"before")
    image = picture("CMYK")
    more = {"save_all": save_all, "append_images": [image]}
    for target in (path, buffer):
        with pytest.raises(plugin.PslImageError):
            image.save(target, "PSL", **more)
    assert not list(tmp_path.iterdir())
    assert buffer.getvalue() == b"before"


def test_frames_know_their_numbers() -> None:
    with (GOLDEN / "digits-archive.psl").open("rb") as file:
        from pseudocodec._frames import frames_of

        frames: Frames = frames_of(file)
        with pytest.raises(pseudocodec.OutOfRange, match="picture 3 is not in the archive"):
            frames.shape(3)
