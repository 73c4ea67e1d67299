"""Where the FID's weights come from, what is refused, and the distance: with untrained weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from inception_weights import hollow, pictures, weights
from torch import Tensor

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.evaluation import inception
from pseudocodec.evaluation.inception import ENVIRONMENT, NAMES, fid, inception_features
from pseudocodec.metrics import frechet_distance

Accept = Callable[[Path], Path]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of weights that are all zero."""
    file = tmp_path / NAMES[0]
    torch.save(hollow(), file)
    return file


@pytest.fixture
def accept(monkeypatch: pytest.MonkeyPatch) -> Accept:
    """Lets a file pass for the one that is expected."""

    def accepted(file: Path) -> Path:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        monkeypatch.setattr(inception, "SHA256", digest)
        return file

    return accepted


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No weights that this machine happens to have, no network of an earlier test."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    inception._load.cache_clear()
    return tmp_path / "hub" / "checkpoints"


@pytest.mark.parametrize("zipped", [True, False], ids=["new", "as in 2018"])
def test_features_by_the_weights_of_a_file(zipped: bool, tmp_path: Path, accept: Accept) -> None:
    file = tmp_path / "weights.pth"
    torch.save(weights(), file, _use_new_zipfile_serialization=zipped)
    features = inception_features(pictures()[:1], accept(file), device="cpu")
    assert features.shape == (1, 2048) and features.dtype == np.float32
    assert float(features.mean()) == pytest.approx(0.0599114, abs=1e-5)


def test_old_files_do_not_count_batches(path: Path, accept: Accept) -> None:
    state = {k: v for k, v in hollow().items() if not k.endswith("num_batches_tracked")}
    torch.save(state, path)
    accept(path)
    assert not inception_features(pictures()[:1], path, device="cpu").any()


def means(images: Tensor) -> Tensor:
    """In place of a network: the mean of each channel."""
    return images.mean((2, 3))


def test_pictures_go_in_by_channels() -> None:
    images, cpu = pictures(), torch.device("cpu")
    expected = images.mean(axis=(1, 2))
    np.testing.assert_allclose(inception._run(means, images, cpu), expected, rtol=1e-5)
    turned = images[:, ::-1, :, ::-1]
    np.testing.assert_allclose(inception._run(means, turned, cpu), expected[:, ::-1], rtol=1e-5)
    grey = np.repeat(expected[:, :1], 3, axis=1)
    np.testing.assert_allclose(inception._run(means, images[..., 0], cpu), grey, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_the_distance_is_that_of_the_features(
    batch: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inception, "_load", lambda *_: means)
    a = np.random.default_rng(0).integers(0, 256, (5, 8, 9, 3), np.uint8)
    b = np.concatenate([a, 255 - a[:2]])[:, :, 1:]
    one, other = (x.mean(axis=(1, 2)) for x in (a, b))
    expected = frechet_distance(one, other)
    assert fid(a, b, path, device="cpu", batch=batch) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_cache_of_torch_is_looked_into(name: str, path: Path, nowhere: Path) -> None:
    nowhere.mkdir(parents=True)
    (nowhere / name).symlink_to(path)
    assert inception._find(None) == nowhere / name


def test_the_environment_goes_before_the_cache(
    path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere.mkdir(parents=True)
    (nowhere / NAMES[0]).touch()
    monkeypatch.setenv(ENVIRONMENT, str(path))
    assert inception._find(None) == path
    assert inception._find(nowhere / NAMES[0]) == nowhere / NAMES[0]


def test_without_weights_a_sentence_says_how_to_give_them(
    tmp_path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = rf"needs the Inception weights {NAMES[0]} .* not at .*%s.*pass .* or set {ENVIRONMENT}"
    with pytest.raises(PslError, match=said % r"checkpoints.*\(in torch's cache\)"):
        inception_features(pictures())
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "absent.pth"))
    with pytest.raises(PslError, match=said % rf"absent.pth \(in {ENVIRONMENT}\)"):
        inception_features(pictures())
    with pytest.raises(PslError, match=said % r"other.pth \(as `weights`\)"):
        fid(pictures(), pictures(), tmp_path / "other.pth")


def test_other_weights_are_refused(path: Path) -> None:
    with pytest.raises(PslError, match=r"not pt_inception.*expected 6726825d\.\.\.\); get it ag"):
        inception_features(pictures(), path)


def test_a_truncated_file_is_refused(path: Path, tmp_path: Path, accept: Accept) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(PslError, match=r"cut.pth: not pt_inception.*\(50000 bytes"):
        inception_features(pictures(), cut)
    with pytest.raises(PslError, match=r"cut.pth: the weights cannot be read \(.*get them again"):
        inception_features(pictures(), accept(cut))


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no archive", b"\x80\x02cos\nsystem\n."])
def test_a_file_of_something_else_is_refused(
    content: bytes, tmp_path: Path, accept: Accept
) -> None:
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(PslError, match="the weights cannot be read"):
        inception_features(pictures(), accept(tmp_path / "file.pth"))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "Conv2d_1a_3x3.bn.bias: None, expected"),
        ({"fc.bias": torch.zeros(1000)}, r"fc.bias: \(1000,\), expected \(1008,\)"),
        ({"AuxLogits.fc.bias": torch.zeros(1000)}, r"AuxLogits.fc.bias: \(1000,\), expected None"),
        ([1, 2], "cannot be read"),
    ],
    ids=["resnet", "classes", "auxiliary", "list"],
)
def test_another_network_is_refused(
    state: object, reason: str, tmp_path: Path, accept: Accept
) -> None:
    if isinstance(state, dict) and "conv1.weight" not in state:
        state = hollow() | state
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(PslError, match=reason):
        inception_features(pictures(), accept(tmp_path / "other.pth"))


def test_files_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.pth").write_bytes(bytes(100))
    monkeypatch.setattr(inception, "MAX_WEIGHTS_BYTES", 99)
    with pytest.raises(TooLarge, match="100 bytes"):
        inception_features(pictures(), tmp_path / "large.pth")


@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3, 1), (2, 3, 3, 4), (0, 3, 3), (2, 0, 3)])
def test_only_stacks_of_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(PslError, match=r"^images"):
        inception_features(np.zeros(shape, np.uint8))


def test_only_bytes_in_batches() -> None:
    with pytest.raises(PslError, match="float64"):
        inception_features(np.zeros((2, 3, 3)))  # type: ignore[arg-type]
    with pytest.raises(PslError, match="batch=0"):
        inception_features(pictures(), batch=0)
