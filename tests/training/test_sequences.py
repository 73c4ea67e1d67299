"""Where latents come from: range, distribution, and sequences that are sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pseudocodec.errors import PslError
from pseudocodec.prng import THESIS
from pseudocodec.training.sequences import NOISE, SOURCES, Sequences

LCG = THESIS["lcg-5101"]
COUNT, DIMS = 400, 6


def draw(source: str, turn: int = 0, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    return Sequences(source, DIMS, LCG).draw(COUNT, turn)


def are_sequences(latents: torch.Tensor) -> bool:
    """Whether each row is what the LCG makes of the seed that its first value says."""
    seeds = LCG.from_interval(latents[:, 0].numpy())
    exact = LCG.to_interval(LCG.sequence(seeds, DIMS)).astype(np.float32)
    return np.array_equal(exact, latents.numpy())


@pytest.mark.parametrize("source", SOURCES)
def test_a_batch(source: str) -> None:
    latents = draw(source)
    assert (latents.shape, latents.dtype) == ((COUNT, DIMS), torch.float32)
    assert torch.equal(latents, draw(source))
    assert not torch.equal(latents, draw(source, seed=1))
    most = {"gaussian": 10.0, "lcg+noise": 1 + NOISE}.get(source, 1.0)
    assert float(latents.abs().max()) <= most
    # 2,400 values: three deviations of their mean, whatever the source
    assert abs(float(latents.mean())) < 3 / (COUNT * DIMS) ** 0.5
    assert Sequences(source, DIMS, LCG).bounded == (source != "gaussian")


def test_normal_values_have_unit_variance() -> None:
    assert float(draw("gaussian").var()) == pytest.approx(1, abs=0.1)
    assert float(draw("gaussian").abs().max()) > 1


def test_which_are_sequences_of_seeds() -> None:
    assert are_sequences(draw("lcg"))
    for source in ("uniform", "gaussian", "lcg+noise"):
        assert not are_sequences(draw(source))


def test_noise_is_added_to_sequences() -> None:
    plain, noisy = draw("lcg"), draw("lcg+noise")  # of the same seeds
    assert 0.9 * NOISE < float((noisy - plain).abs().max()) <= NOISE + 1e-6


def test_two_steps_take_turns() -> None:
    kinds = [are_sequences(draw("two-steps", turn)) for turn in range(4)]
    assert kinds == [False, True, False, True]


@pytest.mark.parametrize("source", SOURCES)
def test_seeds_have_their_sequences_whatever_the_source(source: str) -> None:
    seeds = torch.tensor([0, 1, 777, LCG.m - 1])
    latents = Sequences(source, DIMS, LCG).of_seeds(seeds)
    assert are_sequences(latents)
    assert LCG.from_interval(latents[:, 0].numpy()).tolist() == seeds.tolist()


def test_unknown_sources_are_refused() -> None:
    with pytest.raises(PslError, match="source='dice': expected one of uniform, gaussian, lcg"):
        Sequences("dice", DIMS, LCG)
