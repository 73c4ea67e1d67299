"""From trained nets to a model file: what it holds is what was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import PLAN, bars, trainer

import pseudocodec
from pseudocodec.latent.composition import Composition
from pseudocodec.latent.schedule import UNIT, Schedule
from pseudocodec.latent.trellis import Trellis
from pseudocodec.model.file import read_facts, read_tensors
from pseudocodec.model.vectors import VectorModel
from pseudocodec.training import export
from pseudocodec.training.export import GENERATOR, export_model, fit_code
from pseudocodec.training.loop import Trainer


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "FIT_PICTURES", 8)


@pytest.fixture(scope="module")
def trained() -> Trainer:
    """Some steps away from the start, where nets would add nothing."""
    run = trainer(warmup=10)
    for _ in range(30):
        run.train_step()
    return run


@pytest.fixture
def model(trained: Trainer, tmp_path: Path) -> VectorModel:
    path = tmp_path / "bars.safetensors"
    identity = export_model(trained, "bars", path)
    loaded = pseudocodec.load_model(path)
    assert loaded.id == identity
    return loaded


@torch.no_grad()
def test_the_file_holds_the_averaged_nets(trained: Trainer, model: VectorModel) -> None:
    """Within what float16 and bytes round; latents in the order of their variances."""
    images = torch.from_numpy(bars()[:20])[:, None] / 255
    level = torch.full((20,), -3.0)
    nets = trained.averaged().transform  # export has put it in order
    expected = nets.analyse(images, level)
    found = model.transform(torch.device("cpu")).analyse(images, level)
    assert (found - expected).square().mean() < 1e-3  # of unit variance
    decoded = [
        transform.synthesise(expected, level)
        for transform in (nets, model.transform(torch.device("cpu")))
    ]
    assert (decoded[0] - decoded[1]).abs().max() < 0.02


def test_components_fall_in_variance(trained: Trainer, model: VectorModel) -> None:
    tensors = read_tensors(model._path)
    for code in ("code", "dense"):
        assert np.all(np.diff(tensors[f"{code}.variances"]) <= 0)
        assert tensors[f"{code}.variances"][0] == UNIT
    learnt = trained.averaged().channel.log_variances.detach().double()
    expected = learnt[torch.from_numpy(tensors["order"])].exp().numpy()
    found = tensors["code.variances"] / UNIT
    np.testing.assert_allclose(found, expected / expected.max(), atol=1 / UNIT, rtol=1e-6)


def test_facts(model: VectorModel) -> None:
    facts = read_facts(model._path)
    assert (facts.name, facts.family) == ("bars", "grid")
    assert facts.net == PLAN.config.as_dict()
    assert facts.payload_bytes == PLAN.payload_bytes
    assert (facts.code["kind"], facts.dense and facts.dense["kind"]) == ("composition", "trellis")
    assert model.code.max_bits >= 8 * PLAN.payload_bytes[1]
    assert model.code_for(dense=True).max_bits == 8 * PLAN.payload_bytes[1]


def test_the_export_can_be_repeated(trained: Trainer, tmp_path: Path) -> None:
    ids = [export_model(trained, "bars", tmp_path / f"{i}.safetensors") for i in range(2)]
    tables = [read_tensors(tmp_path / f"{i}.safetensors") for i in range(2)]
    np.testing.assert_array_equal(tables[0]["order"], tables[1]["order"])
    assert len(ids[0]) == len(ids[1]) == 8


def test_many_bits_are_coded_in_blocks(
    trained: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = -(-8 * PLAN.payload_bytes[1] // (GENERATOR.bits + 1))
    monkeypatch.setattr(export, "MAX_ATOMS", -(-atoms // 3))
    path = tmp_path / "blocks.safetensors"
    export_model(trained, "blocks", path)
    model = pseudocodec.load_model(path)
    assert read_facts(path).code["blocks"] == 3
    assert model.code.max_bits % (3 * (GENERATOR.bits + 1)) == 0
    assert model.code.max_bits >= 8 * PLAN.payload_bytes[1]
    picture = bars()[3]
    decoded = pseudocodec.decode(pseudocodec.encode(picture, model=path, nbytes=50, effort=0))
    assert decoded.shape == picture.shape


@pytest.mark.parametrize("kind", [Composition, Trellis])
def test_the_best_efficiency_is_taken(kind: type[Composition | Trellis]) -> None:
    """Gaussian latents: no code spends half of its bits in vain, none beats Shannon's bound."""
    rng = np.random.default_rng(0)
    variances = 2.0 ** -np.linspace(0, 4, 24)
    latents = {bits: rng.standard_normal((40, 24)).astype(np.float32) for bits in (40, 80)}

    def make(schedule: Schedule) -> Composition | Trellis:
        return kind(GENERATOR, schedule)

    def level(*efficiencies: float) -> float:
        return fit_code(latents, variances, 100, make, efficiencies).level(80)

    assert level(0.4, 0.86, 1.6) == level(0.86)
    assert level(1.6) < level(0.86) < level(0.4)
