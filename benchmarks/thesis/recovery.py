"""From pictures to sequences and back: the pipelines of the thesis, on nets of `protocol`.

- one seed: picture -> inverse generator -> denormalise -> neighbourhood seed search -> sequence
  -> generator. The library's seed code searches; it tries the nearest lattice point, too.
- composition: picture -> inverse generator -> w_1 LCG(s_1) + .. + w_n LCG(s_n) -> generator, the
  best sequence of all m for what is left, n times, with real weights. The thesis' "w_i = min(z (x)
  LCG map)" is read as matching pursuit: the sequence of the largest correlation, and its weight.

Pictures are uint8 as decoders give them; errors are those of pixels scaled to [-1, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.evaluation.inception import fid
from pseudocodec.latent.dictionary import dictionary
from pseudocodec.latent.search import EXCLUDED, correlate
from pseudocodec.latent.seed import SeedCode
from pseudocodec.metrics import Images, mse, ssim
from pseudocodec.nets.gan import GanTransform
from pseudocodec.prng import Lcg

Latents = NDArray[np.float32]
PART = 250  # pictures through the nets at a time
ERRORS = {  # columns of tables: those of `measured`, and the thesis'
    "mse": ".4f",
    "mse_01": ".4f",
    "thesis_mse": ".4f",
    "ssim": ".3f",
    "thesis_ssim": ".3f",
}
FIDS = {"fid": ".1f", "thesis_fid": ".1f"}
SIGNED = 4  # times a squared error of pixels in [0, 1]: in [-1, 1]


def analyse(nets: GanTransform, pictures: Images) -> Latents:
    """What the inverse generator makes of pictures: (n, latents)."""
    with torch.inference_mode():
        return np.concatenate([nets.inverse(part).numpy() for part in parts(pictures)])


def parts(pictures: Images) -> Iterator[torch.Tensor]:
    """uint8 (n, H, W) or (n, H, W, 3) -> batches (b, C, H, W) in [-1, 1]."""
    for start in range(0, len(pictures), PART):
        part = torch.from_numpy(pictures[start : start + PART]).float() / 127.5 - 1
        yield part[:, None] if part.ndim == 3 else part.permute(0, 3, 1, 2)


def synthesise(nets: GanTransform, latents: Latents) -> Images:
    """Latents (n, latents) -> pictures, uint8."""
    out = []
    with torch.inference_mode():
        for part in torch.split(torch.from_numpy(latents), PART):
            x = ((nets.generator(part) + 1) * 127.5).round().clamp(0, 255)
            out.append(x.to(torch.uint8).permute(0, 2, 3, 1).numpy())
    stacked = np.concatenate(out)
    return stacked[..., 0] if stacked.shape[3] == 1 else stacked


def by_seed(lcg: Lcg, latents: Latents) -> tuple[NDArray[np.int64], Latents]:
    """The seeds (n,) that the seed code finds for latents (n, d), and their sequences."""
    code = SeedCode(lcg, latents.shape[1])
    seeds = code.encode(latents, code.max_bits)
    return seeds[:, 0], code.decode(seeds, code.max_bits)


def compositions(lcg: Lcg, latents: Latents, counts: tuple[int, ...]) -> dict[int, Latents]:
    """Matching pursuit of latents (n, d) with so many sequences, for each of ascending `counts`."""
    out = {count: np.empty_like(latents) for count in counts}
    for i, target in enumerate(latents):
        for count, chosen in enumerate(pursuit(lcg, target), 1):
            if count in out:
                out[count][i] = chosen.T @ weights(chosen, target, joint=False)
            if count == counts[-1]:
                break
    return out


def pursuit(lcg: Lcg, target: Latents) -> Iterator[Latents]:
    """Greedily chosen unit-variance sequences for a target (d,): (1, d), (2, d) ..."""
    book = dictionary(lcg, len(target))
    energy = book.energy(np.ones(len(target), np.float32), lcg.m)
    inverse = np.where(energy < EXCLUDED, 1 / energy, 0).astype(np.float32)
    residual, chosen = target.copy(), np.empty((0, len(target)), np.float32)
    while True:
        products = correlate(book.values, residual, book.positions)
        place = int((products * products * inverse).argmax())
        window = book.windows(np.array([place]), len(target))
        residual -= products[place] * inverse[place] * window[0]
        chosen = np.concatenate([chosen, window])
        yield chosen


def weights(chosen: Latents, target: Latents, *, joint: bool) -> Latents:
    """Weights (n,) of chosen sequences (n, d): each for what those before left, or all at once."""
    if joint:
        return np.linalg.lstsq(chosen.T, target, rcond=None)[0].astype(np.float32)
    residual, out = target.copy(), np.empty(len(chosen), np.float32)
    for i, window in enumerate(chosen):
        out[i] = residual @ window / (window @ window)
        residual -= out[i] * window
    return out


def refined(nets: GanTransform, pictures: Images, latents: Latents, steps: int) -> Latents:
    """Latents after gradient steps on the error of the generated picture."""
    done = []
    for images, start in zip(
        parts(pictures), torch.split(torch.from_numpy(latents), PART), strict=True
    ):
        z = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([z], lr=0.03)
        for _ in range(steps):
            optimiser.zero_grad()
            (nets.generator(z) - images).square().sum().backward()
            optimiser.step()
            with torch.no_grad():
                z.clamp_(-1, 1)
        done.append(z.detach().numpy())
    return np.concatenate(done)


def measured(originals: Images, restored: Images) -> dict[str, Any]:
    """MSE and SSIM in [-1, 1], MSE in [0, 1] too; FID where its network's weights are installed."""
    error = mse(originals, restored)
    return {
        "mse": error * SIGNED,
        "mse_01": error,
        "ssim": ssim(originals, restored, signed=True),
        "fid": _fid(originals, restored),
    }


def _fid(originals: Images, restored: Images) -> float | None:
    try:
        return fid(originals, restored)
    except PslError:  # no weights here; they cannot be shipped
        return None
