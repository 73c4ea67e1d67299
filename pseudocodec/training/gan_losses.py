"""What the two players of adversarial training minimise, by name.

With r = D(x) the logit of an original, f = D(G(z)) that of a generated picture, and s the logistic
function:

| name | discriminator | generator | source |
|---|---|---|---|
| standard | -log s(r) - log(1 - s(f)) | log(1 - s(f)) | Goodfellow et al. 2014, eq. 1 |
| non-saturating | the same | -log s(f) | there, section 3 |
| least-squares | (r - 1)^2 + f^2 | (f - 1)^2 | Mao et al. 2017 |
| wasserstein | f - r + 10 (slope of D - 1)^2 | -f | Gulrajani et al. 2017 |
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pseudocodec.errors import PslError

LOSSES = ("standard", "non-saturating", "least-squares", "wasserstein")
PENALTY = 10.0  # of the slope, in Wasserstein's loss


def discriminator_loss(name: str, real: Tensor, fake: Tensor) -> Tensor:
    """Of logits (B,) of originals and of generated pictures; without the slope's penalty."""
    if name == "least-squares":
        return (real - 1).square().mean() + fake.square().mean()
    if name == "wasserstein":
        return fake.mean() - real.mean()
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def generator_loss(name: str, fake: Tensor) -> Tensor:
    """Of logits (B,) of generated pictures."""
    if name == "standard":
        return -F.softplus(fake).mean()
    if name == "least-squares":
        return (fake - 1).square().mean()
    if name == "wasserstein":
        return -fake.mean()
    return F.softplus(-fake).mean()


def slope_penalty(
    discriminator: Callable[[Tensor], Tensor] | nn.Module, real: Tensor, fake: Tensor
) -> Tensor:
    """PENALTY times the squared deviation from 1 of the slope, between pairs of pictures."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(real, fake, share).requires_grad_()
    [slope] = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
    out: Tensor = PENALTY * (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return out


def check_critic_steps(steps: object) -> None:
    """Refuse, by PslError, what is no number of the discriminator's steps."""
    if type(steps) is not int or not 1 <= steps <= 100:
        raise PslError(f"critic_steps={steps!r}: expected a whole number from 1 to 100")


def score(name: str, logits: Tensor) -> float:
    """What is plotted of a batch of logits: the mean chance of being an original.

    Of losses whose logits are no log-odds, the mean logit.
    """
    logits = logits.detach()
    chances = name in {"standard", "non-saturating"}
    return float((torch.sigmoid(logits) if chances else logits).mean())
