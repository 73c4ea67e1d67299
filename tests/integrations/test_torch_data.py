"""PslDataset with and without workers, and the WebDataset decoder in a pipeline over a tar."""

from __future__ import annotations

import io
import pickle
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from photo_models import smooth
from torch.utils.data import DataLoader, Subset

from pseudocodec import encode, save
from pseudocodec import open as open_archive
from pseudocodec.container import ArchiveReader
from pseudocodec.errors import Corrupt, NotPsl, OutOfRange, PslError
from pseudocodec.integrations.torch import PslDataset, decode_psl
from pseudocodec.model import PhotoModel


@pytest.fixture(scope="module")
def paths(digits: list[NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two archives of digits, of seven and of five."""
    folder = tmp_path_factory.mktemp("archives")
    for name, part in (("a.psl", digits[:7]), ("b.psl", digits[7:])):
        save(folder / name, part, model="digits", effort=0)
    return [folder / "a.psl", folder / "b.psl"]


@pytest.fixture(scope="module")
def decoded(paths: list[Path]) -> torch.Tensor:
    """All pictures of both, (12, 1, 28, 28)."""
    parts = []
    for path in paths:
        with open_archive(path) as archive:
            parts.append(archive[:])
    return torch.from_numpy(np.concatenate(parts))[:, None]


@pytest.fixture
def dataset(paths: list[Path]) -> Iterator[PslDataset]:
    with PslDataset(paths) as dataset:
        yield dataset


def half(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() / 510


def test_archives_follow_one_another(dataset, decoded):
    assert len(dataset) == 12
    assert dataset[0].dtype == torch.uint8
    for index in (0, 6, 7, 11, -1, -12, np.int64(3), torch.tensor(4)):
        torch.testing.assert_close(dataset[index], decoded[int(index)], rtol=0, atol=0)


def test_one_path_is_one_archive(paths):
    with PslDataset(str(paths[1])) as dataset:
        assert len(dataset) == 5


def test_a_batch_is_in_the_order_asked_for(dataset, decoded):
    indices = [11, 0, 7, 7, -2, 3]
    batch = torch.stack(dataset.__getitems__(indices))
    torch.testing.assert_close(batch, decoded[indices], rtol=0, atol=0)
    assert dataset.__getitems__([]) == []


def test_pictures_asked_for_twice_share_nothing(dataset, decoded):
    first, second = dataset.__getitems__([5, 5])
    first.zero_()
    torch.testing.assert_close(second, decoded[5], rtol=0, atol=0)


def test_a_batch_reads_each_block_once(tmp_path, photo_model: PhotoModel, monkeypatch):
    save(tmp_path / "a.psl", [smooth(16, 16, seed=s) for s in range(3)], model=photo_model)
    read = []
    load = ArchiveReader._load
    monkeypatch.setattr(ArchiveReader, "_load", lambda self, b: read.append(b) or load(self, b))
    with PslDataset(tmp_path / "a.psl") as dataset:
        dataset.__getitems__([2, 0, 2, 1, 0])
    assert read == [0, 1, 2]


def test_colours_come_first(photo_model: PhotoModel, tmp_path):
    save(tmp_path / "a.psl", [smooth(16, 24)] * 2, model=photo_model)
    with PslDataset(tmp_path / "a.psl") as dataset, open_archive(tmp_path / "a.psl") as archive:
        assert dataset[1].shape == (3, 16, 24)
        np.testing.assert_array_equal(dataset[1].permute(1, 2, 0), archive[1])
        assert dataset[1].is_contiguous()


def test_sizes_may_differ_without_batches(photo_model: PhotoModel, tmp_path):
    save(tmp_path / "a.psl", [smooth(16, 24), smooth(20, 12)], model=photo_model)
    with PslDataset(tmp_path / "a.psl") as dataset:
        shapes = [tuple(t.shape) for t in DataLoader(dataset, batch_size=None)]
        assert shapes == [(3, 16, 24), (3, 20, 12)]
        assert [tuple(t.shape) for t in dataset.__getitems__([1, 0])] == shapes[::-1]


def test_the_transform_is_applied(paths, decoded):
    with PslDataset(paths, half) as dataset:
        torch.testing.assert_close(dataset[3], half(decoded[3]))
        torch.testing.assert_close(dataset.__getitems__([8])[0], half(decoded[8]))


@pytest.mark.parametrize("index", [12, -13])
def test_an_index_outside_is_refused(dataset, index):
    with pytest.raises(OutOfRange, match=f"picture {index} is not in the data set, which holds 12"):
        dataset[index]


@pytest.mark.parametrize("index", [slice(3), "0", 1.0])
def test_what_is_no_number_is_refused(dataset, index):
    with pytest.raises(PslError, match=r"use torch\.utils\.data\.Subset"):
        dataset[index]


def test_a_subset_takes_the_place_of_a_slice(dataset, decoded):
    [batch] = DataLoader(Subset(dataset, range(5, 9)), batch_size=4)
    torch.testing.assert_close(batch, decoded[5:9], rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 on fork and threads
@pytest.mark.parametrize(("context", "workers"), [("fork", 2), ("spawn", 1)])
def test_workers_open_the_archives_themselves(dataset, decoded, context, workers):
    dataset[0]  # opened here as well: what a worker inherits is not used there
    loader = DataLoader(dataset, batch_size=4, num_workers=workers, multiprocessing_context=context)
    torch.testing.assert_close(torch.cat(list(loader)), decoded, rtol=0, atol=0)
    torch.testing.assert_close(dataset[1], decoded[1], rtol=0, atol=0)


def test_a_pickled_copy_opens_its_own_files(dataset, decoded):
    dataset[0]
    with pickle.loads(pickle.dumps(dataset)) as copy:
        torch.testing.assert_close(copy[9], decoded[9], rtol=0, atol=0)


def test_threads_share_a_data_set(dataset, decoded):
    indices = [i % 12 for i in range(0, 240, 7)]
    with ThreadPoolExecutor(4) as pool:
        pictures = torch.stack(list(pool.map(dataset.__getitem__, indices)))
    torch.testing.assert_close(pictures, decoded[indices], rtol=0, atol=0)


def test_a_closed_data_set_opens_again(dataset, decoded):
    dataset[0]
    dataset.close()
    torch.testing.assert_close(dataset[0], decoded[0], rtol=0, atol=0)


def test_a_device_is_not_for_workers(paths, monkeypatch):
    with PslDataset(paths, device="auto") as dataset:
        assert dataset[0].shape == (1, 28, 28)
        monkeypatch.setattr("pseudocodec.integrations.torch.get_worker_info", object)
        with pytest.raises(PslError, match="device='auto' is not for worker processes"):
            dataset[0]


def test_a_device_that_is_not_here_is_refused(paths):
    with pytest.raises(PslError, match="device='nowhere' cannot be used here"):
        PslDataset(paths, device="nowhere")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_pictures_decoded_on_a_gpu_stay_there(paths, decoded):
    with PslDataset(paths, device="cuda") as dataset:
        [batch] = DataLoader(dataset, batch_size=12)
    assert batch.device.type == "cuda"
    torch.testing.assert_close(batch.cpu(), decoded, rtol=0, atol=1)


def test_no_archives_are_refused():
    with pytest.raises(PslError, match="archives is empty"):
        PslDataset([])


def test_a_missing_archive_is_refused(tmp_path):
    with pytest.raises(PslError, match="cannot open"):
        PslDataset(tmp_path / "none.psl")


def test_a_damaged_archive_is_refused(paths, tmp_path):
    data = bytearray(paths[0].read_bytes())
    data[70] ^= 1
    (tmp_path / "a.psl").write_bytes(data)
    with PslDataset(tmp_path / "a.psl") as dataset, pytest.raises(Corrupt):
        dataset[0]


@pytest.fixture(scope="module")
def files(digits: list[NDArray[np.uint8]]) -> list[bytes]:
    return [encode(digit, model="digits", effort=0) for digit in digits[:3]]


def test_a_field_is_decoded(files, digit):
    tensor = decode_psl(".psl", files[0])
    assert (tensor.shape, tensor.dtype) == ((1, 28, 28), torch.uint8)
    torch.testing.assert_close(decode_psl(".front.PSL", files[0]), tensor)


@pytest.mark.parametrize("key", [".png", ".psl.txt", ".cls", "."])
def test_other_fields_are_left_to_others(files, key):
    assert decode_psl(key, files[0]) is None


def test_an_archive_in_a_field_is_refused(paths):
    with pytest.raises(PslError, match=r"field '\.psl' is an archive of pictures, and a sample"):
        decode_psl(".psl", paths[0].read_bytes())


def test_other_bytes_in_a_field_are_refused():
    with pytest.raises(NotPsl):
        decode_psl(".psl", b"\x89PNG\r\n\x1a\n" + bytes(20))


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # webdataset leaves it open
def test_a_webdataset_is_decoded(files, tmp_path):
    wds = pytest.importorskip("webdataset", reason="webdataset is not installed")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        for number, data in enumerate(files):
            add(tar, f"{number:04}.psl", data)
            add(tar, f"{number:04}.cls", str(number).encode())
    pipeline = wds.WebDataset(str(tmp_path / "shard.tar"), shardshuffle=False)
    samples: list[Any] = list(pipeline.decode(decode_psl).to_tuple("psl", "cls"))
    assert [label for _, label in samples] == [0, 1, 2]
    for (picture, _), data in zip(samples, files, strict=True):
        torch.testing.assert_close(picture, decode_psl(".psl", data), rtol=0, atol=0)


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
