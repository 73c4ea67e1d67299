"""Training of CompressAI's networks: one rate each, loss R + lambda D."""

from __future__ import annotations

import copy
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pseudocodec.errors import PslError
from pseudocodec.integrations.compressai import (
    CompressaiModel,
    Config,
    compressai,
    read_checkpoint,
    write_network,
)
from pseudocodec.model.catalogue import SUFFIX
from pseudocodec.model.file import model_id, read_facts
from pseudocodec.training.crops import CropRecipe, Crops, load_split
from pseudocodec.training.job import Job
from pseudocodec.training.run import Run
from pseudocodec.training.team import Team

LAMBDAS = {"mse": 0.0130, "ms-ssim": 16.64}  # of CompressAI's quality 4, about 0.5 bit a pixel
MS_SSIM_SIDE = 161  # pixels: five scales of a window of 11
SHOWN = 8  # held-out squares that progress is measured on


@dataclass(frozen=True)
class CompressaiRecipe(CropRecipe):
    """The whole recipe."""

    crop: int = 192
    objective: str = "mse"  # or "ms-ssim", where D is 1 - MS-SSIM; for "mse" it is in steps of 255
    lmbda: float = LAMBDAS["mse"]
    rate: float = 1e-4  # peak learning rate; cosine over the budget

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        if self.objective not in LAMBDAS:
            raise PslError(f"objective={self.objective!r}: expected one of {', '.join(LAMBDAS)}")
        if not 0 < self.lmbda < float("inf"):
            raise PslError(f"lmbda={self.lmbda}: expected a positive number")
        if self.objective == "ms-ssim" and self.crop < MS_SSIM_SIDE:
            raise PslError(f"crop={self.crop}: MS-SSIM needs at least {MS_SSIM_SIDE} pixels")


class CompressaiProgress(NamedTuple):
    """One line of a run's report, on held-out crops."""

    step: int
    seconds: float
    fraction: float
    bpp: float  # bits a pixel, by likelihood
    distortion: float  # PSNR in dB, or MS-SSIM

    def describe(self) -> str:
        """The rate and what it gives, for people."""
        return f"{self.bpp:.3f} bpp {self.distortion:.4g}"


class Start(NamedTuple):
    """The network that a run begins with, and where its weights come from."""

    network: torch.nn.Module
    config: Config
    origin: dict[str, str]


class CompressaiTrainer(Run[CompressaiProgress]):
    """Nets, optimiser and clock of one run over squares held in memory, uint8 (N, 3, S, S).

    Quantiles are not trained, as CompressAI does by a second optimiser: they depend on the other
    weights alone, and are found by bisection where they are needed.
    """

    recipe: CompressaiRecipe

    def __init__(
        self,
        squares: Tensor,
        held_out: Tensor,
        start: Start,
        recipe: CompressaiRecipe,
        team: Team,
    ) -> None:
        super().__init__(recipe, team)
        self.start, self.held_out = start, held_out
        self.crops = Crops.of(squares.to(team.device), recipe)
        self.loss = compressai("losses").RateDistortionLoss(recipe.lmbda, recipe.objective)
        self.nets = start.network.to(team.device).train()
        self.nets.entropy_bottleneck.quantiles.requires_grad_(False)  # type: ignore[union-attr]
        learning = [p for p in self.nets.parameters() if p.requires_grad]
        self._begin([{"params": learning, "lr": recipe.rate}], 0.0)

    @property
    def subject(self) -> dict[str, Any]:
        """The network, where it comes from, and the number of squares."""
        start = {"config": asdict(self.start.config), "origin": self.start.origin}
        return start | {"crops": len(self.crops.squares)}

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        images = self.crops.draw()
        self._descend(self.loss(self.parallel(images), images)["loss"])

    @torch.no_grad()
    def progress(self) -> CompressaiProgress:
        """Rate (by likelihood) and PSNR or MS-SSIM of the averaged nets on held-out crops."""
        network, totals = self.averaged(), torch.zeros(2, dtype=torch.float64)
        for square in self.held_out:
            images = square[None].to(self.team.device).float() / 255
            out = network(images)
            out["x_hat"].clamp_(0, 1)
            found = self.loss(out, images)
            quality = found.get("ms_ssim_loss")
            if quality is None:
                quality = -10 * found["mse_loss"].log10()
            totals += torch.stack([found["bpp_loss"], quality]).double().cpu()
        bpp, quality = (totals / len(self.held_out)).tolist()
        return CompressaiProgress(self.step, self.seconds, self.fraction, bpp, quality)

    @torch.no_grad()
    def averaged(self) -> Any:
        """A copy of the averaged nets with their quantiles, in evaluation mode."""
        network: Any = copy.deepcopy(self.average.module).eval()
        network.update(force=True, update_quantiles=True)
        return network

    def export(self, name: str, path: Path) -> bytes:
        """Write the averaged nets as a model file; returns the model's id."""
        r = self.recipe
        trained = {"objective": r.objective, "lmbda": r.lmbda, "steps": self.step}
        config, origin = self.start.config, self.start.origin | trained
        return write_network(self.averaged().cpu(), config, origin, name, path, overwrite=True)


def train_compressai(
    job: Job,
    *,
    architecture: str = "bmshj2018-hyperprior",
    objective: str = "mse",
    lmbda: float | None = None,
    channels: tuple[int, int] | None = None,
    init: str | os.PathLike[str] | None = None,
    holdout: float | str | os.PathLike[str] | None = None,
    **recipe: Any,
) -> dict[str, Any]:
    """Train one of CompressAI's networks on photographs, and write a model file.

    Args:
        job: its data are a folder, .tar ... of pictures of 256 pixels a side and more.
        architecture: one of `integrations.compressai.NAMES`.
        objective: "mse" or "ms-ssim".
        lmbda: what distortion costs; the larger, the better the pictures and the larger the files.
            By default that of CompressAI's quality 4: 0.0130, or 16.64 for MS-SSIM.
        channels: N and M; by default those of CompressAI's lower qualities.
        init: weights to start from: a CompressAI checkpoint, or a model file of this family.
        holdout: the share of the squares, or the other pictures, that progress is measured on.
        recipe: other fields of `CompressaiRecipe`.

    Returns {"id": hex, "path", "bytes", "steps", "seconds", "bpp", "distortion",
    "report": None}.

    Raises PslError for unsuitable pictures, an `init` of another architecture, a checkpoint of
    other settings, diverged training, and where CompressAI cannot be imported.
    """
    price = LAMBDAS.get(objective, 1.0) if lmbda is None else lmbda
    plan = CompressaiRecipe(
        budget=job.budget, seed=job.seed, objective=objective, lmbda=price, **recipe
    )
    torch.manual_seed(job.seed)
    start = _start(architecture, channels, init)
    team = Team.join(job.device)
    squares, held_out = load_split(
        job.data, holdout, job.seed, skip_bad=job.skip_bad, on_note=job.teller(team)
    )
    trainer = CompressaiTrainer(squares, held_out[:SHOWN], start, plan, team)
    last = job.carry_out(trainer)
    if last is None:
        return {}
    identity = trainer.export(job.title, job.files.target)
    job.files.clear()
    found = {"bpp": last.bpp, "distortion": last.distortion, "report": None}
    return job.files.result(identity, trainer) | found


def _start(
    architecture: str, channels: tuple[int, int] | None, init: str | os.PathLike[str] | None
) -> Start:
    if init is None:
        config = Config(architecture, 1, 1)
        config = Config(architecture, *(channels or config.kind.channels))
        return Start(config.build(), config, {})
    if Path(init).suffix != SUFFIX:
        network, config, digest = read_checkpoint(init, architecture)
        origin = {"checkpoint_sha256": digest}
    else:
        path = Path(init).absolute()
        model = CompressaiModel(model_id(path), path, read_facts(path))
        network, _ = model.network("cpu")
        network.requires_grad_(True)
        config, origin = model.config, {"model": model.id.hex()}
    if config.architecture != architecture or channels not in (None, (config.N, config.M)):
        raise PslError(
            f"{init}: a {config.architecture} network of {config.N} and {config.M} channels; "
            "train that, or start from other weights"
        )
    return Start(network, config, origin)
