"""Training of a photo model: one net for every rate, loss R + lambda D."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.nets.hyperprior import (
    PATCH,
    HyperpriorConfig,
    HyperpriorTransform,
    Rows,
    information,
)
from pseudocodec.nets.precision import autocast
from pseudocodec.training.crops import Crops
from pseudocodec.training.run import Balance, Run
from pseudocodec.training.team import Team

REPORTED = (0.2, 0.4, 0.6, 0.8)  # levels of the progress report, of the top
SHOWN = 6  # held-out crops it measures
KLT_PATCHES = 60_000
GROUPS = 16  # of levels whose losses are balanced


@dataclass(frozen=True)
class PhotoRecipe:
    """The whole recipe; a checkpoint resumes only under the same one, the budget excepted.

    Each step draws `batch` crops, scaled down by up to `most_shrink` (see `training.crops`). Levels
    are uniform, which is log-uniform in lambda. Rates see uniform noise, pictures rounded latents
    (straight through): Minnen & Singh 2020.
    """

    budget: float = 3600.0  # seconds of training, summed over resumed runs
    crop: int = 128  # pixels a side
    batch: int = 8  # crops a step and process
    most_shrink: float = 2.0
    unshrunk: float = 0.25  # share of the steps that take crops as they are
    rate: float = 1e-3  # peak learning rate of AdamW; cosine over the budget
    rows_rate: float = 4e-3  # and of what each level has for its own
    weight_decay: float = 0.0
    warmup: int = 200  # steps
    clip: float = 1.0  # gradient norm
    decay: float = 0.998  # of the exponential moving average of the weights
    seed: int = 0


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

    def __init__(self, config: HyperpriorConfig) -> None:
        super().__init__()
        self.transform = HyperpriorTransform(config)

    def forward(self, images: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures (B, 3, H, W) in [0, 1], levels (B,) -> bits a pixel and mean squared error.

        Both (B,), the error in steps of 255. In evaluation latents are rounded for both.
        """
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
            bits = bits + information(self._noisy(residual), index).sum((1, 2, 3))
            decoded = (mean + _rounded(residual)) / gain
        images_out = t.synthesise(decoded, level)
        if not self.training:
            images_out = images_out.clamp(0, 1)
        errors = (images_out - images).square().flatten(1).mean(1) * 255**2
        return bits / (images.shape[2] * images.shape[3]), errors

    def _noisy(self, values: Tensor) -> Tensor:
        if self.training:
            return values + torch.rand_like(values) - 0.5
        return values.round()


class PhotoTrainer(Run[PhotoProgress]):
    """Nets, optimiser and clock of one run over crops held in memory, uint8 (N, 3, S, S)."""

    nets: PhotoNets

    def __init__(
        self,
        crops: Tensor,
        held_out: Sequence[Tensor],
        config: HyperpriorConfig,
        recipe: PhotoRecipe,
        team: Team,
    ) -> None:
        self.team, self.config, self.recipe, self.device = team, config, recipe, team.device
        self.budget, self.warmup, self.clip = recipe.budget, recipe.warmup, recipe.clip
        self.decay, self.seed = recipe.decay, recipe.seed
        self.held_out = held_out
        self.crops = Crops(
            crops.to(team.device),
            crop=recipe.crop,
            batch=recipe.batch,
            most_shrink=recipe.most_shrink,
            unshrunk=recipe.unshrunk,
        )
        torch.manual_seed(recipe.seed)
        nets = PhotoNets(config)
        nets.transform.fit_linear(_patches(crops))
        self.nets = nets.to(team.device)
        rows = [p for m in self.nets.modules() if isinstance(m, Rows) for p in m.parameters()]
        theirs = {id(p) for p in rows}
        others = [p for p in self.nets.parameters() if id(p) not in theirs]
        groups: list[dict[str, Any]] = [
            {"params": others, "lr": recipe.rate},
            {"params": rows, "lr": recipe.rows_rate, "weight_decay": 0.0},
        ]
        self._begin(groups, recipe.weight_decay)
        self.balance = Balance(GROUPS, 5.0, self.device)

    @property
    def settings(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be resumed (the budget may be extended)."""
        recipe = {k: v for k, v in asdict(self.recipe).items() if k != "budget"}
        return {"config": self.config.as_dict(), "recipe": recipe, "crops": len(self.crops.squares)}

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
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


def _rounded(values: Tensor) -> Tensor:
    """Rounded, with the gradient of the identity."""
    return values + (values.round() - values).detach()


def _patches(crops: Tensor) -> Tensor:
    """Patches (n, 3, 16, 16) in [0, 1], spread over all crops."""
    step = max(1, len(crops) * (crops.shape[2] // PATCH) ** 2 // KLT_PATCHES)
    grid = F.unfold(crops[:: max(1, step)].float() / 255, PATCH, stride=PATCH)
    flat = grid.transpose(1, 2).reshape(-1, crops.shape[1], PATCH, PATCH)
    return flat[:KLT_PATCHES]
