"""A generator whose seeds cover the pictures: each picture teaches the seed that is nearest to it.

A generator trained against a discriminator makes pictures of the right kind, but nothing makes the
pictures of its seeds lie near any given one. Here they are pulled there: pictures are given to
their nearest seeds, which is what an encoder does, and the generator learns the pictures given to
each (implicit maximum likelihood, Li & Malik 2018; with latents that stay where the LCG puts them,
where Bojanowski et al. 2018 move them). For a codec of one seed this is vector quantisation: its
error is what is minimised, and k-means is the same with a table in place of the generator.

Two ways to give a picture its seed:

- Where all seeds' pictures fit into memory (`BOOK_VALUES`), by the pictures, exactly. What a seed
  is given is summed up over rounds, older rounds counting less, and the generator learns the means:
  the gradient is that of single pictures, with less noise. In the last part of the run it learns
  single pictures after all, by their structure (SSIM) too. Seeds that get none take a picture at
  random, as k-means restarts empty cells.
- Otherwise by the inverse generator and the search over all sequences. The best of m = 2^b
  sequences of d values has a nearly fixed correlation with whitened latents, the root of
  1 - 2^(-2b/d), and what is left of it looks like noise. So both nets learn through a channel that
  keeps that share of the latents and adds noise in place of the rest; in the last part of the run
  the generator learns from the sequences that the search really finds. (Tried first: gradients
  straight through the search, van den Oord et al. 2017. Latents grew to the borders of [-1, 1],
  where nothing moves, and 300 faces shared 118 seeds; with a loss of commitment it was worse.)
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from pseudocodec.latent.nearest import nearest_seeds
from pseudocodec.metrics.structure import structural_similarity
from pseudocodec.nets.blocks import Whiten
from pseudocodec.nets.gan import GanTransform
from pseudocodec.nets.precision import autocast
from pseudocodec.prng import THESIS, Lcg
from pseudocodec.seeding import BOOK_VALUES, STRUCTURE, best_of_book
from pseudocodec.training.gan import pictures_of
from pseudocodec.training.run import Run, RunRecipe
from pseudocodec.training.sequences import Sequences
from pseudocodec.training.team import Team
from pseudocodec.training.warps import warp

ROUND = 60  # steps between two assignments
KEPT = 0.9  # weight of the round before
PART = 20_000  # pictures assigned in a round
FINISH = 0.6  # share of the run after which single pictures teach, by error and structure
FEW_CLOSE = 8  # seeds compared by structure, fewer than an encoder takes, for the time
FEW = 0.5  # of a picture: below, a seed has none
CALIBRATION = 2_000  # training pictures that whitening is measured on
DEVIATION = 1 / math.sqrt(3)  # of a uniform value in [-1, 1]
SHOWN = 500  # held-out pictures of a report


@dataclass(frozen=True)
class CoveringRecipe(RunRecipe):
    """What a run does. Errors are mean squares in [-1, 1]."""

    rate: float = 1.5e-3
    batch: int = 512
    lcg: Lcg = THESIS["lcg-5101"]
    warp: float = 1.0  # strength of the deformations of training pictures, see training.warps
    latent_weight: float = 0.05  # of the inverse generator's error, where pictures give the seeds
    structure: float = STRUCTURE  # weight of 1 - SSIM, in the last part of the run: FINISH


@dataclass(frozen=True)
class CoveringProgress:
    """One line of a run's report, of held-out pictures."""

    step: int
    seconds: float
    fraction: float
    mse: float  # in [-1, 1]
    used: int  # seeds with pictures

    def describe(self) -> str:
        """The error, for people."""
        return f"MSE {self.mse:.4f} by the nearest seed, {self.used:,} seeds in use"


class CoveringRun(Run[CoveringProgress]):
    """A generator and its inverse on pictures held in memory, uint8 (N, C, H, W).

    `start` gives the nets, whose statistics of normalisation stay as they are.
    """

    nets: GanTransform
    recipe: CoveringRecipe
    in_parts = True

    def __init__(
        self,
        images: Tensor,
        held_out: Tensor,
        start: GanTransform,
        recipe: CoveringRecipe,
        team: Team,
    ) -> None:
        super().__init__(recipe, team)
        config = start.config
        self.images, self.held_out = images.to(team.device), held_out.to(team.device)
        values = recipe.lcg.m * images[0].numel()
        booked = values <= BOOK_VALUES
        self.config = config if booked else replace(config, bounded=False)
        self.sequences = Sequences("lcg", config.latents, recipe.lcg)
        self.nets = GanTransform(self.config).to(team.device)
        self.nets.load_state_dict(start.state_dict())
        self.whiten = Whiten(config.latents).to(team.device)
        self.left = 2.0 ** (-2 * math.log2(recipe.lcg.m) / config.latents)  # of a latent's variance
        self._begin([{"params": list(self.nets.parameters()), "lr": recipe.rate}], 0.0)
        self.nets.eval()
        self.book = _Book(self) if booked else None

    @property
    def subject(self) -> dict[str, Any]:
        """The nets and the number of pictures."""
        return {"covering": self.config.as_dict(), "images": len(self.images)}

    def train_step(self) -> None:
        """One step of the optimiser. Raises PslError when the loss is not finite."""
        self._schedule()
        if self.book:
            self._descend(self.book.loss(self.recipe.batch))
            return
        pictures = self.pictures(self.recipe.batch)
        with autocast(self.device), torch.set_grad_enabled(not self.finishing):
            raw = self.nets.inverse(pictures)
        if self.finishing:
            heard = self._nearest(self._sought(self.whiten.eval()(raw)))
        else:
            noise = math.sqrt(self.left) * DEVIATION * torch.randn_like(raw)
            heard = self._sought(self.whiten.train()(raw)) + noise
        with autocast(self.device):
            decoded = self.nets.generator(heard)
        self._descend(self.loss(decoded, pictures))

    def _sought(self, whitened: Tensor) -> Tensor:
        """What of whitened latents (n, d) a sequence can be expected to hold, in its units."""
        return math.sqrt(1 - self.left) * DEVIATION * whitened

    def loss(self, decoded: Tensor, pictures: Tensor) -> Tensor:
        """Of pictures (B, C, H, W) in [-1, 1]: the squared error, at last with their structure.

        Means of many pictures have the least error of all, and are blurred.
        """
        error = F.mse_loss(decoded, pictures)
        if not self.finishing or not self.recipe.structure:
            return error
        return error + self.recipe.structure * (
            1 - structural_similarity(decoded, pictures, 2).mean()
        )

    @property
    def finishing(self) -> bool:
        """Whether the last part of the run has begun."""
        return self.fraction >= FINISH

    def pictures(self, count: int) -> Tensor:
        """Deformed training pictures (count, C, H, W) in [-1, 1]."""
        pick = torch.randint(len(self.images), (count,), device=self.device)
        return warp(pictures_of(self.images[pick]), self.recipe.warp)

    def _nearest(self, latents: Tensor) -> Tensor:
        """The sequences (n, d) nearest to latents (n, d)."""
        self._require_finite(latents.sum())
        seeds = nearest_seeds(self.recipe.lcg, latents.float().cpu().numpy())[:, 0]
        return self.sequences.of_seeds(torch.from_numpy(seeds)).to(self.device)

    @torch.no_grad()
    def progress(self) -> CoveringProgress:
        """The error of held-out pictures by their nearest seeds, of the averaged nets."""
        nets, shown = self.averaged(), pictures_of(self.held_out[:SHOWN])
        if self.book:
            mse, used = float(self.book.nearest(nets, shown)[1].mean()), self.book.used
        else:
            decoded = nets.generator(self._nearest(nets.inverse(shown)))
            mse, used = float(F.mse_loss(decoded, shown)), self.recipe.lcg.m
        return CoveringProgress(self.step, self.seconds, self.fraction, mse, used)

    @torch.no_grad()
    def averaged(self) -> GanTransform:
        """Both nets with averaged weights, in evaluation mode; the inverse gives what is sought."""
        nets = cast(GanTransform, self.average.module).eval()
        if self.book:
            return nets
        whiten, nets = Whiten(self.config.latents).to(self.device), deepcopy(nets)
        count = min(CALIBRATION, len(self.images))
        parts = torch.split(self.images[:count], self.recipe.batch)
        whiten.recalibrate(nets.inverse(pictures_of(part)) for part in parts)
        scale = self._sought((whiten.variance + 1e-6).rsqrt())
        head = nets.inverse.head
        head.weight.mul_(scale[:, None])
        head.bias.sub_(whiten.mean).mul_(scale)
        return nets

    def _own_state(self) -> dict[str, Any]:
        return self.book.state if self.book else {"whiten": self.whiten.state_dict()}

    def _restore(self, state: dict[str, Any]) -> None:
        if self.book:
            self.book.state = state
        else:
            self.whiten.load_state_dict(state["whiten"])
        self.nets.eval()


class _Book:
    """The pictures of all seeds, and the means of the pictures given to each."""

    def __init__(self, run: CoveringRun) -> None:
        self.run = run
        seeds = torch.arange(run.recipe.lcg.m)
        self.latents = run.sequences.of_seeds(seeds).to(run.device)
        self.sums = torch.zeros(len(seeds), run.images[0].numel(), device=run.device)
        self.counts = torch.zeros(len(seeds), device=run.device)
        self.given, self.seeds = torch.empty(0), torch.empty(0, dtype=torch.long)  # the last round

    @property
    def used(self) -> int:
        """Seeds with pictures."""
        return int((self.counts > FEW).sum())

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"sums": self.sums, "counts": self.counts}

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self.sums, self.counts = state["sums"], state["counts"]

    def loss(self, batch: int) -> Tensor:
        """The error of `batch` seeds, drawn as often as they have pictures."""
        run = self.run
        resumed = run.finishing and not len(self.given)  # which no checkpoint holds
        if run.step % ROUND == 0 or not self.used or resumed:
            self._assign()
        if run.finishing:
            place = torch.randint(len(self.given), (batch,), device=run.device)
            pick, wanted = self.seeds[place], self.given[place]
        else:
            pick = torch.multinomial(self.counts, batch, replacement=True)
            wanted = (self.sums[pick] / self.counts[pick, None]).view(-1, *run.images.shape[1:])
        few = batch // 8  # are enough for the inverse generator, which search makes good
        with autocast(run.device):
            decoded = run.nets.generator(self.latents[pick])
            undone = run.nets.inverse(wanted[:few].contiguous(memory_format=torch.channels_last))
        error = run.loss(decoded, wanted)
        return error + run.recipe.latent_weight * F.mse_loss(undone, self.latents[pick[:few]])

    @torch.no_grad()
    def _assign(self) -> None:
        """Give fresh pictures to their nearest seeds."""
        pictures = self.run.pictures(PART)
        seeds, errors = self.nearest(self.run.nets, pictures)
        self.run._require_finite(errors.sum())
        self.given, self.seeds = pictures, seeds
        flat = pictures.flatten(1)
        self.sums.mul_(KEPT).index_add_(0, seeds, flat)
        self.counts.mul_(KEPT).index_add_(0, seeds, torch.ones_like(errors))
        empty = torch.nonzero(self.counts < FEW)[:, 0]
        if not len(empty):
            return
        # Badly covered pictures are likelier to become an empty seed's.
        pick = torch.multinomial(errors + 1e-9, len(empty), replacement=True)  # all may be 0
        self.sums[empty], self.counts[empty] = flat[pick], 1.0

    @torch.no_grad()
    def nearest(self, nets: GanTransform, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """The seeds (n,) whose pictures are nearest to `pictures`, and the mean squares (n,).

        Nearest as an encoder has it; before the last part of a run by the squared error alone.
        """
        with autocast(self.run.device):
            book = torch.cat([nets.generator(part) for part in torch.split(self.latents, 512)])
        close = FEW_CLOSE if self.run.finishing and self.run.recipe.structure else 1
        found = [best_of_book(book, part, close) for part in torch.split(pictures, 500)]
        seeds, errors = (torch.cat(column) for column in zip(*found, strict=True))
        return seeds, errors
