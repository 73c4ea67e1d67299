"""Pulls of realism: a discriminator, its training, and what it adds to the gradient of the error.

A decoder is pulled to pictures that a discriminator cannot tell from originals (hinge loss, Lim &
Ye 2017) and whose features in it are those of the original (feature matching, Wang et al. 2018). No
pretrained net is needed: feature matching stands where others have LPIPS, whose weights come from
classifying photographs.

How strong the pulls are: VQGAN (Esser et al. 2021) measures gradients at the generator's last layer
and makes the adversarial one as long as that of the error. That one vanishes where the error is
least, and the other with it. Here they are measured at the decoded picture, for each picture: a
pull is the share s of the error's own gradient in length. That is 2 (x_hat - x) up to a factor, so
where the two balance, x_hat is at most s |x_hat - x| from the mean of the possible originals, and
the squared error at most 1 / (1 - s^2) times the least. With s = 0.7 in all at most 2.9 dB are
lost, at every rate; perfect realism costs 3 dB (Blau & Michaeli 2018). Nothing needs a clamp.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pseudocodec.nets.discriminator import Discriminator
from pseudocodec.nets.precision import autocast
from pseudocodec.training.team import Team

RAMP = 300  # steps in which the pulls grow: at first the discriminator knows nothing
ADVERSARIAL, FEATURES = 0.5, 0.2  # lengths of the pulls, of the length of the error's gradient
RATE = 4e-4  # learning rate of the discriminator
BETAS = (0.5, 0.9)  # of its Adam: with a long memory the two players circle each other


class Adversary:
    """A discriminator with its optimiser; it learns from the passes that the decoder learns from.

    `hinge` is the discriminator's loss at the last step: 2 where it knows nothing, 0 where it is
    certain and right.
    """

    def __init__(self, discriminator: Discriminator, team: Team) -> None:
        self.discriminator = discriminator.to(team.device)
        self.parallel = team.parallel(self.discriminator)
        self.optimiser = torch.optim.Adam(self.discriminator.parameters(), lr=RATE, betas=BETAS)
        self.step = 0
        self.hinge = 2.0

    def loss(
        self,
        error: Tensor,
        images: Tensor,
        decoded: Tensor,
        level: Tensor,
        shown: Tensor | None = None,
    ) -> Tensor:
        """`error` and the two losses with the pulls described above; a step of the discriminator.

        `images` and `decoded` are (B, C, H, W), `error` a scalar function of `decoded`; `level` and
        `shown` are what the discriminator is told.
        """
        picture = decoded.detach().requires_grad_()
        pictures, told = torch.cat([images, picture]), level.detach().repeat(2)
        beside = None if shown is None else shown.repeat(2, 1, 1, 1)
        with autocast(pictures.device):
            logits, features = self.parallel(pictures, told, beside)
        for_original, for_decoded = logits.float().chunk(2)
        fooling, matching = -for_decoded.mean(), _mismatch(features)
        length = _lengths(torch.autograd.grad(error, decoded, retain_graph=True)[0])
        pull = ADVERSARIAL * _direction(fooling, picture) + FEATURES * _direction(matching, picture)
        self._learn(F.relu(1 - for_original).mean() + F.relu(1 + for_decoded).mean())
        strength = min(1.0, self.step / RAMP)
        return error + _with_gradient(fooling + matching, decoded, strength * length * pull)

    def _learn(self, hinge: Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        hinge.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step += 1
        self.hinge = float(hinge.detach())

    def state_dict(self) -> dict[str, Any]:
        """The discriminator, its optimiser and its steps."""
        return {
            "discriminator": self.discriminator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`'s values."""
        self.discriminator.load_state_dict(state["discriminator"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]


def _mismatch(features: list[Tensor]) -> Tensor:
    """Mean distance (L1) of the features of decoded pictures from those of the originals.

    Each layer's (2B, ...) are originals first. Layers count alike, whatever their scale.
    """
    halves = [layer.float().chunk(2) for layer in features]
    return torch.stack(
        [(a.detach() - b).abs().mean() / a.detach().abs().mean() for a, b in halves]
    ).mean()


def _lengths(gradient: Tensor) -> Tensor:
    """Euclidean length for each picture, (B, 1, 1, 1)."""
    out: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2, 3), keepdim=True)
    return out


def _direction(loss: Tensor, picture: Tensor) -> Tensor:
    """The gradient of `loss`, of unit length for each picture."""
    gradient = torch.autograd.grad(loss, picture, retain_graph=True)[0]
    return gradient / _lengths(gradient).clamp(min=torch.finfo(gradient.dtype).tiny)


def _with_gradient(value: Tensor, decoded: Tensor, gradient: Tensor) -> Tensor:
    """`value` as a function of `decoded` whose gradient is `gradient`."""
    return value.detach() + (gradient * (decoded - decoded.detach())).sum()
