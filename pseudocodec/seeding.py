"""Pictures to seeds: what `effort` buys from a model whose files hold one seed a picture.

The inverse generator says where the sequence should lie, and the neighbourhood search of the seed
code finds one near there: effort 0, the thesis' way. Higher efforts judge by the picture: the
nearest sequences of all (`latent.nearest`), as many as CANDIDATES says, go through the generator,
and the one whose picture is nearest stays. Where the pictures of all seeds are few enough
(BOOK_VALUES) they are made once, and from effort BOOK_FROM on all are compared, exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.latent.nearest import nearest_seeds, searchable
from pseudocodec.latent.seed import SeedCode

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pseudocodec.model.vectors import VectorModel

CANDIDATES = (0, 1, 10, 30, 100, 200, 500, 1_000, 2_000, 4_000)  # by effort
BOOK_VALUES = 1 << 23  # samples of the pictures of all seeds: 32 MiB
BOOK_FROM = 2
CLOSE = 8  # of the book's seeds are compared again, so that a batch's rounding decides nothing
AT_ONCE = 512  # candidates through the generator


def describe_seeds(
    model: VectorModel, code: SeedCode, images: Sequence[Pixels], *, effort: int, device: str
) -> NDArray[np.int64]:
    """Prepared pictures (H, W, C) -> seeds (n, 1)."""
    import torch

    out = [np.empty((0, 1), np.int64)]
    for part in model.tensors(images, device):
        if effort >= BOOK_FROM and code.lcg.m * part[0].numel() <= BOOK_VALUES:
            out.append(_from_book(_book(model, code, part.device), part))
            continue
        with torch.inference_mode():
            levels = torch.zeros(len(part), device=part.device)
            latents = model.transform(part.device).analyse(part, levels).cpu().numpy()
        if effort == 0 or not searchable(code.lcg):
            out.append(code.encode(latents, code.max_bits))
            continue
        seeds = nearest_seeds(code.lcg, latents, min(CANDIDATES[effort], code.lcg.m))
        out.append(seeds if seeds.shape[1] == 1 else _best(model, code, part, seeds))
    return np.concatenate(out)


def _best(
    model: VectorModel, code: SeedCode, images: Tensor, seeds: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Of seeds (n, k) for images (n, C, H, W) the one of the nearest picture, (n, 1)."""
    best = np.empty((len(seeds), 1), np.int64)
    for row, image, mine in zip(best, images, seeds, strict=True):
        pictures = _pictures(model, code, mine, image.device)
        row[:] = mine[int((pictures - image).square().sum((1, 2, 3)).argmin())]
    return best


def _from_book(book: Tensor, images: Tensor) -> NDArray[np.int64]:
    """The seeds (n, 1) of the nearest of all pictures (m, C, H, W)."""
    flat, rows = images.flatten(1), book.flatten(1)
    scores = rows.square().sum(1) - 2 * flat @ rows.T
    close = scores.topk(min(CLOSE, len(rows)), largest=False).indices.sort(1).values
    errors = (rows[close] - flat[:, None]).square().sum(2)
    seeds: NDArray[np.int64] = close.gather(1, errors.argmin(1, keepdim=True)).cpu().numpy()
    return seeds


@lru_cache(maxsize=2)
def _book(model: VectorModel, code: SeedCode, device: torch.device) -> Tensor:
    """The pictures of all seeds, float32 (m, C, H, W)."""
    return _pictures(model, code, np.arange(code.lcg.m), device)


def _pictures(
    model: VectorModel, code: SeedCode, seeds: NDArray[np.int64], device: torch.device
) -> Tensor:
    """What seeds (k,) decode to, float32 (k, C, H, W) in [0, 1]."""
    import torch

    latents = torch.from_numpy(code.decode(seeds[:, None], code.max_bits)).to(device)
    transform = model.transform(device)
    with torch.inference_mode():
        parts = [
            transform.synthesise(part, torch.zeros(len(part), device=device)).clamp(0, 1)
            for part in torch.split(latents, AT_ONCE)
        ]
    return torch.cat(parts)
