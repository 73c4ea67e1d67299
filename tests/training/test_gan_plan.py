"""What is chosen for a set of pictures, and choices there are not."""

from __future__ import annotations

from typing import Any

import pytest

from pseudocodec.errors import PslError
from pseudocodec.training.gan_plan import GanChoices, gan_plan


def test_small_pictures_get_few_seeds_and_room_to_know_each() -> None:
    plan = gan_plan((1, 28, 28), "base", GanChoices())
    assert (plan.lcg.m, plan.config.latents) == (8191, 25)
    assert (plan.config.hidden, plan.config.base) == (1024, 16)
    assert (plan.batch, plan.covering_batch) == (128, 512)
    assert (plan.loss, plan.source, plan.critic_steps) == ("non-saturating", "lcg", 1)
    assert plan.describe() == (
        "28 x 28 pixels, grey, one of 8,191 seeds a picture (13 bits), sequences of 25, latents in "
        "training: lcg, loss: non-saturating"
    )


def test_larger_ones_get_more_seeds_and_no_hidden_layers() -> None:
    plan = gan_plan((3, 64, 64), "base", GanChoices())
    assert (plan.lcg.m, plan.config.latents) == (524287, 100)
    assert (plan.config.hidden, plan.config.base) == (0, 32)
    assert (plan.batch, plan.covering_batch) == (64, 64)
    assert "64 x 64 pixels, RGB, one of 524,287 seeds a picture (19 bits)" in plan.describe()


def test_small_pictures_with_many_seeds_are_searched_for() -> None:
    plan = gan_plan((1, 28, 28), "base", GanChoices(lcg="lcg-524287"))
    assert (plan.lcg.m, plan.config.latents, plan.config.hidden) == (524287, 25, 0)
    assert (plan.batch, plan.covering_batch) == (128, 64)


@pytest.mark.parametrize(("size", "scale"), [("small", 0.5), ("base", 1), ("large", 2)])
@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 40, 40), (3, 64, 64), (3, 256, 254)])
def test_every_size(size: str, scale: float, shape: tuple[int, int, int]) -> None:
    config = gan_plan(shape, size, GanChoices()).config
    assert (config.channels, config.height, config.width) == shape
    assert config.encoder_base == 32 * scale
    assert config.base == (16 if config.hidden else 32) * scale


def test_choices_are_kept() -> None:
    choices = GanChoices("wasserstein", "two-steps", "lcg-29282", 5)
    plan = gan_plan((1, 28, 28), "small", choices)
    assert (plan.loss, plan.source, plan.critic_steps) == ("wasserstein", "two-steps", 5)
    assert plan.lcg.m == 29282
    assert plan.config.bounded


def test_normal_latents_have_no_bounds() -> None:
    assert not gan_plan((1, 28, 28), "base", GanChoices(latents_from="gaussian")).config.bounded


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"loss": "hinge"}, "loss='hinge': expected one of standard, non-saturating, least-sq"),
        ({"latents_from": "dice"}, "latents_from='dice': expected one of uniform, gaussian, lcg"),
        ({"lcg": "randu"}, "lcg='randu': expected one of lcg-5101, lcg-29282, lcg-524287, lcg-"),
        ({"critic_steps": 0}, "critic_steps=0: expected a whole number from 1 to 100"),
        ({"critic_steps": 101}, "critic_steps=101: expected"),
        ({"critic_steps": 2.0}, "critic_steps=2.0: expected"),
    ],
)
def test_choices_there_are_not(choices: dict[str, Any], said: str) -> None:
    with pytest.raises(PslError, match=said):
        GanChoices(**choices)


def test_sizes_there_are_not() -> None:
    with pytest.raises(PslError, match="size='huge': expected one of small, base, large"):
        gan_plan((1, 28, 28), "huge", GanChoices())


def test_odd_sides_are_refused() -> None:
    with pytest.raises(PslError, match=r"29 x 28 pixels: this net takes even sides"):
        gan_plan((1, 28, 29), "base", GanChoices())
