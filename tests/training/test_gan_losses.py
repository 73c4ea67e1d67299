"""Losses of adversarial training, at logits where they are known in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from pseudocodec.errors import PslError
from pseudocodec.training.gan import GanRecipe
from pseudocodec.training.gan_losses import (
    LOSSES,
    PENALTY,
    discriminator_loss,
    generator_loss,
    score,
    slope_penalty,
)

REAL, FAKE = torch.tensor([0.0, 2.0]), torch.tensor([-1.0, 0.5])


def log_s(x: float) -> float:
    """The logarithm of the logistic function."""
    return -math.log1p(math.exp(-x))


CROSS_ENTROPY = -(log_s(0) + log_s(2)) / 2 - (log_s(1) + log_s(-0.5)) / 2


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("standard", CROSS_ENTROPY, (log_s(1) + log_s(-0.5)) / 2),
        ("non-saturating", CROSS_ENTROPY, -(log_s(-1) + log_s(0.5)) / 2),
        ("least-squares", (1 + 1) / 2 + (1 + 0.25) / 2, (4 + 0.25) / 2),
        ("wasserstein", -0.25 - 1, 0.25),
    ],
)
def test_what_the_papers_say(name: str, discriminator: float, generator: float) -> None:
    assert float(discriminator_loss(name, REAL, FAKE)) == pytest.approx(discriminator, abs=1e-6)
    assert float(generator_loss(name, FAKE)) == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_each_player_pulls_its_way(name: str) -> None:
    """Down the discriminator's loss originals rise and generated ones fall; the generator lifts."""
    real, fake = (logits.clone().requires_grad_() for logits in (REAL, FAKE + 0.25))
    discriminator_loss(name, real, fake).backward()
    assert (real.grad[0] < 0).all()
    assert fake.grad[1] > 0
    fake = FAKE.clone().requires_grad_()
    generator_loss(name, fake).backward()
    assert (fake.grad < 0).all()


@pytest.mark.parametrize(("slope", "penalty"), [(1.0, 0.0), (3.0, 4 * PENALTY), (0.0, PENALTY)])
def test_the_penalty_of_a_linear_critic_is_known(slope: float, penalty: float) -> None:
    weight = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0))
    weight *= slope / weight.norm()
    real, fake = torch.rand(2, 5, 2, 4, 4)
    found = slope_penalty(lambda x: (x * weight).sum((1, 2, 3)), real, fake)
    assert float(found) == pytest.approx(penalty, abs=1e-4)


def test_the_penalty_teaches_the_critic() -> None:
    weight = torch.full((1, 4, 4), 0.5, requires_grad=True)  # its norm is 2
    slope_penalty(lambda x: (x * weight).sum((1, 2, 3)), *torch.rand(2, 3, 1, 4, 4)).backward()
    assert (weight.grad > 0).all()


def test_scores_are_chances_where_logits_are_log_odds() -> None:
    for name in ("standard", "non-saturating"):
        assert score(name, torch.zeros(3)) == 0.5
        assert score(name, torch.tensor([math.log(3)])) == pytest.approx(0.75)
    for name in ("least-squares", "wasserstein"):
        assert score(name, torch.tensor([1.0, 3.0])) == 2


def test_unknown_losses_are_refused() -> None:
    with pytest.raises(PslError, match="loss='hinge': expected one of standard, non-saturating"):
        GanRecipe(loss="hinge")


@pytest.mark.parametrize("steps", [0, 101, 1.5])
def test_critic_steps_out_of_range_are_refused(steps: object) -> None:
    with pytest.raises(PslError, match=f"critic_steps={steps}: expected a whole number from 1"):
        GanRecipe(critic_steps=steps)
