"""The training loop: one pair of nets for every rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from pseudocodec.errors import PslError
from pseudocodec.metrics import Images
from pseudocodec.nets.discriminator import Discriminator
from pseudocodec.nets.grid import GridTransform
from pseudocodec.nets.precision import autocast
from pseudocodec.training.adversary import Adversary
from pseudocodec.training.channel import WaterFilling
from pseudocodec.training.objectives import OBJECTIVES, MeanSquaredError, Objective
from pseudocodec.training.perceptual import Perceptual
from pseudocodec.training.plan import Plan, fitting_pictures
from pseudocodec.training.run import Balance, Run, RunRecipe
from pseudocodec.training.team import Team

GROUPS = 16  # rate groups whose distortions are balanced in the loss
REPORTED = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)  # rates of the progress report, of the largest payload
SHEET = 12  # held-out pictures on the sheet of a report
SHOWN = 200  # held-out pictures coded for it
CALIBRATION = 4_000  # training pictures that the whitening is measured on; a quarter in reports


@dataclass(frozen=True)
class Recipe(RunRecipe):
    """What a run does."""

    budget: float = 1800.0
    rate: float = 1.5e-3  # peak learning rate of AdamW
    weight_decay: float = 1.0  # less, and some thousand pictures are learnt by heart
    objective: str = "mse"  # or "perceptual": see training.perceptual
    fixed_bits: float | None = None  # one rate only, to measure what serving all of them costs

    def __post_init__(self) -> None:
        """Refuse an objective that does not exist."""
        if self.objective not in OBJECTIVES:
            raise PslError(f"objective={self.objective!r}: expected one of {', '.join(OBJECTIVES)}")


@dataclass(frozen=True)
class Progress:
    """One line of a run's report."""

    step: int
    seconds: float
    fraction: float
    psnr: dict[int, float]  # bits an image -> dB on the held-out part, ideal channel

    def describe(self) -> str:
        """The rates and what they give, for people."""
        return "   ".join(f"{bits / 8:g} B {db:.2f} dB" for bits, db in self.psnr.items())


class Nets(nn.Module):
    """What is trained together; starts at the KLT of the `images` (N, C, H, W) in [0, 1]."""

    def __init__(self, plan: Plan, images: Tensor) -> None:
        super().__init__()
        self.transform = GridTransform(plan.config)
        self.channel = WaterFilling(self.transform.fit_linear(images, plan.shrink))

    def forward(self, images: Tensor, bits: Tensor) -> Tensor:
        """Images (B, C, H, W) through the channel at `bits` (B,) each, not clipped."""
        level = self.channel.levels(bits)
        noisy = self.channel(self.transform.analyse(images, level.detach()), bits)
        decoded: Tensor = self.transform.synthesise(noisy, level)
        return decoded

    @property
    def codes_frozen(self) -> bool:
        """Whether the generator alone learns."""
        return not self.channel.log_variances.requires_grad

    def freeze_codes(self) -> None:
        """Leave the encoder, its whitening and the channel as they are from here on."""
        self.transform.analysis.requires_grad_(False)
        self.channel.requires_grad_(False)
        self.transform.whiten.eval()


class Trainer(Run[Progress]):
    """Nets, optimiser and clock of one run over pictures held in memory as uint8 (N, C, H, W)."""

    nets: Nets
    recipe: Recipe

    def __init__(
        self, images: Tensor, held_out: Tensor, plan: Plan, recipe: Recipe, team: Team
    ) -> None:
        super().__init__(recipe, team)
        self.plan = plan
        self.images, self.held_out = images.to(team.device), held_out.to(team.device)
        self.nets = Nets(plan, fitting_pictures(images, plan)).to(team.device)
        transform, channel = self.nets.transform, self.nets.channel
        groups: list[dict[str, Any]] = [
            {"params": list(transform.parameters()), "lr": recipe.rate},
            {"params": list(channel.parameters()), "lr": 3 * recipe.rate, "weight_decay": 0.0},
        ]
        self._begin(groups, recipe.weight_decay)
        self.objective: Objective = (
            Perceptual(Adversary(Discriminator.of_grid(plan.config), team))
            if recipe.objective == "perceptual"
            else MeanSquaredError()
        )
        self.balance = Balance(GROUPS, 0.03, self.device)

    @property
    def subject(self) -> dict[str, Any]:
        """The plan and the number of pictures."""
        return {"plan": self.plan.as_dict(), "images": len(self.images)}

    @property
    def reported_bits(self) -> list[int]:
        """Rates of the progress report."""
        return [round(8 * self.plan.payload_bytes[1] * share) for share in REPORTED]

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        if self.objective.freezes_codes(self.fraction) and not self.nets.codes_frozen:
            self.nets.load_state_dict(self.averaged().state_dict())  # better than the last ones
            self._freeze_codes()
        images = self._batch()
        position, bits = self._rates(len(images))
        with autocast(self.device):
            decoded = self.parallel(images, bits)
        errors = (decoded - images).square().flatten(1).mean(1)
        error = self.balance(errors, position)  # every rate pulls alike, in dB
        level = self.nets.channel.levels(bits)
        self._descend(self.objective.loss(error, images, decoded, level, self.fraction))

    def _freeze_codes(self) -> None:
        self.nets.freeze_codes()
        self.parallel = self.team.parallel(self.nets)  # it must know who learns

    def _batch(self) -> Tensor:
        pick = torch.randint(len(self.images), (self.plan.batch,), device=self.device)
        images = self._prepare(self.images[pick])
        if self.plan.flip:
            mirrored = torch.rand(len(images), 1, 1, 1, device=self.device) < 0.5
            images = torch.where(mirrored, images.flip(3), images)
        return images

    def _rates(self, count: int) -> tuple[Tensor, Tensor]:
        """Positions in [0, 1) on a log scale of rates, and the rates in bits."""
        low, high = self.plan.train_bits
        position = torch.rand(count, device=self.device)
        if self.recipe.fixed_bits is not None:
            fixed = math.log(self.recipe.fixed_bits / low) / math.log(high / low)
            position = torch.full_like(position, fixed)
        return position, low * torch.exp(position * math.log(high / low))

    def _prepare(self, images: Tensor) -> Tensor:
        return (images.float() / 255).contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def progress(self) -> Progress:
        """PSNR of the averaged nets on held-out pictures through the ideal channel."""
        nets = self.averaged(CALIBRATION // 4)
        psnr = {bits: self._psnr(nets, bits, SHOWN) for bits in self.reported_bits}
        return Progress(self.step, self.seconds, self.fraction, psnr)

    @torch.no_grad()
    def sheet(self) -> list[tuple[str, Images]]:
        """Held-out pictures and what the ideal channel leaves of them, with a label a row."""
        nets, images = self.average.module, self._prepare(self.held_out[:SHEET])
        rows = [("original", _pixels(images))]
        for bits in self.reported_bits[1::2]:
            budget = torch.full((len(images),), float(bits), device=self.device)
            with autocast(self.device):
                decoded = nets(images, budget)
            rows.append((f"{bits // 8} bytes\nideal channel", _pixels(decoded)))
        return rows

    @torch.no_grad()
    def psnr(self, bits: int) -> float:
        """As in `progress`, at `bits`, on all held-out pictures."""
        return self._psnr(self.averaged(), bits, len(self.held_out))

    def _psnr(self, nets: Nets, bits: int, count: int) -> float:
        total, shown = 0.0, self.held_out[:count]
        for part in torch.split(shown, 100):
            images = self._prepare(part)
            with autocast(self.device):
                budget = torch.full((len(images),), float(bits), device=self.device)
                decoded = nets(images, budget).clamp(0, 1)
            total += float((decoded - images).square().mean()) * len(images)
        return -10 * math.log10(max(total / len(shown), 1e-10))

    @torch.no_grad()
    def averaged(self, calibration: int = CALIBRATION) -> Nets:
        """The nets with averaged weights, in evaluation mode.

        The average covers weights only: the whitening statistics that belong to them are measured
        on the first `calibration` training pictures.
        """
        nets = cast(Nets, self.average.module).eval()

        def raw(part: Tensor) -> Tensor:
            level = nets.channel.levels(self._rates(len(part))[1])
            with autocast(self.device):
                return nets.transform.raw(self._prepare(part), level)

        parts = torch.split(self.images[:calibration], 125)
        nets.transform.whiten.recalibrate(map(raw, parts))
        return nets

    def _own_state(self) -> dict[str, Any]:
        return {"objective": self.objective.state_dict(), "scale": self.balance.scale}

    def _restore(self, state: dict[str, Any]) -> None:
        self.objective.load_state_dict(state["objective"])
        self.balance.scale = state["scale"]
        if self.objective.freezes_codes(0.0):  # it had begun to
            self._freeze_codes()


def _pixels(images: Tensor) -> Images:
    """(B, C, H, W) in [0, 1] -> uint8 (B, H, W) or (B, H, W, 3)."""
    out = (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return cast(Images, out[..., 0] if out.shape[3] == 1 else out)
