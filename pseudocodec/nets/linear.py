"""The fixed linear path: an orthonormal Karhunen-Loeve transform in two stages.

First of the patches, one basis for all places; then of the strongest patch components of all places
together, which knows what the whole picture looks like. Weaker patch components stay local. Two
small bases stand for one that would be too large to store and to learn: 1,536 components of 64 x 64
colour pictures need 2.4 million numbers in place of 19 million.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_VARIANCE = 1e-7  # of a component, in squared units of full scale


class LinearPath(nn.Module):
    """Pictures (B, C, H, W) in [0, 1] to coefficients (B, dims) and back.

    `shared` patch components of all `rows` x `columns` places give `latents` global coefficients;
    `local` further ones are coefficients themselves: dims = latents + local * rows * columns.
    """

    mean: Tensor
    patches: Tensor
    whole: Tensor
    deviations: Tensor

    def __init__(
        self,
        grid: tuple[int, int],
        *,
        patch: int,
        channels: int,
        shared: int,
        local: int,
        latents: int,
    ) -> None:
        super().__init__()
        self.rows, self.columns = grid
        self.patch, self.shared, self.local, self.latents = patch, shared, local, latents
        places = self.rows * self.columns
        self.register_buffer("mean", torch.zeros(channels, self.rows * patch, self.columns * patch))
        self.register_buffer("patches", torch.zeros(channels * patch**2, shared + local))
        self.register_buffer("whole", torch.zeros(shared * places, latents))
        self.register_buffer("deviations", torch.ones(latents + local * places))

    def pad(self, images: Tensor) -> Tensor:
        """Pictures grown to whole patches by repeating their last row and column."""
        height, width = self.mean.shape[1:]
        extra = (0, width - images.shape[3], 0, height - images.shape[2])
        return F.pad(images, extra, mode="replicate") if any(extra) else images

    def to_maps(self, padded: Tensor) -> Tensor:
        """Padded pictures -> patch components (B, shared + local, rows, columns)."""
        patches = F.pixel_unshuffle(padded - self.mean, self.patch)
        return F.conv2d(patches, self.patches.T[:, :, None, None])

    def to_coefficients(self, maps: Tensor) -> Tensor:
        """Patch components -> coefficients (B, dims)."""
        shared, local = maps[:, : self.shared], maps[:, self.shared :]
        return torch.cat([shared.flatten(1) @ self.whole, local.flatten(1)], dim=1)

    def from_coefficients(self, coefficients: Tensor) -> Tensor:
        """Coefficients -> patch components: the inverse of `to_coefficients` for what is kept."""
        shared = coefficients[:, : self.latents] @ self.whole.T
        maps = torch.cat([shared, coefficients[:, self.latents :]], dim=1)
        return maps.view(-1, self.shared + self.local, self.rows, self.columns)

    def from_maps(self, maps: Tensor) -> Tensor:
        """Patch components -> padded pictures: the inverse of `to_maps` for what is kept."""
        patches = F.conv2d(maps, self.patches[:, :, None, None])
        return F.pixel_shuffle(patches, self.patch) + self.mean

    @torch.no_grad()
    def fit(self, images: Tensor, shrink: float = 0.0) -> Tensor:
        """Set the transform from pictures (N, C, H, W) in [0, 1]; returns the variances (dims,).

        `shrink` in [0, 1] weakens the correlations between places, for sets too small to know them:
        0 takes the sample covariance as it is, 1 keeps its diagonal alone (linear shrinkage;
        Ledoit & Wolf 2004). Variances are at least LEAST_VARIANCE.
        """
        padded = self.pad(images)
        self.mean.copy_(padded.mean(0))
        patches = F.pixel_unshuffle(padded - self.mean, self.patch).movedim(1, -1).flatten(0, -2)
        _, basis = _principal(patches.T @ patches / len(patches))
        self.patches.copy_(basis[:, : self.shared + self.local])
        maps = self.to_maps(padded)
        shared = maps[:, : self.shared].flatten(1)
        covariance = shared.T @ shared / len(shared)
        diagonal = torch.diag(covariance.diagonal())
        variances, basis = _principal(torch.lerp(covariance, diagonal, shrink))
        self.whole.copy_(basis[:, : self.latents])
        local = maps[:, self.shared :].flatten(1).square().mean(0)
        variances = torch.cat([variances[: self.latents], local]).clamp(min=LEAST_VARIANCE)
        self.deviations.copy_(variances.sqrt())
        return variances


def _principal(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, decreasing, and their vectors as columns, float32."""
    values, vectors = torch.linalg.eigh(covariance.double())
    return values.flip(0).float(), vectors.flip(1).float()
