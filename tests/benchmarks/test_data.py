import gzip

import numpy as np
import pytest

import data


def test_digits_are_read_from_the_folder(tmp_path, monkeypatch):
    pixels = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8)
    header = b"".join(n.to_bytes(4, "big") for n in (0x803, 2, 28, 28))
    (tmp_path / "mnist").mkdir()
    path = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(header + pixels.tobytes()))
    monkeypatch.setattr(data, "ROOT", tmp_path)
    images = data.mnist("test")
    assert images.dtype == np.uint8
    assert np.array_equal(images, pixels.reshape(2, 28, 28))


def test_labels_are_those_of_the_digits(tmp_path, monkeypatch):
    header = b"".join(n.to_bytes(4, "big") for n in (0x801, 3))
    (tmp_path / "mnist").mkdir()
    path = tmp_path / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(header + bytes([7, 0, 9])))
    monkeypatch.setattr(data, "ROOT", tmp_path)
    assert data.mnist_labels("train").tolist() == [7, 0, 9]


def test_absent_data_ends_the_script_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"faces64/train.tar is not in .*PSEUDOCODEC_DATA"):
        data.faces64("train")
