"""M43 to M48: the payloads of photographs."""

import io
import itertools
import struct
import zlib

import numpy as np
import photo_models
import pytest

import pseudocodec
from pseudocodec.container import ArchiveWriter, Geometry, read_single, write_single
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.hyperprior import HyperpriorCode
from pseudocodec.hyperprior.contexts import untaught
from pseudocodec.training.export_photo import code_tensors

SIZE = Geometry(100, 70)  # two tiles of 64 pixels a side by two


@pytest.fixture(scope="module")
def payload(photo_model):
    """Of one tile."""
    picture = photo_models.smooth(SIZE.height, SIZE.width)
    return read_single(pseudocodec.encode(picture, model=photo_model, effort=0)).payload


def file(model, payload, *, geometry=SIZE, dense=True):
    return write_single(model.id, payload, geometry=geometry, dense=dense)


def archive(model, payload, *, nbits=None, geometry=SIZE, dense=True):
    out = io.BytesIO()
    sized = geometry is not None
    with ArchiveWriter(out, model.id, dense=dense, record_geometry=sized) as writer:
        writer.add(payload, 8 * len(payload) if nbits is None else nbits, geometry)
    return out.getvalue()


def refused(data, match, **options):
    """The pattern is that of a Corrupt."""
    with pytest.raises(Corrupt, match=match):
        pseudocodec.decode(data, **options)


def test_m43_photos_are_dense_and_sized(photo_model, payload):
    assert pseudocodec.decode(file(photo_model, payload)).shape == (70, 100, 3)
    assert pseudocodec.open(archive(photo_model, payload))[0].shape == (70, 100, 3)
    refused(file(photo_model, payload, dense=False), "prefixes of a photo")
    refused(file(photo_model, payload, geometry=None), "how large")
    padded = payload + b"\x00"
    for bad in (
        archive(photo_model, payload, dense=False),
        archive(photo_model, payload, geometry=None),
        archive(photo_model, padded, nbits=8 * len(padded) - 3),
    ):
        with pytest.raises(Corrupt):
            pseudocodec.open(bad)[0]


def test_m44_photo_front_is_checked(photo_model, payload):
    for flags in (2, 3, 255):
        refused(file(photo_model, bytes([flags]) + payload[1:]), "unknown flags")
    top = photo_model.code.top
    refused(
        file(photo_model, payload[:1] + struct.pack("<H", top + 1) + payload[3:]),
        f"level {top + 1}, the model has {top}",
    )
    for length in range(3):
        refused(file(photo_model, payload[:length]), f"{length} bytes of payload")


@pytest.mark.usefixtures("small_tiles")
class TestTiles:
    @pytest.fixture
    def data(self, photo_model):
        """A file of four tiles."""
        picture = photo_models.smooth(SIZE.height, SIZE.width)
        return pseudocodec.encode(picture, model=photo_model, effort=0)

    INDEX = slice(28, 28 + 3 + 4 * 8 + 4)

    def test_m45_tile_index_is_verified(self, photo_model, data):
        region = (0, 0, 1, 1)
        assert pseudocodec.decode(data, region=region).shape == (1, 1, 3)
        for at in (*range(20, 28), *range(28, self.INDEX.stop)):  # the size, too
            damaged = data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]
            with pytest.raises(PslError):
                pseudocodec.decode(damaged, region=region)
        payload = data[28:]
        refused(file(photo_model, payload + b"\x00"), "the tiles end at byte")
        refused(file(photo_model, payload[:-1]), "the tiles end at byte")

    def test_m46_tiles_are_verified(self, data):
        region = (99, 69, 100, 70)
        damaged = data[:-1] + bytes([data[-1] ^ 1])
        refused(damaged, "tile 3 of 4 is damaged", region=region)
        with pytest.warns(pseudocodec.DamagedWarning, match="1 of 4 tiles"):
            pseudocodec.decode(damaged, keep_going=True)
        # Tiles swapped, with their own checksums and an index that is right:
        entries = [data[i : i + 8] for i in range(31, 63, 8)]
        ends = np.cumsum([67, *(int.from_bytes(e[:4], "little") for e in entries)])
        parts = [data[a:b] for a, b in itertools.pairwise(ends)]
        order = [0, 1, 3, 2]
        front = data[28:31] + b"".join(entries[i] for i in order)
        crc = zlib.crc32(front, zlib.crc32(data[20:28]))
        swapped = data[:28] + front + struct.pack("<I", crc) + b"".join(parts[i] for i in order)
        refused(swapped, "tile [23] of 4 is damaged", region=region)


def test_m47_tiles_are_canonical(photo_model, payload):
    front, length, tile = payload[:3], payload[3], payload[4:]
    assert length < 0x80
    for bad in (
        front,
        front + b"\x80",
        front + bytes([length | 0x80, 0]) + tile,
        front + bytes([length + 1]) + tile[:length] + b"\x00" + tile[length:],
        front + bytes([length]) + tile + b"\x00",
        front + bytes([127]) + tile[:50],
    ):
        refused(file(photo_model, bad), "tile|tables")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("weight.0", 1 << 15),
        ("weight.3", -(1 << 15)),
        ("bias.1", (1 << 34) + 1),
        ("hyper_mean", -(1 << 19) - 1),
        ("hyper_index", (255 << 8) + 1),
        ("gain", -1),
        ("gain", (1 << 24) + 1),
        ("gain", -(1 << 63)),
    ],
)
def test_m48_sums_stay_exact(key, value):
    tensors = code_tensors(photo_models.transform())
    assert HyperpriorCode(tensors).top > 0
    tensor = tensors[key].astype(np.int64)
    tensor.ravel()[0] = value
    with pytest.raises(PslError, match="out of range"):
        HyperpriorCode(tensors | {key: tensor})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("means", -(1 << 15)),  # 196 of them, times 1023
        ("contexts", 256),
        ("weights", (1 << 22) + 1),
        ("weights", -(1 << 22) - 1),
    ],
)
def test_m53_contexts_are_in_range(name, value):
    tensors = code_tensors(photo_models.transform())
    code = HyperpriorCode(tensors)
    kept = untaught(code.latents, code.tables.count)
    good = tensors | {f"contexts.{key}": tensor for key, tensor in kept.items()}
    assert HyperpriorCode(good).contexts
    for bad in (np.full_like(kept[name], value), kept[name][:-1], kept[name].astype(np.int64)):
        with pytest.raises(PslError, match="hyperprior contexts"):
            HyperpriorCode(good | {f"contexts.{name}": bad})
    with pytest.raises(PslError, match="missing"):
        HyperpriorCode({key: good[key] for key in good if key != f"contexts.{name}"})


@pytest.mark.parametrize(
    "change",
    [
        {"detail_index": np.full((5, 6), (255 << 8) + 1)},
        {"detail_index": np.full((5, 6), -(255 << 8) - 1)},
        {"detail_index": np.zeros((4, 6), np.int64)},
        {"detail_index": np.zeros((5, 0), np.int64)},
        {"detail_index": np.zeros((5, 769), np.int64)},
        {"detail_first": np.array([-1])},
        {"detail_first": np.array([4 * 256 + 1])},
        {"detail_first": np.array([1, 2])},
        {"detail_first": np.array([1.0])},
    ],
)
def test_m54_details_are_in_range(change):
    tensors = photo_models.detailed()
    assert HyperpriorCode(tensors).details
    with pytest.raises(PslError, match=r"hyperprior (details|code)"):
        HyperpriorCode(tensors | change)
    for name in ("detail_first", "detail_index", "detail_contexts."):
        kept = {k: v for k, v in tensors.items() if not k.startswith(name)}
        with pytest.raises(PslError, match="missing"):
            HyperpriorCode(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"filter_index": np.full((5, 10), (255 << 8) + 1)},
        {"filter_index": np.full((5, 10), -(255 << 8) - 1)},
        {"filter_index": np.zeros((4, 10), np.int64)},
        {"filter_index": np.zeros((5, 0), np.int64)},
        {"filter_index": np.zeros((5, 1025), np.int64)},
        {"filter_index": np.zeros(5, np.int64)},
        {"filter_index": np.zeros((5, 10))},
    ],
)
def test_m55_filters_are_in_range(change):
    tensors = photo_models.finished()
    assert HyperpriorCode(tensors).filters
    with pytest.raises(PslError, match=r"hyperprior (filters|code)"):
        HyperpriorCode(tensors | change)
