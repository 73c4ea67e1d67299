"""Archives whose pictures have as many bits as they need."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import pseudocodec
from pseudocodec.allocation import ladder
from pseudocodec.encoding import describe
from pseudocodec.metrics import psnr
from pseudocodec.model import load_model
from pseudocodec.model.vectors import VectorModel

Bytes = NDArray[np.uint8]
save = partial(pseudocodec.save, model="digits")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "digits.psl"


@pytest.fixture
def mixed(digits: list[Bytes]) -> list[Bytes]:
    """Easy and hard pictures: faint digits, and digits upon each other."""
    faint = [digit // 3 for digit in digits]
    doubled = [np.maximum(a, b[::-1]) for a, b in zip(digits, digits[::-1], strict=True)]
    return [picture for three in zip(faint, digits, doubled, strict=True) for picture in three]


def lengths_of(path: Path) -> tuple[int, int]:
    low, high = pseudocodec.info(path)["payload_bits"]
    return low, high


@pytest.mark.parametrize("effort", [1, 3])
def test_hard_pictures_get_more_and_all_get_better(
    mixed: list[Bytes], path: Path, effort: int
) -> None:
    found = {}
    for level in (0, effort):
        save(path, mixed, nbytes=24, effort=level, overwrite=True)
        assert path.stat().st_size <= 24 * len(mixed)
        low, high = lengths_of(path)
        assert (low < high) == (level > 0)
        with pseudocodec.open(path) as archive:
            found[level] = psnr(np.stack(mixed), archive[:])
    assert found[effort] > found[0] + 0.3


def test_faint_pictures_get_fewest(mixed: list[Bytes]) -> None:
    model = load_model("digits")
    assert isinstance(model, VectorModel)
    code, pictures = model.code_for(dense=True), [picture[:, :, None] for picture in mixed]
    rungs = ladder(160, code.max_bits)
    for effort in (1, 3):
        described = describe(model, code, pictures, 160, effort=effort, device="cpu", ladder=rungs)
        bits = np.array([length for _, length in described])
        assert set(bits.tolist()) <= set(rungs)
        assert bits.mean() <= 160
        assert bits.mean() > 160 - rungs[1] + rungs[0]
        assert bits[0::3].mean() < bits[1::3].mean() < bits[2::3].mean()
        assert all(len(symbols) == code.usable_bits(length) for symbols, length in described)


@pytest.mark.parametrize("target", [{"quality": 60}, {"bpp": 0.16}])
def test_other_targets_share_too(mixed: list[Bytes], path: Path, target: dict[str, float]) -> None:
    save(path, mixed, effort=1, **target)  # type: ignore[arg-type]
    low, high = lengths_of(path)
    assert low < 128 < high
    records = path.stat().st_size - pseudocodec.info(path)["overhead_bytes"]
    assert records <= 16 * len(mixed)


def test_a_psnr_is_reached_by_each_picture_as_before(mixed: list[Bytes], path: Path) -> None:
    save(path, mixed, psnr=13.0, effort=1)
    with pseudocodec.open(path) as archive:
        assert min(psnr(a, b) for a, b in zip(mixed, archive, strict=True)) >= 13.0


@pytest.mark.parametrize(
    "options",
    [{"effort": 0}, {"progressive": True, "effort": 1}, {"nbytes": 9, "effort": 1}],
    ids=str,
)
def test_records_of_one_length(mixed: list[Bytes], path: Path, options: dict[str, object]) -> None:
    save(path, mixed, **{"nbytes": 24} | options)  # type: ignore[arg-type]
    assert len(set(lengths_of(path))) == 1


def test_few_pictures_have_records_of_one_length(mixed: list[Bytes], path: Path) -> None:
    save(path, mixed[:6], nbytes=40, effort=1)
    assert len(set(lengths_of(path))) == 1


def test_an_index_stays_small_when_pictures_of_another_size_are_added(
    mixed: list[Bytes], path: Path
) -> None:
    save(path, mixed, nbytes=20, effort=1)
    pseudocodec.append(path, mixed[:5], nbytes=40, effort=1)
    low, high = lengths_of(path)
    assert low % 16 == high % 16 == 0


def test_workers_do_not_show(mixed: list[Bytes], path: Path, tmp_path: Path) -> None:
    many = mixed * 3  # two batches
    other = tmp_path / "other.psl"
    save(path, many, nbytes=20, effort=2)
    save(other, many, nbytes=20, effort=2, workers=2)
    assert path.read_bytes() == other.read_bytes()
