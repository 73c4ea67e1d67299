"""Training of a model of one seed a picture: generator, inverse generator, covering."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pseudocodec.evaluation.report import evaluate
from pseudocodec.files import atomic_write
from pseudocodec.latent.seed import SeedCode
from pseudocodec.metrics import Images
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.nets.gan import GanTransform
from pseudocodec.training.covering import CoveringRecipe, CoveringRun
from pseudocodec.training.curves import draw_curves
from pseudocodec.training.data import hold_out, load_pictures
from pseudocodec.training.gan import GanRecipe, GanRun
from pseudocodec.training.gan_plan import GanChoices, GanPlan, gan_plan
from pseudocodec.training.inverse import InverseRecipe, InverseRun
from pseudocodec.training.job import Job
from pseudocodec.training.team import Team

SHARES = {"adversarial": (0.6, 0.4, 0.0), "mse": (0.15, 0.1, 0.75)}
"""Of the budget, for generator, inverse generator and covering, by objective."""

WARP, COLOUR_WARP = 0.8, 0.3  # of grey pictures, which are line drawings as a rule, and of others


def train_gan(
    job: Job,
    *,
    objective: str,
    size: str,
    holdout: float | str | os.PathLike[str] | None,
    report: bool,
    loss: str | None,
    latents_from: str | None,
    lcg: str | None,
    critic_steps: int | None,
) -> dict[str, Any]:
    """See `pseudocodec.train`. "adversarial" is the thesis' system, "mse" goes on to cover."""
    choices = GanChoices(loss, latents_from, lcg, critic_steps)
    team = Team.join(job.device)
    tell = job.teller(team)
    pictures = load_pictures(job.data, skip_bad=job.skip_bad)
    for sentence in pictures.notes:
        tell(sentence)
    images, held_out = hold_out(pictures, holdout, job.seed, skip_bad=job.skip_bad)
    channels, height, width = images.shape[1:]
    plan = gan_plan((channels, height, width), size, choices)
    tell(f"{len(images):,} pictures to learn from, {len(held_out):,} held out; {plan.describe()}")
    stages = _stages(job, team, plan, (images, held_out), objective)
    if not team.leads:
        return {}
    identity = export_gan(stages.nets, plan, job)
    result = job.files.result(identity, stages.last) | {"report": None}
    result |= {"epochs": stages.generator.epochs, "seconds": stages.seconds}
    _draw(job, stages.generator)
    if report:
        shown: Images = held_out.permute(0, 2, 3, 1).numpy()
        result["report"] = evaluate(
            job.files.target,
            shown[..., 0] if shown.shape[3] == 1 else shown,
            device=job.device,
            overwrite=True,
            name=f"pictures held out from training on {job.source}",
            recipe=[
                f"- Trained on {len(images):,} pictures of `{job.source}`, {len(held_out):,} "
                "others held out for this report",
                *stages.describe(job.seed, objective),
                f"- {plan.describe()}",
            ],
        )
    job.files.clear()
    return result


class Stages(NamedTuple):
    """The runs that made a model, and its nets."""

    nets: GanTransform
    generator: GanRun
    others: tuple[InverseRun | CoveringRun, ...]

    @property
    def last(self) -> InverseRun | CoveringRun:
        """The run that made the nets."""
        return self.others[-1]

    @property
    def seconds(self) -> float:
        """Of all runs."""
        return self.generator.seconds + sum(run.seconds for run in self.others)

    def describe(self, seed: int, objective: str) -> list[str]:
        """Lines of a card."""
        g = self.generator
        steps = ", ".join(
            f"{'covering' if isinstance(run, CoveringRun) else 'inverse generator'} {run.step:,}"
            for run in self.others
        )
        return [
            f"- Steps: generator {g.step:,} of {g.recipe.batch} pictures ({g.epochs:.1f} epochs), "
            f"{steps}; {self.seconds / 60:.0f} minutes in all on {g.device.type} with "
            f"{torch.get_num_threads()} threads, torch {torch.__version__}, seed {seed}, "
            f"objective {objective}",
        ]


def _stages(
    job: Job, team: Team, plan: GanPlan, sets: tuple[Tensor, Tensor], objective: str
) -> Stages:
    """Train generator, inverse generator and, where the objective has it, the covering."""
    images, held_out = sets
    shares = [job.budget * share for share in SHARES[objective]]
    common: dict[str, Any] = {"seed": job.seed, "lcg": plan.lcg}
    teaching = common | {"batch": plan.batch, "source": plan.source}
    adversarial = GanRecipe(shares[0], loss=plan.loss, critic_steps=plan.critic_steps, **teaching)
    generator = GanRun(images, plan.config, adversarial, team)
    job.train(generator, stage="generator")
    undoing = InverseRecipe(shares[1], **teaching)
    inverse = InverseRun(generator.averaged(), plan.config, undoing, team)
    job.train(inverse, stage="inverse")
    stages = Stages(inverse.averaged(), generator, (inverse,))
    if shares[2]:
        warp = WARP if images.shape[1] == 1 else COLOUR_WARP
        rate, batch = plan.covering_rate, plan.covering_batch
        recipe = CoveringRecipe(shares[2], rate=rate, batch=batch, warp=warp, **common)
        covering = CoveringRun(images, held_out, stages.nets, recipe, team)
        job.train(covering, stage="covering")
        stages = Stages(covering.averaged(), generator, (inverse, covering))
    team.leave()
    return stages


def export_gan(nets: GanTransform, plan: GanPlan, job: Job) -> bytes:
    """Write nets and seed code as a model; returns its id.

    The code is the dense one, too: files say so, as a part of a seed means nothing.
    """
    code = SeedCode(plan.lcg, plan.config.latents)
    nbytes = -(-code.max_bits // 8)
    described, size = code.describe(), (nbytes, nbytes)
    facts = ModelFacts(job.title, "gan", nets.config.as_dict(), described, size, dense=described)
    tensors = {key: value.cpu().numpy() for key, value in nets.state_dict().items()}
    return write_model(job.files.target, facts, tensors, overwrite=True)


def _draw(job: Job, gan: GanRun) -> None:
    """Losses and scores beside the model, where matplotlib is installed."""
    picture = draw_curves(gan.curves, gan.recipe.loss)
    if picture:
        with atomic_write(job.files.curves, overwrite=True) as file:
            file.write(picture)
