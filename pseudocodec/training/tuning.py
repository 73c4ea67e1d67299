"""Tuning of a photo model's decoder towards realism (HiFiC: Mentzer et al. 2020).

The decoder's nets alone learn, from latents that stay as they are: the rate does not change, and
files of the model before decode to the same latents. The loss is the squared error with the pulls
of an adversary (`training.adversary`), whose discriminator sees a picture, what the decoder before
tuning makes of the same latents, which is all that the file says, and the level. HiFiC adds LPIPS,
which needs a net trained on labelled pictures; feature matching stands for it here.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from pseudocodec.metrics import psnr
from pseudocodec.metrics.sharpness import sharpness
from pseudocodec.nets.discriminator import Discriminator
from pseudocodec.nets.hyperprior import HyperpriorTransform
from pseudocodec.nets.precision import autocast
from pseudocodec.training.adversary import Adversary
from pseudocodec.training.crops import CropRecipe, Crops
from pseudocodec.training.photo import GROUPS, REPORTED, SHOWN, PhotoNets
from pseudocodec.training.photo_start import Start
from pseudocodec.training.run import Balance, Run
from pseudocodec.training.team import Team

FIRST_SCALE = 30.0  # squared error in steps of 255 that the balance begins with: 33 dB


@dataclass(frozen=True)
class TuneRecipe(CropRecipe):
    """The whole recipe. Levels are uniform, as in training."""

    budget: float = 1800.0
    rate: float = 3e-4  # peak learning rate of AdamW; cosine over the budget


class TuneProgress(NamedTuple):
    """One line of a run's report: (PSNR in dB, sharpness) at a few levels."""

    step: int
    seconds: float
    fraction: float
    points: list[tuple[float, float]]
    hinge: float  # the discriminator's loss: 2 where it knows nothing

    def describe(self) -> str:
        """What the levels give, for people."""
        levels = "   ".join(f"{db:.2f} dB sharp {sharp:.2f}" for db, sharp in self.points)
        return f"{levels}   hinge {self.hinge:.2f}"


class Decoder(nn.Module):
    """A transform of which only what decodes learns."""

    def __init__(self, transform: HyperpriorTransform) -> None:
        super().__init__()
        self.transform = transform.requires_grad_(False)
        for nets in (transform.synthesis, transform.embedding, transform.shrinkage):
            nets.requires_grad_(True)

    def forward(self, latents: Tensor, level: Tensor) -> Tensor:
        """Decoded latents (B, latents, h, w), levels (B,) -> pictures (B, 3, 16 h, 16 w)."""
        return self.transform.synthesise(latents, level)


class Tuner(Run[TuneProgress]):
    """Decoder, adversary and clock of one run over squares held in memory, uint8 (N, 3, S, S)."""

    nets: Decoder
    recipe: TuneRecipe

    def __init__(
        self,
        squares: Tensor,
        held_out: Tensor,
        start: Start,
        recipe: TuneRecipe,
        team: Team,
    ) -> None:
        super().__init__(recipe, team)
        transform = start.transform()
        self.config, self.start_id, self.held_out = transform.config, start.model.id, held_out
        self.crops = Crops.of(squares.to(team.device), recipe)
        plain = PhotoNets(self.config)
        plain.transform = copy.deepcopy(transform)
        self.plain = plain.to(team.device).requires_grad_(False).eval()
        self.nets = Decoder(copy.deepcopy(transform)).to(team.device)
        learning = [p for p in self.nets.parameters() if p.requires_grad]
        self._begin([{"params": learning, "lr": recipe.rate}], 0.0)
        self.adversary = Adversary(Discriminator.of_photos(self.config), team)
        self.balance = Balance(GROUPS, FIRST_SCALE, self.device)

    @property
    def subject(self) -> dict[str, Any]:
        """The model that it began with, and the number of squares."""
        squares = len(self.crops.squares)
        return {"config": self.config.as_dict(), "init": self.start_id.hex(), "crops": squares}

    def train_step(self) -> None:
        """One step of both players. Raises PslError when the loss is not finite."""
        self._schedule()
        images = self.crops.draw()
        share = torch.rand(len(images), device=self.device)
        level = share * self.config.top
        latents, shown = self._before(images, level)
        with autocast(self.device):
            decoded = self.parallel(latents, level)
        errors = (decoded - images).square().flatten(1).mean(1) * 255**2
        error = self.balance(errors, share)
        self._descend(self.adversary.loss(error, images, decoded, share, shown))

    @torch.no_grad()
    def _before(self, images: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Decoded latents, and what the decoder before tuning makes of them."""
        with autocast(self.device):
            latents, _ = self.plain.code(images, level)
            return latents, self.plain.transform.synthesise(latents, level)

    @torch.no_grad()
    def progress(self) -> TuneProgress:
        """PSNR and sharpness of the averaged decoder on a few held-out squares."""
        nets, points = cast(Decoder, self.average.module).eval(), []
        images = self.held_out[:SHOWN].to(self.device)
        for share in REPORTED:
            level = torch.full((len(images),), share * self.config.top, device=self.device)
            latents, _ = self._before(images.float() / 255, level)
            with autocast(self.device):
                decoded = nets(latents, level)
            pair = (_pixels(images), _pixels((decoded.clamp(0, 1) * 255).round()))
            points.append((psnr(*pair), sharpness(*pair)))
        return TuneProgress(self.step, self.seconds, self.fraction, points, self.adversary.hinge)

    def averaged(self) -> HyperpriorTransform:
        """The transform with the averaged decoder."""
        return cast(Decoder, self.average.module).transform.eval()

    def _own_state(self) -> dict[str, Any]:
        return {"adversary": self.adversary.state_dict(), "scale": self.balance.scale}

    def _restore(self, state: dict[str, Any]) -> None:
        self.adversary.load_state_dict(state["adversary"])
        self.balance.scale = state["scale"]


def _pixels(images: Tensor) -> Any:
    """(B, 3, H, W) in 0 to 255 -> uint8 (B, H, W, 3)."""
    return images.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
