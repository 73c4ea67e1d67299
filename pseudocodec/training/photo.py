"""Training of a photo model: one net for every rate, loss R + lambda D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.nets.contexts import ExpectedTables
from pseudocodec.nets.hyperprior import (
    PATCH,
    HyperpriorConfig,
    HyperpriorTransform,
    Rows,
)
from pseudocodec.nets.information import information
from pseudocodec.nets.precision import autocast
from pseudocodec.nets.rounding import Rounding
from pseudocodec.photo.encoder import WEIGHT
from pseudocodec.training.crops import CropRecipe, Crops
from pseudocodec.training.photo_start import Start
from pseudocodec.training.run import Balance, Run
from pseudocodec.training.team import Team

REPORTED = (0.2, 0.4, 0.6, 0.8)  # levels of the progress report, of the top
SHOWN = 6  # held-out crops it measures
KLT_PATCHES = 60_000
GROUPS = 16  # of levels whose losses are balanced
ROUNDED_FOR_RATE = 0.5  # share of the budget from which on latents are rounded as files' are


@dataclass(frozen=True)
class PhotoRecipe(CropRecipe):
    """The whole recipe.

    Levels are uniform, which is log-uniform in lambda. Rates see uniform noise, pictures rounded
    latents (straight through): Minnen & Singh 2020. In the second half of the budget latents are
    rounded for rate and distortion, as files' are, and tables learn from what that leaves. Rates
    are those that contexts make of tables, but for what adapts (`nets.contexts`) and for
    hyper-latents.

    Crops are as large as squares allow that are scaled down as well: all of a crop of 128 pixels
    is within sight of its edge, where a file's tiles have none. 400 seconds of one core from a
    trained model took 1.9 % off the bits of the validation pictures with four crops of 192, 0.4 %
    with eight of 128. A run that goes on from a model begins at `onward` of the peak rates, and
    rounds for rate all along.
    """

    crop: int = 192
    batch: int = 4
    onward: float = 0.6
    rate: float = 1e-3  # peak learning rate of AdamW; cosine over the budget
    rows_rate: float = 4e-3  # and of what each level has for its own
    contexts_rate: float = 2e-4  # and of what is expected of residuals around; 0: of none
    weight_decay: float = 0.0


class PhotoProgress(NamedTuple):
    """One line of a run's report: (bits a pixel, PSNR in dB) at a few levels."""

    step: int
    seconds: float
    fraction: float
    points: list[tuple[float, float]]

    def describe(self) -> str:
        """The rates and what they give, for people."""
        return "   ".join(f"{bpp:.3f} bpp {db:.2f} dB" for bpp, db in self.points)


class PhotoNets(nn.Module):
    """The transform, and what one pass of training makes of it."""

    def __init__(self, config: HyperpriorConfig, contexts: ExpectedTables | None = None) -> None:
        super().__init__()
        self.transform = HyperpriorTransform(config)
        self.contexts = contexts
        self.for_rate = False  # whether training, too, rounds as the encoder does

    def forward(self, images: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, H, W) in [0, 1], levels (B,) -> bits a pixel and mean squared error.

        Both (B,), the error in steps of 255. In evaluation latents are rounded as files' are.
        """
        decoded, bits = self.code(images, level)
        images_out = self.transform.synthesise(decoded, level)
        if not self.training:
            images_out = images_out.clamp(0, 1)
        errors = (images_out - images).square().flatten(1).mean(1) * 255**2
        return bits / (images.shape[2] * images.shape[3]), errors

    def code(self, images: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures and levels as above -> decoded latents (B, latents, h, w), and bits (B,)."""
        t = self.transform
        latents = t.analyse(images)
        gain = t.gain(level)
        with torch.autocast(images.device.type, enabled=False):
            gained = latents * gain
            hyper = t.hyper_analyse(gained)
            hyper_mean, hyper_index = t.predict_hyper(level)
            shift = hyper - hyper_mean
            bits = information(self._noisy(shift), hyper_index).sum((1, 2, 3))
            mean, index = t.predict(_rounded(shift) + hyper_mean, level)
            height, width = gained.shape[2:]
            mean, index = mean[..., :height, :width], index[..., :height, :width]
            residual = gained - mean
            symbols = self._symbols(residual, index, level)
            means, index = self._expected(symbols, index)
            bits = bits + self._information(residual, symbols, means, index).sum((1, 2, 3))
            return (mean + symbols) / gain, bits

    def _expected(self, symbols: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Means and tables that contexts expect; without contexts none, and the tables given."""
        if self.contexts is None:
            return torch.zeros_like(symbols), index
        expected: tuple[Tensor, Tensor] = self.contexts(symbols, index)
        return expected

    def _symbols(self, residual: Tensor, index: Tensor, level: Tensor) -> Tensor:
        """Residuals rounded; where files' are so, a step nearer to their means if that pays.

        As an encoder does it, with the prices of `photo.encoder`; with the gradient of the
        identity.
        """
        with torch.no_grad():
            symbols = residual.round()
            if self.for_rate or not self.training:
                symbols = self._for_rate(residual, symbols, index, level)
            change = symbols - residual
        return residual + change

    def _for_rate(self, residual: Tensor, rounded: Tensor, index: Tensor, level: Tensor) -> Tensor:
        t = self.transform
        means, index = self._expected(rounded, index)
        price = t.config.price(level)[:, None, None, None] * 255**2 / t.config.channels
        rounding = Rounding(residual, means, index, WEIGHT * price / t.gain(level).square())
        return torch.where(rounding.gain(rounding.nearer) > 0, rounding.nearer, rounded)

    def _information(
        self, residual: Tensor, symbols: Tensor, means: Tensor, index: Tensor
    ) -> Tensor:
        """Bits of each latent, of which contexts expect `means`.

        Tables learn from the symbols, transforms and means from noise.
        """
        if not self.training:
            return information(symbols - means, index)
        if not self.for_rate:
            return information(self._noisy(residual) - means, index)
        noisy = information(self._noisy(residual) - means.detach(), index.detach())
        return information(symbols.detach() - means, index) + noisy - noisy.detach()

    def _noisy(self, values: Tensor) -> Tensor:
        if self.training:
            return values + torch.rand_like(values) - 0.5
        return values.round()


class PhotoTrainer(Run[PhotoProgress]):
    """Nets, optimiser and clock of one run over crops held in memory, uint8 (N, 3, S, S).

    It goes on from the weights of `start`, whose config is the same but for shrinkage that `start`
    may lack, or begins with the transform that is best among linear ones.
    """

    nets: PhotoNets
    recipe: PhotoRecipe

    def __init__(
        self,
        crops: Tensor,
        held_out: Sequence[Tensor],
        config: HyperpriorConfig,
        recipe: PhotoRecipe,
        team: Team,
        *,
        start: Start | None = None,
    ) -> None:
        super().__init__(recipe, team)
        self.config, self.held_out = config, held_out
        self.init = {"init": start.model.id.hex()} if start else {}
        self.crops = Crops.of(crops.to(team.device), recipe)
        contexts = _contexts(config, start) if recipe.contexts_rate else None
        nets = PhotoNets(config, contexts)
        if start is None:
            nets.transform.fit_linear(_patches(crops))
        else:
            identity = nets.transform.state_dict()  # as to shrinkage
            nets.transform.load_state_dict(identity | start.transform().state_dict())
        self.nets = nets.to(team.device)
        rows = [p for m in self.nets.modules() if isinstance(m, Rows) for p in m.parameters()]
        around = list(contexts.parameters()) if contexts is not None else []
        theirs = {id(p) for p in rows + around}
        others = [p for p in self.nets.parameters() if id(p) not in theirs]
        peak = recipe.onward if start else 1.0
        groups: list[dict[str, Any]] = [
            {"params": others, "lr": peak * recipe.rate},
            {"params": rows, "lr": peak * recipe.rows_rate, "weight_decay": 0.0},
        ]
        if around:
            rate = peak * recipe.contexts_rate
            groups.append({"params": around, "lr": rate, "weight_decay": 0.0})
        self._begin(groups, recipe.weight_decay)
        self.balance = Balance(GROUPS, 5.0, self.device)

    @property
    def subject(self) -> dict[str, Any]:
        """The nets' sizes, the number of squares, and the model that a run goes on from."""
        return {"config": self.config.as_dict(), "crops": len(self.crops.squares)} | self.init

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        self.nets.for_rate = bool(self.init) or self.fraction >= ROUNDED_FOR_RATE
        images = self.crops.draw()
        share = torch.rand(len(images), device=self.device)
        level = share * self.config.top
        with autocast(self.device):
            rate, error = self.parallel(images, level)
        cost = rate + self.config.price(level) * error
        self._descend(self.balance(cost, share))

    @torch.no_grad()
    def progress(self) -> PhotoProgress:
        """Rate (by likelihood) and PSNR of the averaged nets on a few held-out crops."""
        nets = self.averaged()
        points = []
        for share in REPORTED:
            level = torch.full((1,), share * self.config.top, device=self.device)
            total = torch.zeros(2, dtype=torch.float64)
            for image in self.held_out[:SHOWN]:
                x = image[None].to(self.device).float() / 255
                x = x.contiguous(memory_format=torch.channels_last)
                with autocast(self.device):
                    rate, error = nets(x, level)
                psnr = 10 * torch.log10(255**2 / error.double())
                total += torch.cat([rate.double(), psnr]).cpu()
            mean = total / max(1, len(self.held_out[:SHOWN]))
            points.append((float(mean[0]), float(mean[1])))
        return PhotoProgress(self.step, self.seconds, self.fraction, points)

    def averaged(self) -> PhotoNets:
        """The nets with averaged weights, in evaluation mode."""
        return cast(PhotoNets, self.average.module).eval()

    def _own_state(self) -> dict[str, Any]:
        return {"scale": self.balance.scale}

    def _restore(self, state: dict[str, Any]) -> None:
        self.balance.scale = state["scale"]


def _contexts(config: HyperpriorConfig, start: Start | None) -> ExpectedTables:
    """Those of the model that a run goes on from, or none yet."""
    learnt = start.model.code.contexts if start else None
    return ExpectedTables(learnt.net) if learnt else ExpectedTables.of_tables(config.latents)


def _rounded(values: Tensor) -> Tensor:
    """Rounded, with the gradient of the identity."""
    return values + (values.round() - values).detach()


def _patches(crops: Tensor) -> Tensor:
    """Patches (n, 3, 16, 16) in [0, 1], spread over all crops."""
    step = max(1, len(crops) * (crops.shape[2] // PATCH) ** 2 // KLT_PATCHES)
    grid = F.unfold(crops[:: max(1, step)].float() / 255, PATCH, stride=PATCH)
    flat = grid.transpose(1, 2).reshape(-1, crops.shape[1], PATCH, PATCH)
    return flat[:KLT_PATCHES]
