"""The Fréchet distance of two sets of features, each taken for a sample of a Gaussian.

D. C. Dowson, B. V. Landau: The Fréchet distance between multivariate normal distributions. Journal
of Multivariate Analysis 12, 1982; as a measure of generated pictures M. Heusel et al.: GANs trained
by a two time-scale update rule converge to a local Nash equilibrium. NeurIPS 2017. Only of the
features of one certain network is it the FID: see `evaluation.inception`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError

Features: TypeAlias = NDArray[np.floating[Any]]
"""A row of d numbers for each of n pictures, (n, d)."""

_Floats: TypeAlias = NDArray[np.float64]


def frechet_distance(a: Features, b: Features) -> float:
    """Squared Fréchet distance |m - n|^2 + tr(A + B - 2 (A B)^(1/2)) of two Gaussians, 0 or more.

    m, n are the means of the rows of `a` and `b`, A and B their covariances (divided by the number
    of rows less one, as the FID has it). The smaller the samples, the larger the distance comes
    out: compare only distances of equally many rows. In float64 whatever the input.

    With factors R'R = A and S'S = B from a QR decomposition of the rows themselves, the trace of
    the root is the sum of the singular values of R S'. No covariance is formed and no root taken of
    a matrix, so that nothing becomes complex where there are fewer rows than columns.

    Args:
        a: float (n, d), n >= 2.
        b: float (m, d), m >= 2.

    Raises:
        PslError: an argument is not of that shape and kind, not finite, or their columns differ.
    """
    a, b = _checked("a", a), _checked("b", b)
    if a.shape[1] != b.shape[1]:
        raise PslError(f"a has {a.shape[1]} features a row, b {b.shape[1]}: expected as many")
    mean_a, factor_a = _gaussian(a)
    mean_b, factor_b = _gaussian(b)
    shift = np.square(mean_a - mean_b).sum()
    spread = np.square(factor_a).sum() + np.square(factor_b).sum()  # the traces of A and B
    common = np.linalg.svd(factor_a @ factor_b.T, compute_uv=False).sum()
    return max(0.0, float(shift + spread - 2 * common))  # rounding may leave less than nothing


def _checked(name: str, features: Features) -> _Floats:
    if features.ndim != 2 or features.dtype.kind != "f" or len(features) < 2 or not features.size:
        raise PslError(
            f"{name}: expected float (n, d) with n >= 2 and d >= 1, "
            f"got {features.dtype} {features.shape}"
        )
    if not np.isfinite(features).all():
        raise PslError(f"{name} holds numbers that are not finite: leave out those rows")
    return np.asarray(features, dtype=np.float64)


def _gaussian(rows: _Floats) -> tuple[_Floats, _Floats]:
    """Mean (d,) and a factor R (min(n, d), d) of the covariance R'R."""
    mean = rows.mean(axis=0)
    factor = np.linalg.qr((rows - mean) / np.sqrt(len(rows) - 1), mode="r")
    return mean, np.asarray(factor)
