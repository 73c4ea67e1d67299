"""Training of CompressAI's networks: one rate each, loss R + lambda D."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
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
from pseudocodec.training.crops import Crops, load_crops
from pseudocodec.training.data import split
from pseudocodec.training.outputs import Files
from pseudocodec.training.run import Run
from pseudocodec.training.team import Team

LAMBDAS = {"mse": 0.0130, "ms-ssim": 16.64}  # of CompressAI's quality 4, about 0.5 bit a pixel
MS_SSIM_SIDE = 161  # pixels: five scales of a window of 11
HELD_OUT, MOST_HELD_OUT = 0.01, 8


@dataclass(frozen=True)
class CompressaiRecipe:
    """The whole recipe; a checkpoint resumes only under the same one, the budget excepted."""

    objective: str = "mse"  # or "ms-ssim", where D is 1 - MS-SSIM; for "mse" it is in steps of 255
    lmbda: float = LAMBDAS["mse"]
    budget: float = 3600.0  # seconds of training, summed over resumed runs
    crop: int = 192  # pixels a side
    batch: int = 8  # crops a step and process
    most_shrink: float = 2.0
    unshrunk: float = 0.25  # share of the steps that take crops as they are
    rate: float = 1e-4  # peak learning rate; cosine over the budget
    warmup: int = 200  # steps
    clip: float = 1.0  # gradient norm
    decay: float = 0.998  # of the exponential moving average of the weights
    seed: int = 0

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

    def __init__(
        self,
        squares: Tensor,
        held_out: Tensor,
        start: Start,
        recipe: CompressaiRecipe,
        team: Team,
    ) -> None:
        self.team, self.start, self.recipe = team, start, recipe
        self.budget, self.warmup, self.clip = recipe.budget, recipe.warmup, recipe.clip
        self.decay, self.seed = recipe.decay, recipe.seed
        self.held_out = held_out
        self.crops = Crops(
            squares.to(team.device),
            crop=recipe.crop,
            batch=recipe.batch,
            most_shrink=recipe.most_shrink,
            unshrunk=recipe.unshrunk,
        )
        self.loss = compressai("losses").RateDistortionLoss(recipe.lmbda, recipe.objective)
        self.nets = start.network.to(team.device).train()
        self.nets.entropy_bottleneck.quantiles.requires_grad_(False)  # type: ignore[union-attr]
        learning = [p for p in self.nets.parameters() if p.requires_grad]
        self._begin([{"params": learning, "lr": recipe.rate}], 0.0)

    @property
    def settings(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be resumed (the budget may be extended)."""
        recipe = {k: v for k, v in asdict(self.recipe).items() if k != "budget"}
        start = {"config": asdict(self.start.config), "origin": self.start.origin}
        return start | {"recipe": recipe, "crops": len(self.crops.squares)}

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
    data: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    architecture: str = "bmshj2018-hyperprior",
    objective: str = "mse",
    lmbda: float | None = None,
    channels: tuple[int, int] | None = None,
    init: str | os.PathLike[str] | None = None,
    budget: float = 3600.0,
    resume: bool = False,
    overwrite: bool = False,
    skip_bad: bool = False,
    seed: int = 0,
    device: str = "auto",
    name: str | None = None,
    on_progress: Callable[[CompressaiProgress], None] | None = None,
    on_note: Callable[[str], None] | None = None,
    **recipe: Any,
) -> dict[str, Any]:
    """Train one of CompressAI's networks on photographs, and write a model file to `output`.

    Args:
        data: a folder, .tar ... of pictures of 256 pixels a side and more.
        architecture: one of `integrations.compressai.NAMES`.
        objective: "mse" or "ms-ssim".
        lmbda: what distortion costs; the larger, the better the pictures and the larger the files.
            By default that of CompressAI's quality 4: 0.0130, or 16.64 for MS-SSIM.
        channels: N and M; by default those of CompressAI's lower qualities.
        init: weights to start from: a CompressAI checkpoint, or a model file of this family.
        budget: seconds of training, summed over resumed runs.
        resume: continue from the checkpoint beside `output`.
        overwrite: replace `output`.
        skip_bad: leave out pictures that cannot be read, and say so.
        seed: of the initial weights and the order of crops.
        device: "auto", "cpu", "cuda" ... Under torchrun every process trains.
        name: the model's name; by default that of the output file.
        on_progress: called about once a minute.
        on_note: called with sentences that a user should read.
        recipe: other fields of `CompressaiRecipe`.

    Returns {"id": hex, "path", "bytes", "steps", "seconds", "bpp", "distortion"}.

    Raises PslError for unsuitable pictures, an `init` of another architecture, a checkpoint of
    other settings, diverged training, and where CompressAI cannot be imported.
    """
    files = Files.check(output, budget, resume=resume, overwrite=overwrite)
    price = LAMBDAS.get(objective, 1.0) if lmbda is None else lmbda
    plan = CompressaiRecipe(objective, price, budget, seed=seed, **recipe)
    torch.manual_seed(seed)
    start = _start(architecture, channels, init)
    team = Team.join(device)
    tell = on_note if on_note and team.leads else _silent
    squares, notes = load_crops(data, skip_bad=skip_bad)
    for sentence in notes:
        tell(sentence)
    trainer = CompressaiTrainer(*split(squares, seed, HELD_OUT, MOST_HELD_OUT), start, plan, team)
    files.restore(trainer)
    last: list[CompressaiProgress] = []

    def report(progress: CompressaiProgress) -> None:
        last[:] = [progress]
        if on_progress:
            on_progress(progress)

    trainer.run(files.checkpoint, report, on_note=tell)
    team.leave()
    if not team.leads:
        return {}
    identity = trainer.export(name or files.target.stem, files.target)
    files.clear()
    found = {"bpp": last[0].bpp, "distortion": last[0].distortion}
    return files.result(identity, trainer) | found


def _silent(sentence: str) -> None:
    """What a run tells when nobody listens, or another process speaks."""


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
