"""SSIM of batches of tensors: what `metrics.ssim` measures, in torch, with a gradient.

For training, and for encoders that compare many pictures. Not imported with `metrics`, which does
without torch.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

WINDOW = 7  # pixels a side, each alike, as in Wang et al. 2004 without the Gaussian
K1, K2 = 0.01, 0.03


def structural_similarity(a: Tensor, b: Tensor, data_range: float) -> Tensor:
    """Mean SSIM of pictures (B, C, H, W) -> (B,); variances are those of a sample."""
    count = WINDOW**2

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, WINDOW, 1)

    ua, ub, unbiased = mean(a), mean(b), count / (count - 1)
    va, vb = (mean(a * a) - ua * ua) * unbiased, (mean(b * b) - ub * ub) * unbiased
    both = (mean(a * b) - ua * ub) * unbiased
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    numerator = (2 * ua * ub + c1) * (2 * both + c2)
    out: Tensor = (numerator / ((ua * ua + ub * ub + c1) * (va + vb + c2))).mean((1, 2, 3))
    return out
