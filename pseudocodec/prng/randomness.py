"""Four measures of how random sequences look, after the thesis of L. Monchieri (2024).

Two compare sequences with each other (mean pairwise cosine similarity and Pearson correlation),
two look at each alone (Kolmogorov-Smirnov, Wald-Wolfowitz runs). All take sequences as a real
array of shape (n, length), one a row.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pseudocodec.errors import PslError
from pseudocodec.prng._inputs import reals

SERIES_TERMS: Final = 100
"""Terms of Kolmogorov's series; the last is below 1e-300 wherever the series is used."""


def mean_cosine(sequences: ArrayLike) -> float:
    """Return the mean cosine similarity over all pairs of different sequences, in [-1, 1].

    With unit vectors u_i it is (|sum u_i|**2 - n) / (n (n - 1)): O(n * length) work.

    Raises:
        PslError: not at least two finite sequences, or one of them is zero throughout.
    """
    return _mean_pairwise(_sequences(sequences, at_least=2), "is zero throughout")


def mean_correlation(sequences: ArrayLike) -> float:
    """Return the mean Pearson correlation over all pairs of different sequences, in [-1, 1].

    Raises:
        PslError: not at least two finite sequences, or one of them is constant.
    """
    x = _sequences(sequences, at_least=2)
    constant = x.max(axis=1) == x.min(axis=1)  # its mean may differ from it by rounding
    centred = np.where(constant[:, None], 0, x - x.mean(axis=1, keepdims=True))
    return _mean_pairwise(centred, "is constant")


def mean_ks_p_value(sequences: ArrayLike) -> float:
    """Return the mean p-value of the Kolmogorov-Smirnov test against the uniform on [-1, 1].

    Sequences of independent uniform values give 1/2; values near 0 mean another distribution.
    The p-value of each sequence is Kolmogorov's asymptotic series at
    sqrt(d) D + 1 / (6 sqrt(d)) + (sqrt(d) D - 1) / (4 d), the correction of J. Vrbik, "Deriving CDF
    of Kolmogorov-Smirnov test statistic", Appl. Math. 11 (2020). For d >= 20 it is within 0.001 of
    the exact one, where the older correction of Stephens (1970) is off by up to 0.02.

    Raises:
        PslError: not at least one finite sequence.
    """
    x = _sequences(sequences, at_least=1)
    d = x.shape[1]
    cdf = np.clip((np.sort(x, axis=1) + 1) / 2, 0, 1)
    ranks = np.arange(d)
    distance = np.maximum((cdf - ranks / d).max(axis=1), ((ranks + 1) / d - cdf).max(axis=1))
    scaled = np.sqrt(d) * distance
    return float(_kolmogorov(scaled + 1 / (6 * np.sqrt(d)) + (scaled - 1) / (4 * d)).mean())


def mean_runs_z(sequences: ArrayLike) -> float:
    """Return the mean z score of the Wald-Wolfowitz runs test about each sequence's mean.

    Independent values give 0; positive scores mean more runs above and below the mean, so
    quicker alternation, than independent values have. No continuity correction.

    Method: A. Wald and J. Wolfowitz, Ann. Math. Stat. 11 (1940), with the normal approximation.

    Raises:
        PslError: not at least one finite sequence of three values or more, or one is constant.
    """
    x = _sequences(sequences, at_least=1)
    d = x.shape[1]
    if d < 3:
        raise PslError(f"The runs test of sequences of {d} values is undefined; give at least 3.")
    above = x > x.mean(axis=1, keepdims=True)
    ups = above.sum(axis=1)
    _refuse((ups == 0) | (ups == d), "is constant")  # its mean may round to either side of it
    runs = 1 + np.count_nonzero(above[:, 1:] != above[:, :-1], axis=1)
    expected = 1 + 2 * ups * (d - ups) / d
    variance = (expected - 1) * (expected - 2) / (d - 1)
    return float(((runs - expected) / np.sqrt(variance)).mean())


def _mean_pairwise(vectors: NDArray[np.float64], flaw: str) -> float:
    """Mean dot product over pairs of normalised rows; refuse rows that are zero."""
    peaks = np.abs(vectors).max(axis=1, keepdims=True)
    _refuse(peaks[:, 0] == 0, flaw)
    scaled = vectors / peaks  # squares of these neither overflow nor all vanish
    n = len(vectors)
    total = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).sum(axis=0)
    return float((total @ total - n) / (n * (n - 1)))


def _kolmogorov(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Q(x) = 2 sum_j (-1)**(j-1) exp(-2 j**2 x**2), which is 1 to 12 digits for x < 0.2."""
    j = np.arange(1, SERIES_TERMS + 1)
    terms = np.exp(-2 * np.square(np.maximum(x, 0.2)[:, None] * j))
    series = 2 * (terms @ np.where(j % 2, 1.0, -1.0))
    return np.where(x < 0.2, 1.0, np.clip(series, 0, 1))


def _refuse(flawed: NDArray[np.bool_], flaw: str) -> None:
    if flawed.any():
        row = int(np.argmax(flawed))
        raise PslError(f"Sequence {row} {flaw}, which this measure does not define; leave it out.")


def _sequences(values: ArrayLike, at_least: int) -> NDArray[np.float64]:
    x = reals(values, "Sequences")
    if x.ndim != 2 or x.shape[0] < at_least or x.shape[1] == 0:
        raise PslError(
            f"Sequences have shape {x.shape}; give an array of shape (n, length) "
            f"with n >= {at_least} and length >= 1."
        )
    if not np.isfinite(x).all():
        raise PslError("A sequence holds NaN or infinity; give finite numbers.")
    return x
