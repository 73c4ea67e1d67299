"""Trials: a picture is coded more than once, and what decodes closest to it is kept.

Each trial codes latents near the best found so far. Where a picture may have one of several
lengths, the trials go through these in turn, and the best of each is kept, for `allocation` to
choose from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.base import LatentCode
from pseudocodec.lengths import by_length, squared_errors, told

if TYPE_CHECKING:
    from torch import Tensor

    from pseudocodec.model.vectors import VectorModel

STEP = 2.5  # of a trial: how far it goes, all latents together, in deviations of the code's error
SPREAD = 0.4  # of each of its latents at most
SEED = 1  # of the trials: an encoder gives the same file every time


class Trials:
    """Pictures (n, C, H, W) in [0, 1], and the best symbols for each of their `lengths` (n, k).

    `centre` (n,) names the column of the length that a picture will most likely get. `best` and
    `errors` (n, k) are what was found: squared errors of the pictures, 0 where there was no choice.
    """

    def __init__(
        self,
        model: VectorModel,
        code: LatentCode,
        images: Tensor,
        *,
        lengths: NDArray[np.int64],
        centre: NDArray[np.int64],
        effort: int,
    ) -> None:
        self._model, self._code, self._images, self._effort = model, code, images, effort
        self._lengths, self._rows = lengths, np.arange(len(images))
        self._central = lengths[self._rows, centre]
        # Of each picture the columns in the order of the trials, the likely ones first.
        self._order = np.abs(np.arange(lengths.shape[1]) - centre[:, None]).argsort(1, "stable")
        self.errors = np.full(lengths.shape, np.inf, np.float32)
        self.best: list[list[NDArray[np.int64]]] = [[] for _ in images]

    def run(self, steps: int, trials: int) -> None:
        """Refine the latents by `steps` and make so many `trials`, one of each length or more."""
        columns = self._lengths.shape[1]
        refined, spread = self._refined(steps)
        noise = np.random.default_rng(SEED)
        targets = np.repeat(refined[:, None], columns, 1)
        self.best = [[np.empty(0, np.int64)] * columns for _ in self._rows]
        if trials == 1:
            self.errors[:] = 0
            self.best = [[row] for row in self._encode(refined, self._central)]
            return
        for trial in range(trials):
            at = self._order[:, trial % columns]
            near = targets[self._rows, at]
            if trial >= columns:
                near = near + spread * noise.standard_normal(refined.shape[1], np.float32)
            lengths = self._lengths[self._rows, at]
            symbols = self._encode(near, lengths)
            errors = self._errors(symbols, lengths)
            for row in np.flatnonzero(errors < self.errors[self._rows, at]).tolist():
                self.best[row][at[row]] = symbols[row]
                self.errors[row, at[row]] = errors[row]
                targets[row, at[row]] = near[row]

    def _refined(self, steps: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Latents (n, d) for the central lengths, and the deviations (n, d) of trials."""
        import torch

        from pseudocodec.inversion.refine import refine

        level, rho = told(self._code, self._central, self._images.device)
        transform = self._model.transform(self._images.device)
        with torch.no_grad():
            latents = transform.analyse(self._images, level)
        if steps and rho.min() < 1:
            latents = refine(
                transform,
                self._images,
                latents,
                level=level,
                rho=rho,
                variances=torch.from_numpy(self._code.variances).to(rho.device),
                steps=steps,
            )
        active = (rho < 1).sum(1, keepdim=True).clamp(min=1)
        spread = (STEP / active.sqrt()).clamp(max=SPREAD) * rho.sqrt()
        return latents.cpu().numpy(), spread.cpu().numpy()

    def _encode(
        self, latents: NDArray[np.float32], lengths: NDArray[np.int64]
    ) -> list[NDArray[np.int64]]:
        out: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * len(latents)
        for bits, members in by_length(lengths):
            symbols = self._code.encode(latents[members], bits, self._effort)
            for row, one in zip(members.tolist(), symbols, strict=True):
                out[row] = one
        return out

    def _errors(
        self, symbols: list[NDArray[np.int64]], lengths: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Squared error (n,) of the pictures that symbols decode to."""
        import torch

        from pseudocodec.nets.precision import autocast

        code, device = self._code, self._images.device
        latents = np.empty((len(symbols), code.dims), np.float32)
        for bits, members in by_length(lengths):
            rows = np.stack([symbols[row] for row in members])
            latents[members] = code.decode(rows, code.usable_bits(bits))
        level, _ = told(code, lengths, device)
        transform = self._model.transform(device)
        with torch.inference_mode(), autocast(device):
            decoded = transform.synthesise(torch.from_numpy(latents).to(device), level).clamp(0, 1)
        return squared_errors(decoded, self._images)
