from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pillow_jxl")
import digits

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 28, 28), np.uint8)


@pytest.fixture
def codec(monkeypatch):
    """A stand-in that stores pixels raw, 9 bytes before an archive and 7 before a single image."""

    def save(path, images, *, model, nbytes, progressive, overwrite):
        path.write_bytes(bytes(9) + images.tobytes())

    def load(path):
        return np.frombuffer(path.read_bytes()[9:], np.uint8).reshape(-1, 28, 28)

    def encode(image, *, model, nbytes):
        return bytes(7) + image.tobytes()

    def decode(source):
        return np.frombuffer(source[7:], np.uint8).reshape(28, 28) ^ 1

    def info(source):
        return {"overhead_bytes": 7 if isinstance(source, bytes) else 9}

    stand_in = SimpleNamespace(save=save, open=load, encode=encode, decode=decode, info=info)
    monkeypatch.setattr(digits, "pseudocodec", stand_in)


@pytest.mark.usefixtures("codec")
def test_archives_are_sized_on_disk_and_decoded_whole():
    (row,) = digits.ours(IMAGES, [700])
    assert row["bytes"] == 784 + 9 / 4
    assert row["overhead"] == 9 / 4
    assert row["psnr"] is None  # the stand-in is lossless
    assert min(row["encode_per_s"], row["decode_per_s"]) > 0


@pytest.mark.usefixtures("codec")
def test_single_files_are_decoded_from_their_bytes():
    (row,) = digits.ours_single(IMAGES, [784])
    assert (row["bytes"], row["overhead"]) == (791, 7)
    assert row["psnr"] == pytest.approx(20 * np.log10(255))  # every pixel is off by one


def test_every_line_of_the_picture_has_a_label():
    plt = pytest.importorskip("matplotlib.figure")
    points = [{"bytes": n, "psnr": 20 + n} for n in range(5)]
    names = [("pseudocodec", "archive"), ("pseudocodec", "single"), ("bound", "Gaussian R(D)")]
    names += [("WebP", "sheet"), ("WebP", "single")]
    rows = [{"codec": codec, "layout": layout} | p for codec, layout in names for p in points]
    rows.append({"codec": "PNG", "layout": "single", "bytes": 267, "psnr": None})
    axes = plt.Figure().subplots()
    digits.draw(axes, rows)
    labels = [text.get_text() for text in axes.texts[:-1]]  # the last explains the line styles
    assert len(axes.lines) == len(names)
    assert labels == [
        "pseudocodec, archive",
        "pseudocodec, single",
        "Gaussian R(D)",
        "WebP",
        "WebP",
    ]
