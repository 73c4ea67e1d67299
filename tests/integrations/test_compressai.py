"""CompressAI's networks in .psl files, against CompressAI itself where it is installed."""

from __future__ import annotations

import hashlib
import pickle
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from photo_models import smooth
from PIL import Image

from pseudocodec.container import Geometry, read_single
from pseudocodec.entropy import FrequencyTable
from pseudocodec.errors import Corrupt, DeviceDependentWarning, PslError, TooLarge
from pseudocodec.integrations import compressai as cai
from pseudocodec.metrics import psnr
from pseudocodec.model.file import model_id, read_facts, read_tensors
from pseudocodec.rate import Target
from pseudocodec.training.job import Job
from pseudocodec.training.outputs import Files
from pseudocodec.training.team import Team

N, M = 12, 16
STEPS, BATCH, SIDE = 40, 4, 64
MORE = 1.01  # bytes of ours at most, for one of CompressAI's
HYPER = "bmshj2018-hyperprior"
FACTORIZED = "bmshj2018-factorized"
WIDE = Target(quality=50)
TABLES = cai.Tables(
    tuple(FrequencyTable.of(weights) for weights in ([5, 1], [9, 3, 1, 1, 3], [4, 2, 1, 1])),
    np.array([0, -2, 0], np.int32),
)


def available() -> str:
    """Why CompressAI is not to be had; empty where it is."""
    if find_spec("compressai") is None:
        return "compressai is not installed"
    try:
        cai.compressai("models")
    except PslError as error:
        return str(error)
    return ""


REASON = available()
needs_compressai = pytest.mark.skipif(bool(REASON), reason=REASON)


class Trained(NamedTuple):
    """A model file, the checkpoint it was imported from, and CompressAI's view of both."""

    model: cai.CompressaiModel
    checkpoint: Path
    reference: Any  # a network of the same float16 weights, updated: CompressAI's own


def load(path: Path) -> cai.CompressaiModel:
    return cai.CompressaiModel(model_id(path), path, read_facts(path))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Networks are trained when they are asked for, once."""
    folder = tmp_path_factory.mktemp("compressai")

    class Zoo(dict[str, Trained]):
        def __missing__(self, name: str) -> Trained:
            self[name] = train(name, folder)
            return self[name]

    return Zoo()


def train(name: str, folder: Path) -> Trained:
    """A few dozen steps: enough for latents that are not all zero."""
    torch.manual_seed(0)
    config = cai.Config(name, N, M)
    network = config.build()
    loss = cai.compressai("losses").RateDistortionLoss(0.03)
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    squares = torch.from_numpy(np.stack([picture(SIDE, SIDE, seed=s) for s in range(16)]))
    images = squares.permute(0, 3, 1, 2).float() / 255
    for step in range(STEPS):
        batch = images[torch.arange(step, step + BATCH) % len(images)]
        optimiser.zero_grad()
        loss(network(batch), batch)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    network.eval().update(force=True, update_quantiles=True)
    checkpoint, output = folder / f"{name}.pth.tar", folder / f"{name}.safetensors"
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, checkpoint)
    identity = cai.import_checkpoint(checkpoint, name, output)
    model = load(output)
    assert model.id == identity
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half())
    network.update(force=True)
    return Trained(model, checkpoint, network)


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Soft waves under noise."""
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, 1))
    return (smooth(height, width, seed=seed) + noise).clip(0, 255).astype(np.uint8)


def tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def decode(model: cai.CompressaiModel, payload: bytes, height: int, width: int) -> Any:
    return cai.decode_payload(model, payload, Geometry(width, height), device_dependent_ok=True)


# Tables and streams


@given(st.lists(st.tuples(st.integers(-70_000, 70_000), st.integers(0, 2)), max_size=60))
def test_values_inside_and_outside_of_tables_pass_through_a_stream(
    pairs: list[tuple[int, int]],
) -> None:
    values, index = np.array(pairs, np.int32).reshape(-1, 2).T
    expected = values.clip(TABLES.lows[index] - 65_535, TABLES.highs[index] + 65_535)
    writing = cai.Stream()
    assert (writing.code(values, index, TABLES) == expected).all()
    assert (writing.code(values[::-1], index[::-1], TABLES) == expected[::-1]).all()
    reading = cai.Stream(writing.written())
    assert (reading.code(None, index, TABLES) == expected).all()
    assert (reading.code(None, index[::-1], TABLES) == expected[::-1]).all()
    assert reading.written() == writing.written()
    assert reading.checksum == writing.checksum


def test_tables_survive_a_model_file() -> None:
    again = cai.Tables.from_tensors(TABLES.to_tensors())
    assert (again.lows == TABLES.lows).all() and again.highs.tolist() == [0, 1, 2]
    for one, other in zip(again.tables, TABLES.tables, strict=True):
        assert (one.frequencies == other.frequencies).all()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lows", None),
        ("lows", np.zeros((3, 1), np.int32)),
        ("lows", np.zeros(3, np.int64)),
        ("lows", np.zeros(2, np.int32)),
        ("lows", np.array([0, 1, 0], np.int32)),  # no zero in the second
        ("lows", np.array([0, -4, 0], np.int32)),
        ("widths", np.array([2, 5, 5], np.int32)),
        ("widths", np.array([6, 1, 4], np.int32)),
        ("frequencies", np.ones(11, np.int32)),
    ],
)
def test_damaged_tables_are_refused(key: str, value: NDArray[Any] | None) -> None:
    tensors: dict[str, Any] = TABLES.to_tensors()
    tensors[key] = value
    with pytest.raises(PslError, match="table"):
        cai.Tables.from_tensors({k: v for k, v in tensors.items() if v is not None})


def test_unknown_architectures_and_channels_are_refused() -> None:
    with pytest.raises(PslError, match="expected one of bmshj2018-factorized"):
        cai.Config("cheng2020-attn", 8, 8)
    for channels in (0, 5000, 1.5, "8"):
        with pytest.raises(PslError, match="expected 1 to 1024"):
            cai.Config(HYPER, 8, channels)  # type: ignore[arg-type]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compressai.models", None)
    with pytest.raises(PslError, match=r"pip install \"pseudocodec\[compressai\]\""):
        cai.Config(HYPER, 8, 8).build()


# Against CompressAI itself


@needs_compressai
@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        *((name, 256, 256) for name in cai.NAMES),
        *((name, 512, 768) for name in cai.ARCHITECTURES),
    ],
)
def test_bytes_and_pixels_are_those_of_compressai(
    trained: dict[str, Trained], name: str, height: int, width: int
) -> None:
    model, _, reference = trained[name]
    pixels = picture(height, width, seed=77)
    with torch.inference_mode():
        theirs = reference.compress(tensor(pixels))
        decoded = reference.decompress(**theirs)["x_hat"]
    payload = cai.encode_payload(model, pixels, device="cpu")
    assert 40 < len(payload) <= MORE * sum(len(part[0]) for part in theirs["strings"])
    again = tensor(decode(model, payload, height, width))
    assert (again - decoded).abs().max() <= 1.5 / 255


@needs_compressai
@pytest.mark.parametrize("name", [FACTORIZED, HYPER])
def test_the_model_file_ships_compressais_tables(trained: dict[str, Trained], name: str) -> None:
    model, _, reference = trained[name]
    tensors = read_tensors(model._path)
    assert {v.dtype.name for k, v in tensors.items() if not k.startswith("code.")} == {"float16"}
    for part, theirs in {
        "bottleneck": reference.entropy_bottleneck,
        "conditional": getattr(reference, "gaussian_conditional", None),
    }.items():
        if theirs is None:
            continue
        ours = cai.Tables.from_tensors(model._tables(f"code.{part}."))
        assert len(ours.tables) == len(theirs.cdf_length)
        for table, low, cdf, length in zip(
            ours.tables, ours.lows, theirs.quantized_cdf, theirs.cdf_length, strict=True
        ):
            frequencies = 256 * cdf[:length].diff()
            assert np.roll(table.frequencies, -low).tolist() == frequencies.tolist()


@needs_compressai
def test_deviations_choose_tables_as_in_compressai(trained: dict[str, Trained]) -> None:
    model, _, reference = trained[HYPER]
    ours, _ = model.network("cpu")
    expected = reference.gaussian_conditional.scale_table
    assert torch.equal(ours.gaussian_conditional.scale_table, expected)


# Pictures


@needs_compressai
@pytest.mark.parametrize("name", [FACTORIZED, HYPER])
@pytest.mark.parametrize("shape", [(1, 1, 3), (65, 130, 1), (64, 200, 3)])
def test_any_size_and_grey(trained: dict[str, Trained], name: str, shape: tuple[int, ...]) -> None:
    model = trained[name].model
    pixels = picture(*shape[:2])[:, :, : shape[2]]
    again = decode(model, cai.encode_payload(model, pixels), *shape[:2])
    assert again.shape == (shape if shape[2] == 3 else shape[:2])
    if shape[0] > 1:
        assert psnr(pixels, again.reshape(shape)) > 10


@needs_compressai
def test_a_file_keeps_alpha_and_profile_and_cuts_regions(trained: dict[str, Trained]) -> None:
    model = trained[FACTORIZED].model
    alpha = picture(70, 90, seed=3)[:, :, :1]
    image = Image.fromarray(np.dstack([picture(70, 90), alpha]))
    single = read_single(cai.encode_picture(model, image, WIDE), known={b"Alph"})
    assert single.model_id == model.id and single.geometry == Geometry(90, 70)
    whole = cai.decode_picture(model, single)
    assert whole.shape == (70, 90, 4) and (whole[:, :, 3:] == alpha).all()
    part = cai.decode_picture(model, single, region=(5, 10, 30, 60))
    assert (part == whole[10:60, 5:30]).all()
    with pytest.raises(PslError, match="region"):
        cai.decode_picture(model, single, region=(0, 0, 91, 70))


@needs_compressai
def test_targets_that_the_one_rate_misses_are_refused(trained: dict[str, Trained]) -> None:
    model, pixels = trained[FACTORIZED].model, picture(64, 64)
    size = len(cai.encode_picture(model, pixels, WIDE))
    assert len(cai.encode_picture(model, pixels, Target(nbytes=size))) == size
    assert len(cai.encode_picture(model, pixels, Target(psnr=5.0))) == size
    with pytest.raises(PslError, match=f"has one rate, at which this picture takes {size}"):
        cai.encode_picture(model, pixels, Target(nbytes=size - 1))
    with pytest.raises(PslError, match="psnr=60"):
        cai.encode_picture(model, pixels, Target(psnr=60.0))


def test_pictures_that_the_nets_cannot_hold_are_refused() -> None:
    large = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (4097, 4096, 3))
    model: Any = None  # refused before it is looked at
    with pytest.raises(TooLarge, match="4096 x 4097"):
        cai.encode_payload(model, large)
    with pytest.raises(TooLarge, match="4096 x 4097"):
        cai.decode_payload(model, b"", Geometry(4096, 4097))


# Dependence on the device


@needs_compressai
def test_decoding_warns_unless_told(
    trained: dict[str, Trained], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, size = trained[HYPER].model, Geometry(64, 64)
    payload = cai.encode_payload(model, picture(64, 64))
    assert payload[0] == cai.DEVICE_DEPENDENT
    with pytest.warns(DeviceDependentWarning, match="only where they were encoded"):
        expected = cai.decode_payload(model, payload, size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        told = cai.decode_payload(model, payload, size, device_dependent_ok=True)
        monkeypatch.setenv("PSEUDOCODEC_DEVICE_DEPENDENT_OK", "1")
        assert (cai.decode_payload(model, payload, size) == told).all()
    assert (told == expected).all()


@needs_compressai
def test_the_factorized_prior_depends_on_no_device(trained: dict[str, Trained]) -> None:
    model = trained[FACTORIZED].model
    payload = cai.encode_payload(model, picture(64, 64))
    assert payload[0] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cai.decode_payload(model, payload, Geometry(64, 64))


@needs_compressai
@pytest.mark.parametrize("name", [HYPER, "mbt2018"])
def test_other_tables_than_the_encoders_are_found(trained: dict[str, Trained], name: str) -> None:
    model = load(trained[name].model._path)
    payload = cai.encode_payload(model, picture(64, 64), device="cpu")
    network, _ = model.network("cpu")
    last = network.entropy_parameters if name == "mbt2018" else network.h_s
    last[-1 if name == "mbt2018" else -2].bias += 0.05  # what another device does, exaggerated
    with pytest.raises(PslError, match="other entropy tables here"):
        decode(model, payload, 64, 64)


# Malformed payloads


@needs_compressai
def test_bytes_behind_a_payload_are_refused(trained: dict[str, Trained]) -> None:
    model = trained[HYPER].model
    payload = cai.encode_payload(model, picture(64, 64))
    with pytest.raises(Corrupt, match="none that this model gives"):
        decode(model, payload + b"\1", 64, 64)


@needs_compressai
def test_a_short_payload_is_refused(trained: dict[str, Trained]) -> None:
    with pytest.raises(Corrupt, match="4 bytes, at least 5"):
        decode(trained[HYPER].model, b"\2\0\0\0", 64, 64)


@needs_compressai
@pytest.mark.parametrize("flags", [0, 1, 6, 255])
def test_flags_of_another_model_are_refused(trained: dict[str, Trained], flags: int) -> None:
    with pytest.raises(Corrupt, match="flags"):
        decode(trained[HYPER].model, bytes([flags]) + bytes(20), 64, 64)


@needs_compressai
def test_a_payload_without_a_size_is_refused(trained: dict[str, Trained]) -> None:
    with pytest.raises(Corrupt, match="how large"):
        cai.decode_payload(trained[FACTORIZED].model, bytes(20), None)


# Checkpoints


@needs_compressai
def test_the_checkpoints_hash_is_recorded(trained: dict[str, Trained]) -> None:
    model, checkpoint, _ = trained[HYPER]
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert model.facts.net["origin"] == {"checkpoint_sha256": digest}
    assert model.facts.family == "compressai" and model.facts.any_size
    assert (model.config.N, model.config.M) == (N, M)


@needs_compressai
def test_a_bare_state_dict_is_a_checkpoint(trained: dict[str, Trained], tmp_path: Path) -> None:
    state = torch.load(trained[HYPER].checkpoint, weights_only=True)["state_dict"]
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "bare.pth")
    cai.import_checkpoint(tmp_path / "bare.pth", HYPER, tmp_path / "a.safetensors")
    pixels = picture(64, 64)
    ours, expected = load(tmp_path / "a.safetensors"), trained[HYPER].model
    assert cai.encode_payload(ours, pixels) == cai.encode_payload(expected, pixels)


@needs_compressai
@pytest.mark.parametrize("name", ["mbt2018-mean", FACTORIZED, HYPER + "-leaky-relu"])
def test_a_checkpoint_of_another_network_is_refused(
    trained: dict[str, Trained], tmp_path: Path, name: str
) -> None:
    with pytest.raises(PslError, match=f"not a checkpoint of {name}"):
        cai.import_checkpoint(trained[HYPER].checkpoint, name, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


class Attack:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, ("raise SystemExit",)


@needs_compressai
@pytest.mark.parametrize(
    "content",
    [b"", b"no zip", pickle.dumps(Attack()), pickle.dumps([1])],
    ids=["empty", "text", "code", "list"],
)
def test_files_that_are_no_checkpoints_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(PslError, match="not a checkpoint"):
        cai.import_checkpoint(tmp_path / "a.pth", HYPER, tmp_path / "a.safetensors")


@needs_compressai
def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(PslError, match=r"none\.pth: the checkpoint cannot be read"):
        cai.import_checkpoint(tmp_path / "none.pth", HYPER, tmp_path / "a.safetensors")


@needs_compressai
@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("g_a.0.bias", 1e6, "not finite in float16"),
        ("entropy_bottleneck.quantiles", 3e4, "quantiles beyond"),
    ],
)
def test_weights_that_cannot_be_stored_are_refused(
    trained: dict[str, Trained], tmp_path: Path, key: str, value: float, sentence: str
) -> None:
    state = torch.load(trained[HYPER].checkpoint, weights_only=True)["state_dict"]
    state[key].fill_(value)
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(PslError, match=sentence):
        cai.import_checkpoint(tmp_path / "a.pth", HYPER, tmp_path / "a.safetensors")


# Training


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures of which 72 squares can be cut."""
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(2):
        wide = np.kron(picture(192, 192, seed), np.ones((8, 8, 1), np.uint8))
        Image.fromarray(wide).save(folder / f"{seed}.bmp")
    return folder


TINY: dict[str, Any] = {"crop": 64, "batch": 2, "rate": 1e-3, "warmup": 1}


@needs_compressai
def test_a_trained_model_codes_pictures_and_goes_on_learning(photos: Path, tmp_path: Path) -> None:
    from pseudocodec.training.compressai import train_compressai

    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    reports: list[Any] = []
    job = Job(photos, Files(first), 0.5, device="cpu", on_progress=reports.append)
    result = train_compressai(job, channels=(8, 12), lmbda=0.1, **TINY)
    model = load(first)
    assert result["id"] == model.id.hex() and result["steps"] > 0 and reports
    assert result["bpp"] == reports[-1].bpp > 0 and 5 < result["distortion"] < 40
    trained = {"objective": "mse", "lmbda": 0.1, "steps": result["steps"]}
    assert model.facts.net["origin"] == trained
    assert [p.name for p in tmp_path.iterdir()] == [first.name]
    pixels = picture(64, 64)
    assert decode(model, cai.encode_payload(model, pixels), 64, 64).shape == (64, 64, 3)

    job = Job(photos, Files(second), 0.3, device="cpu")
    result = train_compressai(job, init=first, holdout=0.2, **TINY)
    origin = load(second).facts.net["origin"]
    assert origin["model"] == model.id.hex() and origin["steps"] == result["steps"]


@needs_compressai
def test_a_checkpoint_of_compressai_is_fine_tuned(
    trained: dict[str, Trained], photos: Path, tmp_path: Path
) -> None:
    from pseudocodec.training.compressai import train_compressai

    checkpoint = trained[HYPER].checkpoint
    job = Job(photos, Files(tmp_path / "a.safetensors"), 0.3, device="cpu")
    train_compressai(job, init=checkpoint, **TINY)
    origin = load(tmp_path / "a.safetensors").facts.net["origin"]
    assert origin["checkpoint_sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    with pytest.raises(PslError, match="not a checkpoint of mbt2018"):
        train_compressai(job, architecture="mbt2018", init=checkpoint, **TINY)
    with pytest.raises(PslError, match="12 and 16 channels"):
        train_compressai(job, channels=(8, 8), init=checkpoint, **TINY)


def trainer(**settings: Any) -> Any:
    from pseudocodec.training import compressai as training

    torch.manual_seed(0)
    squares = np.stack([picture(192, 192, s).transpose(2, 0, 1) for s in range(3)])
    config = cai.Config("mbt2018-mean", 4, 6)
    recipe = training.CompressaiRecipe(batch=1, **settings)
    start = training.Start(config.build(), config, {})
    pixels = torch.from_numpy(squares)
    return training.CompressaiTrainer(
        pixels[:2], pixels[2:], start, recipe, Team(torch.device("cpu"))
    )


@needs_compressai
def test_a_resumed_run_takes_the_steps_it_would_have_taken(tmp_path: Path) -> None:
    whole = trainer(crop=64)
    whole.train_step()
    whole.save(tmp_path / "checkpoint")
    whole.train_step()
    resumed = trainer(crop=64)
    resumed.load(tmp_path / "checkpoint")
    resumed.train_step()
    assert resumed.step == whole.step == 2
    for one, other in zip(whole.nets.parameters(), resumed.nets.parameters(), strict=True):
        assert torch.equal(one, other)
    with pytest.raises(PslError, match="other settings"):
        trainer(crop=64, lmbda=0.1).load(tmp_path / "checkpoint")


@needs_compressai
def test_ms_ssim_is_an_objective() -> None:
    run = trainer(objective="ms-ssim", lmbda=16.64)
    before = [p.clone() for p in run.nets.parameters()]
    run.train_step()
    run.train_step()  # the first has a learning rate of zero
    assert any(not torch.equal(a, b) for a, b in zip(before, run.nets.parameters(), strict=True))
    assert -1 <= run.progress().distortion <= 1


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"objective": "lpips"}, "objective='lpips'"),
        ({"lmbda": 0.0}, "lmbda=0.0"),
        ({"lmbda": float("nan")}, "lmbda=nan"),
        ({"objective": "ms-ssim", "crop": 160}, "MS-SSIM needs at least 161"),
    ],
)
def test_recipes_that_cannot_be_trained_are_refused(
    settings: dict[str, Any], sentence: str
) -> None:
    from pseudocodec.training.compressai import CompressaiRecipe

    with pytest.raises(PslError, match=sentence):
        CompressaiRecipe(**settings)
