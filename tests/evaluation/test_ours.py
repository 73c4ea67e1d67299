import numpy as np
import pytest

import pseudocodec
from pseudocodec.evaluation.ours import Encoder
from pseudocodec.metrics import psnr


@pytest.mark.parametrize(("progressive", "layout"), [(False, "archive"), (True, "progressive")])
def test_archives_are_sized_on_disk_and_decoded(digits, tmp_path, progressive, layout):
    images, encoder = np.stack(digits), Encoder("digits", effort=0, progressive=progressive)
    ((row, decoded),) = encoder.archives(images, [16])
    path = tmp_path / "same.psl"
    options = {"nbytes": 16, "effort": 0, "progressive": progressive}
    pseudocodec.save(path, images, model="digits", **options)
    assert (row["codec"], row["layout"], row["setting"]) == ("pseudocodec", layout, 16)
    assert row["bytes"] == path.stat().st_size / len(images) <= 16
    assert row["overhead"] == pseudocodec.info(path)["overhead_bytes"] / len(images)
    assert row["psnr"] == psnr(images, decoded)
    with pseudocodec.open(path) as archive:
        assert np.array_equal(archive[:], decoded)
    assert min(row["encode_per_s"], row["decode_per_s"]) > 0


def test_single_files_are_counted_whole(digits):
    (row,) = Encoder("digits", effort=0).singles(np.stack(digits[:2]), [36])
    options = {"model": "digits", "nbytes": 36, "effort": 0, "progressive": False}
    files = [pseudocodec.encode(digit, **options) for digit in digits[:2]]
    assert row["bytes"] == sum(map(len, files)) / 2 <= 36
    assert row["overhead"] == 20
    assert row["psnr"] == psnr(
        np.stack(digits[:2]), np.stack([pseudocodec.decode(file) for file in files])
    )


def test_progress_names_the_archive(digits):
    told = []
    list(Encoder("digits", effort=0).archives(np.stack(digits), [16], lambda *t: told.append(t)))
    assert told == [("archive of 16 bytes a picture", 12, 12)]


def test_no_sizes_are_no_rows(digits):
    assert list(Encoder("digits").archives(np.stack(digits), [])) == []
