"""The Gaussian test channel at random rates: what training sees in place of the latent code.

A component of variance l_i under water level t has distortion D_i = min(l_i, t) and costs
max(0, log2(l_i / t) / 2) bits (reverse water-filling; Cover & Thomas, Elements of Information
Theory, 10.3.3). For a unit-variance latent u and rho = D_i / l_i the forward channel is
u_hat = (1 - rho) u + sqrt(rho (1 - rho)) n with n standard normal: u_hat is then the posterior mean
a good code of that rate would deliver. The rate is drawn afresh for each sample, so one pair of
nets serves every rate and any prefix of the code decodes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LOG2 = math.log(2.0)


class WaterFilling(nn.Module):
    """Learned log-variances of the latent components and the channel they define."""

    def __init__(self, variances: Tensor) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.log(variances / variances.max()))

    def log_levels(self, bits: Tensor) -> Tensor:
        """Natural log of the water level that spends `bits` (B,) on one latent vector -> (B,).

        Differentiable in the log-variances: with the n largest components active,
        log t = (sum of their log-variances - 2 ln2 bits) / n.
        """
        ordered = self.log_variances.sort(descending=True).values
        n = torch.arange(1, len(ordered) + 1, device=ordered.device)
        levels = (ordered.cumsum(0)[None] - 2 * LOG2 * bits[:, None]) / n
        active = ((ordered[None] > levels) * n).argmax(dim=1, keepdim=True)
        return levels.gather(1, active)[:, 0]

    def levels(self, bits: Tensor) -> Tensor:
        """What the nets are told of `bits` (B,): log2 of the relative water level (B,)."""
        return (self.log_levels(bits) - self.log_variances.max()) / LOG2

    def forward(self, latents: Tensor, bits: Tensor) -> Tensor:
        """Noisy latents (B, d) at `bits` (B,) each."""
        log_level = self.log_levels(bits)
        rho = torch.exp((log_level[:, None] - self.log_variances[None]).clamp(max=0))
        # The offset bounds the slope of the root where a component drowns (rho = 1).
        spread = torch.sqrt(rho * (1 - rho) + 1e-4) - 1e-2
        return (1 - rho) * latents + spread * torch.randn_like(latents)
