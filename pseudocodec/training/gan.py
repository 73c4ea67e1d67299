"""Adversarial training of a generator on pseudo-random latents (L. Monchieri 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.nets.gan import GanConfig, GanDiscriminator, Generator
from pseudocodec.nets.precision import autocast
from pseudocodec.prng import THESIS, Lcg
from pseudocodec.training.gan_losses import (
    LOSSES,
    check_critic_steps,
    discriminator_loss,
    generator_loss,
    score,
    slope_penalty,
)
from pseudocodec.training.run import Run, RunRecipe
from pseudocodec.training.sequences import Sequences
from pseudocodec.training.team import Team

BETAS = (0.5, 0.99)  # of Adam: with a long memory the two players circle each other
CURVE_STEPS = 25  # of each point of the curves: their mean
CALIBRATION = 16  # batches that the averaged generator's statistics are measured on
SHEET = 12  # generated pictures on a sheet


@dataclass(frozen=True)
class GanRecipe(RunRecipe):
    """What a run of adversarial training does."""

    rate: float = 4e-4  # peak learning rate of the discriminator's Adam, and ...
    generator_rate: float = 2e-4  # ... of the generator's
    batch: int = 128
    loss: str = "non-saturating"
    critic_steps: int = 1  # steps of the discriminator for each of the generator
    source: str = "lcg"
    lcg: Lcg = THESIS["lcg-524287"]

    def __post_init__(self) -> None:
        """Refuse what there is not."""
        if self.loss not in LOSSES:
            raise PslError(f"loss={self.loss!r}: expected one of {', '.join(LOSSES)}")
        check_critic_steps(self.critic_steps)


@dataclass(frozen=True)
class GanProgress:
    """One line of a run's report: means since the one before."""

    step: int
    seconds: float
    fraction: float
    losses: tuple[float, float]  # of the discriminator and of the generator
    scores: tuple[float, float]  # of originals and of generated pictures

    def describe(self) -> str:
        """Losses and scores, for people."""
        (d, g), (real, fake) = self.losses, self.scores
        return f"losses: D {d:.3f}, G {g:.3f}   scores: original {real:.2f}, generated {fake:.2f}"


class GanRun(Run[GanProgress]):
    """A generator and a discriminator on pictures held in memory, uint8 (N, C, H, W).

    `curves` has a point for each CURVE_STEPS steps: step, the losses of discriminator and
    generator, the scores of originals and of generated pictures.
    """

    nets: Generator
    recipe: GanRecipe

    def __init__(self, images: Tensor, config: GanConfig, recipe: GanRecipe, team: Team) -> None:
        super().__init__(recipe, team)
        self.images, self.config = images.to(team.device), config
        self.sequences = Sequences(recipe.source, config.latents, recipe.lcg)
        self.nets = Generator(config).to(team.device)
        plain = recipe.loss == "wasserstein"
        self.discriminator = GanDiscriminator(config, plain=plain).to(team.device)
        self.discriminator.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._begin([{"params": list(self.nets.parameters()), "lr": recipe.generator_rate}], 0.0)
        for group in self.optimiser.param_groups:
            group["betas"] = BETAS
        self.critic = team.parallel(self.discriminator)
        self.critic_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), lr=recipe.rate, betas=BETAS
        )
        self.curves: list[list[float]] = []
        self._recent: list[list[float]] = []

    @property
    def subject(self) -> dict[str, Any]:
        """The nets and the number of pictures."""
        return {"gan": self.config.as_dict(), "images": len(self.images)}

    @property
    def epochs(self) -> float:
        """How often each picture was seen by the discriminator."""
        seen = self.step * self.recipe.batch * self.recipe.critic_steps * self.team.size
        return seen / len(self.images)

    def train_step(self) -> None:
        """A step of each player. Raises PslError when a loss is not finite."""
        self._schedule()
        share = self.optimiser.param_groups[0]["lr"] / self.peak[0]
        for group in self.critic_optimiser.param_groups:
            group["lr"] = self.recipe.rate * share
        for _ in range(self.recipe.critic_steps):
            critic_loss, real, fake = self._teach_critic()
        name = self.recipe.loss
        with autocast(self.device):
            logits = self.discriminator(self.parallel(self._latents()))
        loss = generator_loss(name, logits)
        self._descend(loss)
        scores = [score(name, real), score(name, fake)]
        self._note([float(critic_loss), float(loss.detach()), *scores])

    def _teach_critic(self) -> tuple[Tensor, Tensor, Tensor]:
        """A step of the discriminator: its loss, and its logits of originals and of generated."""
        pick = torch.randint(len(self.images), (self.recipe.batch,), device=self.device)
        originals = pictures_of(self.images[pick])
        with torch.no_grad(), autocast(self.device):
            generated = self.nets(self._latents())
        with autocast(self.device):
            real, fake = self.critic(torch.cat([originals, generated])).chunk(2)
        loss = discriminator_loss(self.recipe.loss, real, fake)
        if self.recipe.loss == "wasserstein":  # in float32: it is differentiated twice
            loss = loss + slope_penalty(self.discriminator, originals, generated)
        self._require_finite(loss)
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()
        return loss.detach(), real, fake

    def _latents(self) -> Tensor:
        return self.sequences.draw(self.recipe.batch, self.step).to(self.device)

    def _note(self, values: list[float]) -> None:
        self._recent.append(values)
        if len(self._recent) == CURVE_STEPS:
            self.curves.append([float(self.step), *torch.tensor(self._recent).mean(0).tolist()])
            self._recent = []

    def progress(self) -> GanProgress:
        """The last point of the curves, or the last steps before there is one."""
        recent = torch.tensor(self._recent or [[0.0] * 4]).mean(0).tolist()
        d, g, real, fake = self.curves[-1][1:] if self.curves else recent
        return GanProgress(self.step, self.seconds, self.fraction, (d, g), (real, fake))

    @torch.no_grad()
    def averaged(self) -> Generator:
        """The generator with averaged weights, its statistics measured again, for evaluation."""
        generator = cast(Generator, self.average.module)
        calibrate(generator, [self._latents() for _ in range(CALIBRATION)])
        return generator

    def _own_state(self) -> dict[str, Any]:
        return {
            "discriminator": self.discriminator.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(),
            "curves": self.curves,
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.discriminator.load_state_dict(state["discriminator"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
        self.curves, self._recent = state["curves"], []


def pictures_of(images: Tensor) -> Tensor:
    """uint8 (B, C, H, W) -> float32 in [-1, 1], the values of a pixel side by side."""
    return (images.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def calibrate(nets: torch.nn.Module, batches: list[Tensor]) -> None:
    """Set the statistics of batch normalisation to those over `batches`, then evaluation mode.

    Averages of weights have none of their own.
    """
    norms = [m for m in nets.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    nets.train()
    for batch in batches:
        nets(batch)
    for norm in norms:
        norm.momentum = 0.1
    nets.eval()
