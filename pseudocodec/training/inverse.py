"""Training of what undoes a generator: on pairs that it makes, or, as autoencoder, on pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pseudocodec.nets.gan import GanConfig, GanTransform, Generator
from pseudocodec.nets.precision import autocast
from pseudocodec.prng import THESIS, Lcg
from pseudocodec.training.gan import CALIBRATION, calibrate, pictures_of
from pseudocodec.training.run import Run, RunRecipe
from pseudocodec.training.sequences import Sequences
from pseudocodec.training.team import Team

SHOWN = 512  # pictures or latents of a report


@dataclass(frozen=True)
class InverseRecipe(RunRecipe):
    """What a run does. Both errors are mean squares, of latents and of pictures in [-1, 1]."""

    rate: float = 1e-3
    batch: int = 128
    source: str = "lcg"
    lcg: Lcg = THESIS["lcg-524287"]
    latent_weight: float = 1.0
    image_weight: float = 1.0


@dataclass(frozen=True)
class InverseProgress:
    """One line of a run's report."""

    step: int
    seconds: float
    fraction: float
    latent_mse: float | None
    image_mse: float

    def describe(self) -> str:
        """The errors, for people."""
        latent = "" if self.latent_mse is None else f"MSE of latents {self.latent_mse:.4f}, "
        return f"{latent}of pictures {self.image_mse:.4f}"


class InverseRun(Run[InverseProgress]):
    """An inverse generator for a finished generator, taught on its own pictures.

    `generator` is in evaluation mode and stays as it is.
    """

    nets: GanTransform
    recipe: InverseRecipe
    in_parts = True

    def __init__(
        self, generator: Generator, config: GanConfig, recipe: InverseRecipe, team: Team
    ) -> None:
        super().__init__(recipe, team)
        self.config = config
        self.sequences = Sequences(recipe.source, config.latents, recipe.lcg)
        self.nets = GanTransform(config).to(team.device)
        self.nets.generator.load_state_dict(generator.state_dict())
        self.nets.generator.requires_grad_(False)
        weights = list(self.nets.inverse.parameters())
        self._begin([{"params": weights, "lr": recipe.rate}], 1e-4)
        self._freeze()

    def _freeze(self) -> None:
        self.nets.generator.eval()

    @property
    def subject(self) -> dict[str, Any]:
        """The nets."""
        return {"inverse": self.config.as_dict()}

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        latents = self.sequences.draw(self.recipe.batch, self.step).to(self.device)
        with autocast(self.device):
            with torch.no_grad():
                pictures = self.nets.generator(latents)
            found = self.nets.inverse(pictures)
            again = self.nets.generator(found) if self.recipe.image_weight else pictures
        loss = self.recipe.latent_weight * F.mse_loss(found, latents)
        self._descend(loss + self.recipe.image_weight * F.mse_loss(again, pictures))

    @torch.no_grad()
    def progress(self) -> InverseProgress:
        """Errors of the averaged nets on fresh latents."""
        nets = self.averaged()
        latents = self.sequences.draw(SHOWN, 0).to(self.device)
        pictures = nets.generator(latents)
        found = nets.inverse(pictures)
        errors = F.mse_loss(found, latents), F.mse_loss(nets.generator(found), pictures)
        return InverseProgress(self.step, self.seconds, self.fraction, *map(float, errors))

    @torch.no_grad()
    def averaged(self) -> GanTransform:
        """Both nets, the inverse with averaged weights, in evaluation mode."""
        nets = cast(GanTransform, self.average.module)
        nets.generator.load_state_dict(self.nets.generator.state_dict())
        nets.generator.eval()
        latents = [self.sequences.draw(self.recipe.batch, i) for i in range(CALIBRATION)]
        calibrate(nets.inverse, [nets.generator(z.to(self.device)) for z in latents])
        return nets


@dataclass(frozen=True)
class AutoencoderRecipe(RunRecipe):
    """What a run of an autoencoder does."""

    rate: float = 1e-3
    batch: int = 128


class AutoencoderRun(Run[InverseProgress]):
    """The same two nets, taught together to restore pictures, uint8 (N, C, H, W).

    The thesis compares itself with these: no pseudo-random code, as many floats as latents.
    """

    nets: GanTransform
    recipe: AutoencoderRecipe
    in_parts = True

    def __init__(
        self, images: Tensor, config: GanConfig, recipe: AutoencoderRecipe, team: Team
    ) -> None:
        super().__init__(recipe, team)
        self.images, self.config = images.to(team.device), config
        self.nets = GanTransform(config).to(team.device)
        self._begin([{"params": list(self.nets.parameters()), "lr": recipe.rate}], 1e-4)

    @property
    def subject(self) -> dict[str, Any]:
        """The nets and the number of pictures."""
        return {"autoencoder": self.config.as_dict(), "images": len(self.images)}

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        pictures = self._pictures()
        with autocast(self.device):
            restored = self.nets.generator(self.nets.inverse(pictures))
        self._descend(F.mse_loss(restored, pictures))

    def _pictures(self) -> Tensor:
        pick = torch.randint(len(self.images), (self.recipe.batch,), device=self.device)
        return pictures_of(self.images[pick])

    @torch.no_grad()
    def progress(self) -> InverseProgress:
        """The error of the averaged nets on training pictures."""
        nets, pictures = self.averaged(), pictures_of(self.images[:SHOWN])
        error = F.mse_loss(nets.generator(nets.inverse(pictures)), pictures)
        return InverseProgress(self.step, self.seconds, self.fraction, None, float(error))

    @torch.no_grad()
    def averaged(self) -> GanTransform:
        """Both nets with averaged weights, in evaluation mode."""
        nets = cast(GanTransform, self.average.module)
        batches = [self._pictures() for _ in range(CALIBRATION)]
        calibrate(nets.inverse, batches)
        calibrate(nets.generator, [nets.inverse(batch) for batch in batches])
        return nets
