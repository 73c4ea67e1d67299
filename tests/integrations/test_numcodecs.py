"""The numcodecs codec: shapes, settings, `out`, arrays of zarr's format 2, malformed chunks."""

from __future__ import annotations

import io
import json
import pickle
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from photo_models import smooth

from pseudocodec import decode, save
from pseudocodec import open as open_archive
from pseudocodec.container import ArchiveWriter
from pseudocodec.errors import Corrupt, NotPsl, PslError, TooLarge, UnknownModel
from pseudocodec.metrics import psnr
from pseudocodec.model import PhotoModel, load_model

numcodecs = pytest.importorskip("numcodecs", reason="numcodecs is not installed")

from pseudocodec.integrations._chunks import axes_of, decode_chunk  # noqa: E402
from pseudocodec.integrations.numcodecs import Psl  # noqa: E402

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def chunk(digits: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    return np.stack(digits[:5])


@pytest.fixture(scope="module")
def coded(chunk: NDArray[np.uint8]) -> bytes:
    return Psl(model="digits", nbytes=48, effort=0).encode(chunk)


def test_a_chunk_of_pictures_is_an_archive(chunk, coded):
    back = Psl(model="digits").decode(coded)
    with open_archive(coded) as archive:
        np.testing.assert_array_equal(back, archive[:])
    assert len(coded) <= 48 * 5
    assert psnr(chunk, back) > 20


def test_a_chunk_of_one_picture_is_a_single_file(chunk):
    data = Psl(model="digits", effort=0).encode(chunk[0])
    np.testing.assert_array_equal(Psl().decode(data), decode(data))


@pytest.mark.parametrize("shape", [(2, 40, 32, 3), (40, 32, 3), (2, 40, 32), (40, 32), (2, 40, 3)])
def test_every_shape_comes_back(photo_model: PhotoModel, shape):
    codec = Psl(model=photo_model.id.hex(), axes="NHW" if shape == (2, 40, 3) else None)
    colours = shape[-1] == 3 and shape != (2, 40, 3)
    picture = smooth(40, 32, channels=3 if colours else 1)
    array = np.broadcast_to(picture if colours else picture[:, : shape[-1], 0], shape)
    back = codec.decode(codec.encode(array))
    assert (back.shape, back.dtype) == (shape, np.uint8)
    assert psnr(array, back) > 15


def test_colours_that_are_grey_stay_three(photo_model: PhotoModel):
    codec = Psl(model=photo_model.id.hex())
    grey = np.repeat(smooth(20, 24, channels=1), 3, axis=2)[None]
    assert codec.decode(codec.encode(grey)).shape == grey.shape


def test_axes_follow_from_the_shape_unless_given():
    shapes = [(5, 4), (5, 4, 3), (5, 4, 7), (2, 5, 4, 3)]
    assert [axes_of(shape, None) for shape in shapes] == ["HW", "HWC", "NHW", "NHWC"]
    assert axes_of((5, 4, 3), "NHW") == "NHW"


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((7,), None), ((), None), ((2, 5, 4, 1), None), ((1, 2, 5, 4, 3), None), ((5, 4), "NHW")],
)
def test_shapes_that_are_no_images_are_refused(shape, axes):
    with pytest.raises(PslError, match=r"an array of shape .* has not the axes"):
        Psl(model="digits", axes=axes).encode(np.zeros(shape, np.uint8))


def test_other_dtypes_are_refused(chunk):
    with pytest.raises(PslError, match="of dtype uint8, got float32"):
        Psl(model="digits").encode(chunk.astype(np.float32))


def test_fortran_order_is_refused(chunk):
    with pytest.raises(PslError, match='create the array with order="C"'):
        Psl(model="digits").encode(np.asfortranarray(chunk))


@pytest.mark.parametrize("flat", [False, True])
def test_out_is_filled(chunk, coded, flat):
    out = np.zeros(chunk.size if flat else chunk.shape, np.uint8)
    assert Psl().decode(coded, out) is out
    np.testing.assert_array_equal(out.reshape(chunk.shape), Psl().decode(coded))


def test_an_out_too_small_is_refused_before_decoding(coded):
    with pytest.raises(TooLarge, match="has 3920 bytes; the limit is 1000"):
        Psl().decode(coded, np.zeros(1000, np.uint8))


def test_an_out_too_large_is_refused(coded):
    with pytest.raises(PslError, match=r"out has 5000 bytes; the chunk has shape \(5, 28, 28\)"):
        Psl().decode(coded, np.zeros(5000, np.uint8))


@pytest.mark.parametrize(
    "settings",
    [{}, {"quality": 30}, {"nbytes": 20}, {"bpp": 0.5, "effort": 7}, {"psnr": 25.5, "axes": "NHW"}],
)
def test_the_config_is_json_and_makes_the_codec_again(settings):
    codec = Psl(model="digits", **settings)
    config = json.loads(json.dumps(codec.get_config()))
    assert config["id"] == "psl"
    numcodecs.register_codec(Psl)
    assert numcodecs.get_codec(config) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert eval(repr(codec)) == codec


def test_a_config_states_the_quality_that_goes_without_a_target():
    assert Psl().get_config() == {"id": "psl", "model": "photo", "quality": 60, "effort": 3}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"quality": 30, "nbytes": 20}, "ask for one target only"),
        ({"quality": "high"}, "quality='high': expected a number"),
        ({"effort": None, "level": 3}, "'level' is no setting of psl chunks; use model, "),
        ({"axes": "CHW"}, "axes='CHW': expected one of HW, HWC, NHW, NHWC, or None"),
        ({"model": "nets/mine.safetensors"}, "pass a name or the 16 hex digits of an id"),
        ({"model": 7}, "model=7: pass a name"),
    ],
)
def test_bad_settings_are_refused(settings, sentence):
    with pytest.raises(PslError, match=sentence):
        Psl(**settings)


def test_a_model_is_known_by_its_id(chunk, coded):
    identity = load_model("digits").id.hex()
    assert Psl(model=identity, nbytes=48, effort=0).encode(chunk) == coded


@pytest.mark.parametrize("model", ["0123456789abcdef", "nobody"])
def test_a_model_that_is_not_installed_is_named(chunk, model):
    with pytest.raises(UnknownModel, match=model):
        Psl(model=model).encode(chunk)


def test_threads_encode_and_decode_the_same(chunk, coded):
    codec = Psl(model="digits", nbytes=48, effort=0)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(codec.encode, [chunk] * 4)) == {coded}
        for back in pool.map(codec.decode, [coded] * 4):
            np.testing.assert_array_equal(back, codec.decode(coded))


def test_other_bytes_are_refused():
    with pytest.raises(NotPsl):
        Psl().decode(b"\x89PNG\r\n\x1a\n" + bytes(20))


@pytest.mark.parametrize("at", [30, 64, -1])
def test_damage_is_noticed(coded, at):
    damaged = bytearray(coded)
    damaged[at] ^= 1
    with pytest.raises(Corrupt):
        Psl().decode(damaged)


def test_a_truncated_chunk_is_refused(coded):
    with pytest.raises(Corrupt):
        Psl().decode(coded[:-1])


def forged(count: int) -> bytes:
    """A valid archive of pictures of no bits each."""
    file = io.BytesIO()
    with ArchiveWriter(file, load_model("digits").id, dense=True, block_images=65535) as writer:
        for _ in range(count):
            writer.add(b"", 0)
    return file.getvalue()


def test_an_archive_without_pictures_is_refused():
    with pytest.raises(Corrupt, match="an archive without pictures"):
        Psl().decode(forged(0))


def test_a_few_bytes_do_not_claim_many():
    data = forged(2000)
    assert len(data) < 100
    with pytest.raises(TooLarge, match=r"\(2000, 28, 28\) has 1568000 bytes; the limit is 1000000"):
        decode_chunk(data, limit=10**6)


def test_a_chunk_too_large_is_not_encoded():
    with pytest.raises(TooLarge, match="has 3000000000 bytes; the limit is 2147483647"):
        Psl().encode(np.broadcast_to(np.uint8(0), (3000, 1000, 1000)))


def test_a_chunk_too_large_is_not_allocated(coded):
    with pytest.raises(TooLarge, match="the limit is 2147483647"):
        decode_chunk(coded, (5, 10**6, 10**6))


def test_pictures_of_differing_sizes_are_no_chunk(photo_model: PhotoModel, tmp_path):
    save(tmp_path / "a.psl", [smooth(16, 16), smooth(16, 20)], model=photo_model)
    with pytest.raises(Corrupt, match=r"picture 1 of the chunk has shape \(16, 20, 3\), not"):
        Psl().decode((tmp_path / "a.psl").read_bytes())


def test_an_array_of_zarr_format_2_round_trips(chunk, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3", reason="zarr 3 is not installed")
    numcodecs.register_codec(Psl)
    codec = Psl(model="digits", nbytes=64, effort=0)
    written = zarr.create_array(
        tmp_path / "a.zarr",
        shape=chunk.shape,
        chunks=(2, 28, 28),
        dtype="uint8",
        compressors=codec,
        zarr_format=2,
    )
    written[:] = chunk
    again = zarr.open_array(tmp_path / "a.zarr", mode="r")
    assert again.compressors == (codec,)
    np.testing.assert_array_equal(again[2:4], codec.decode(codec.encode(chunk[2:4])))
    assert psnr(chunk, again[:]) > 20


def test_the_entry_point_names_the_codec():
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    point = metadata.EntryPoint("psl", points["numcodecs.codecs"]["psl"], "numcodecs.codecs")
    assert point.load() is Psl
