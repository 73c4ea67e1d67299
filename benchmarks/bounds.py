"""The rate-distortion bound of a Gaussian source with the covariance of a set of images.

A vector of independent Gaussian components of variances l_i needs, for the water level t,

    D(t) = sum_i min(l_i, t)        R(t) = sum_i max(0, log2(l_i / t) / 2) bits

(reverse water-filling: Cover & Thomas, Elements of Information Theory, theorem 10.3.3); the
components of a set of images are its principal ones. No linear transform with any quantiser does
better on that source. Of all sources of one covariance the Gaussian is the hardest to code, so a
non-linear codec may beat the curve: its distance above is what it knows beyond the covariance.

The mean image is known to the decoder and costs nothing. Decoded pixels are neither clipped to
[0, 1] nor rounded to 8 bits here; either changes the error of a real codec very little.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness import Row
from pseudocodec.files import atomic_write
from pseudocodec.metrics import Images

CACHE = Path(__file__).parent / ".cache"


def spectrum(images: Images) -> NDArray[np.float64]:
    """Eigenvalues, largest first, of the covariance of uint8 images scaled to [0, 1].

    One a pixel and channel; rounding errors below zero are set to zero. Fewer images than a few
    times the pixels make a sample covariance of too small a rank, and so a bound that is too high:
    take the training set of larger pictures. Memory: three float64 matrices of pixels x pixels.
    """
    pixels = images.reshape(len(images), -1)
    mean = pixels.mean(axis=0)
    scatter = np.zeros((pixels.shape[1], pixels.shape[1]))
    for block in np.array_split(pixels, math.ceil(len(pixels) / 2000)):  # bounds the float64 copy
        centred = (block - mean) / 255
        scatter += centred.T @ centred
    values = np.linalg.eigvalsh(scatter / (len(pixels) - 1))
    return np.asarray(values[::-1].clip(min=0), dtype=np.float64)


def cached_spectrum(images: Images) -> NDArray[np.float64]:
    """`spectrum`, kept in a file of `CACHE` that is named by the hash of the pictures."""
    digest = hashlib.sha256(repr(images.shape).encode() + images.tobytes()).hexdigest()
    path = CACHE / f"spectrum-{digest[:16]}.npy"
    if path.is_file():
        kept: NDArray[np.float64] = np.load(path)
        return kept
    values = spectrum(images)
    CACHE.mkdir(exist_ok=True)
    with atomic_write(path, overwrite=True) as file:
        np.save(file, values)
    return values


def curve(eigenvalues: ArrayLike, bits: Iterable[float]) -> list[Row]:
    """The bound at each rate, in bits per image, of a source with these variances, all >= 0.

    Returns rows of bits, bytes, mse (mean over all components, including those of variance 0) and
    psnr (dB, peak 1). Exact: with k components active, R(t) is solved for log2 t.
    """
    variances = np.sort(np.asarray(eigenvalues, dtype=np.float64))[::-1]
    logs = np.log2(variances[variances > 0])
    if not len(logs):
        raise ValueError("all variances are 0, so there is nothing to code: pass images that vary")
    count = np.arange(1, len(logs) + 1)
    total = np.cumsum(logs)
    # Component k becomes active at the rate where the water level falls to its variance.
    activation = (total - count * logs) / 2
    rows = []
    for rate in bits:
        if rate < 0:
            raise ValueError(f"a rate of {rate} bits is negative: pass rates of 0 or more")
        k = int(np.searchsorted(activation, rate, side="right"))
        level = 2 ** ((total[k - 1] - 2 * rate) / k)
        mse = float((k * level + variances[k:].sum()) / len(variances))
        row = {"bits": rate, "bytes": rate / 8, "mse": mse, "psnr": -10 * math.log10(mse)}
        rows.append(row)
    return rows
