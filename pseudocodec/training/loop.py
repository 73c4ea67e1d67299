"""The training loop of the flat models: one pair of nets for every rate."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pseudocodec.errors import PslError
from pseudocodec.nets.flat import Analysis, FlatConfig, Synthesis, initialise_linear
from pseudocodec.training.channel import WaterFilling
from pseudocodec.training.state import load_checkpoint, save_checkpoint

REPORT_BITS = (40, 110, 220, 440)  # rates of the progress report, bits an image
KLT_IMAGES = 20_000  # enough for a stable covariance, cheap to decompose
CHECKPOINT_SECONDS = 120.0
GROUPS = 16  # rate groups whose distortions are balanced in the loss


@dataclass(frozen=True)
class Recipe:
    """What a run does; a checkpoint resumes only under the same recipe."""

    budget: float = 1800.0  # seconds of training, summed over resumed runs
    batch: int = 128
    rate: float = 1e-3  # peak learning rate of AdamW
    weight_decay: float = 1e-4
    warmup: int = 300  # steps
    clip: float = 1.0  # gradient norm
    low_bits: float = 8.0
    high_bits: float = 560.0
    decay: float = 0.998  # of the exponential moving average of the weights
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """One line of a run's report."""

    step: int
    seconds: float
    fraction: float
    psnr: dict[int, float]  # bits an image -> dB on the held-out part, ideal channel


class Nets(nn.Module):
    """What is trained together; starts at the KLT of `images` (N, C, H, W) in [0, 1]."""

    def __init__(self, config: FlatConfig, images: Tensor) -> None:
        super().__init__()
        self.analysis, self.synthesis = Analysis(config), Synthesis(config)
        self.channel = WaterFilling(initialise_linear(self.analysis, self.synthesis, images))

    def forward(self, images: Tensor, bits: Tensor) -> Tensor:
        """Images (B, C, H, W) through the channel at `bits` (B,) each, not clipped."""
        noisy, level = self.channel(self.analysis(images), bits)
        decoded: Tensor = self.synthesis(noisy, level)
        return decoded


class Trainer:
    """Nets, optimiser and clock of one run over pictures held in memory as uint8 (N, C, H, W)."""

    def __init__(
        self, images: Tensor, held_out: Tensor, config: FlatConfig, recipe: Recipe, device: str
    ) -> None:
        self.images, self.held_out = images.to(device), held_out.to(device)
        self.config, self.recipe, self.device = config, recipe, torch.device(device)
        torch.manual_seed(recipe.seed)
        start = images[torch.randperm(len(images))[:KLT_IMAGES]].float() / 255
        self.nets = Nets(config, start).to(self.device)
        self.nets.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = get_ema_multi_avg_fn(recipe.decay)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.nets, multi_avg_fn=average, use_buffers=False)
        trained = (self.nets.analysis, self.nets.synthesis)
        weights = [p for net in trained for p in net.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": weights, "lr": recipe.rate, "weight_decay": recipe.weight_decay},
                {
                    "params": self.nets.channel.parameters(),
                    "lr": 3 * recipe.rate,
                    "weight_decay": 0.0,
                },
            ]
        )
        self.peak = [group["lr"] for group in self.optimiser.param_groups]
        self.scale = torch.full((GROUPS,), 0.03, device=self.device)
        self.step, self.seconds = 0, 0.0

    @property
    def settings(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be resumed (the budget may be extended)."""
        recipe = {k: v for k, v in asdict(self.recipe).items() if k != "budget"}
        return {"config": self.config.as_dict(), "recipe": recipe, "images": len(self.images)}

    def run(
        self, checkpoint: Path | None, report: Callable[[Progress], None], every: float = 60.0
    ) -> None:
        """Train until the budget is spent, reporting every `every` seconds.

        A KeyboardInterrupt is passed on after the checkpoint was written. Raises PslError when the
        loss is no longer finite; the last good checkpoint stays.
        """
        started, spent = time.monotonic(), self.seconds
        next_report, next_save = self.seconds + every, self.seconds + CHECKPOINT_SECONDS
        try:
            while self.seconds < self.recipe.budget:
                self._train_step()
                self.seconds = spent + time.monotonic() - started
                if self.seconds >= next_report:
                    next_report += every
                    report(self.progress())
                if checkpoint and self.seconds >= next_save:
                    next_save += CHECKPOINT_SECONDS
                    self.save(checkpoint)
        except KeyboardInterrupt:
            if checkpoint:
                self.save(checkpoint)
            raise
        if checkpoint:
            self.save(checkpoint)
        report(self.progress())

    def _train_step(self) -> None:
        r = self.recipe
        fraction = min(1.0, self.seconds / r.budget)
        cosine = 0.01 + 0.99 * (1 + math.cos(math.pi * fraction)) / 2
        factor = min(1.0, self.step / r.warmup) * cosine
        for group, peak in zip(self.optimiser.param_groups, self.peak, strict=True):
            group["lr"] = peak * factor
        pick = torch.randint(len(self.images), (r.batch,), device=self.device)
        images = self._prepare(self.images[pick])
        position = torch.rand(r.batch, device=self.device)
        bits = r.low_bits * torch.exp(position * math.log(r.high_bits / r.low_bits))
        with torch.autocast(self.device.type, torch.bfloat16):
            decoded = self.nets(images, bits)
        errors = (decoded - images).square().flatten(1).mean(1)
        loss = self._balance(errors, (position * GROUPS).long().clamp(max=GROUPS - 1))
        if not torch.isfinite(loss):
            raise PslError(
                f"training diverged at step {self.step}: the loss is not finite; "
                "resume from the last checkpoint with a lower learning rate"
            )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in self.optimiser.param_groups:  # apart: the variances' gradients are large
            nn.utils.clip_grad_norm_(group["params"], r.clip)
        self.optimiser.step()
        self.average.update_parameters(self.nets)
        self.step += 1

    def _prepare(self, images: Tensor) -> Tensor:
        return (images.float() / 255).to(memory_format=torch.channels_last)

    def _balance(self, errors: Tensor, group: Tensor) -> Tensor:
        """Mean error relative to the usual error at its rate: every rate pulls alike, in dB."""
        with torch.no_grad():
            count = torch.bincount(group, minlength=GROUPS).clamp(min=1)
            mean = torch.zeros_like(self.scale).index_add_(0, group, errors) / count
            self.scale += 0.02 * torch.where(mean > 0, mean - self.scale, 0)
        return (errors / self.scale[group]).mean()

    @torch.no_grad()
    def progress(self) -> Progress:
        """PSNR of the averaged nets on the held-out pictures through the ideal channel."""
        nets = self.averaged()
        psnr = {}
        for bits in REPORT_BITS:
            total = 0.0
            for part in torch.split(self.held_out, 500):
                images = self._prepare(part)
                with torch.autocast(self.device.type, torch.bfloat16):
                    budget = torch.full((len(images),), float(bits), device=self.device)
                    decoded = nets(images, budget).clamp(0, 1)
                total += float((decoded - images).square().mean()) * len(images)
            psnr[bits] = -10 * math.log10(total / len(self.held_out))
        fraction = min(1.0, self.seconds / self.recipe.budget)
        return Progress(self.step, self.seconds, fraction, psnr)

    @torch.no_grad()
    def averaged(self, calibration: int = 2_000) -> Nets:
        """The nets with averaged weights, in evaluation mode.

        The average covers weights only: the whitening statistics that belong to them are measured
        on the first `calibration` training pictures.
        """
        nets = cast(Nets, self.average.module)
        whiten = nets.analysis.whiten
        usual, whiten.momentum = whiten.momentum, None  # None: a plain average over the batches
        whiten.reset_running_stats()
        nets.train()
        for part in torch.split(self.images[:calibration], 1_000):
            with torch.autocast(self.device.type, torch.bfloat16):
                nets.analysis(self._prepare(part))
        whiten.momentum = usual
        return nets.eval()

    def save(self, path: Path) -> None:
        """Write a checkpoint atomically."""
        state = {
            "settings": self.settings,
            "nets": self.nets.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scale": self.scale,
            "step": self.step,
            "seconds": self.seconds,
        }
        save_checkpoint(path, state)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint of the same settings."""
        state = load_checkpoint(path, self.device, self.settings)
        self.nets.load_state_dict(state["nets"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scale = state["scale"]
        self.step, self.seconds = state["step"], state["seconds"]
