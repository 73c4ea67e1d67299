"""Pictures to seeds: what `effort` buys from a model whose files hold one seed a picture.

The inverse generator says where the sequence should lie, and the neighbourhood search of the seed
code finds one near there: effort 0, the thesis' way. Higher efforts judge by the picture: the
nearest sequences of all (`latent.nearest`), as many as CANDIDATES says, go through the generator,
and the one whose picture is nearest stays. Where the pictures of all seeds are few enough
(BOOK_VALUES) they are made once, and from effort BOOK_FROM on all are compared.

Nearest is by the squared error, and among the CLOSE nearest by their structure, too: squared error
in [-1, 1] plus STRUCTURE times 1 - SSIM. At so few bits many pictures are about as wrong, and
some of them look wrong (benchmarks/thesis/beat_digits.py shows what that costs and gains).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec._pixels import Pixels
from pseudocodec.latent.seed import SeedCode

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from pseudocodec.model.vectors import VectorModel

CANDIDATES = (0, 1, 10, 30, 100, 200, 500, 1_000, 2_000, 4_000)  # by effort
BOOK_VALUES = 1 << 25  # samples of the pictures of all seeds: 128 MiB
BOOK_FROM = 2
CLOSE = 32  # seeds compared by structure
STRUCTURE = 0.4  # weight of it
AT_ONCE = 512  # candidates through the generator


def describe_seeds(
    model: VectorModel, code: SeedCode, images: Sequence[Pixels], *, effort: int, device: str
) -> NDArray[np.int64]:
    """Prepared pictures (H, W, C) -> seeds (n, 1)."""
    import torch

    from pseudocodec.latent.nearest import nearest_seeds, searchable  # numba: for encoders only

    out = [np.empty((0, 1), np.int64)]
    for part in model.tensors(images, device):
        if effort >= BOOK_FROM and code.lcg.m * part[0].numel() <= BOOK_VALUES:
            book = _book(model, code, part.device)
            places, _ = best_of_book(book, 2 * part - 1)
            out.append(places[:, None].cpu().numpy())
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
        place, _ = best_of_book(pictures, 2 * image[None] - 1)
        row[:] = mine[int(place)]
    return best


def best_of_book(book: Tensor, images: Tensor, close: int = CLOSE) -> tuple[Tensor, Tensor]:
    """Of pictures (m, C, H, W) in [-1, 1] the nearest to each image (n, C, H, W).

    Returns places (n,) and mean squared errors (n,). Of the `close` nearest by squared error the
    one with the least cost is taken, the first of equals.
    """

    from pseudocodec.metrics.structure import WINDOW, structural_similarity

    flat, rows = images.flatten(1), book.flatten(1)
    scores = rows.square().sum(1) - 2 * flat @ rows.T
    close = min(close, len(rows))
    places = scores.topk(close, largest=False).indices.sort(1).values
    # Again one by one: products of a batch are rounded otherwise than those of a single picture.
    errors = (rows[places] - flat[:, None]).square().mean(2)
    costs = errors
    if close > 1 and min(images.shape[2:]) >= WINDOW:
        copies = images.repeat_interleave(close, 0)
        alike = structural_similarity(book[places.flatten()], copies, 2.0)
        costs = errors + STRUCTURE * (1 - alike.view_as(errors))
    best = costs.argmin(1, keepdim=True)
    return places.gather(1, best)[:, 0], errors.gather(1, best)[:, 0]


@lru_cache(maxsize=2)
def _book(model: VectorModel, code: SeedCode, device: torch.device) -> Tensor:
    """The pictures of all seeds, float32 (m, C, H, W) in [-1, 1]."""
    return _pictures(model, code, np.arange(code.lcg.m), device)


def _pictures(
    model: VectorModel, code: SeedCode, seeds: NDArray[np.int64], device: torch.device
) -> Tensor:
    """What seeds (k,) decode to, float32 (k, C, H, W) in [-1, 1]."""
    import torch

    latents = torch.from_numpy(code.decode(seeds[:, None], code.max_bits)).to(device)
    transform = model.transform(device)
    with torch.inference_mode():
        parts = [
            2 * transform.synthesise(part, torch.zeros(len(part), device=device)).clamp(0, 1) - 1
            for part in torch.split(latents, AT_ONCE)
        ]
    return torch.cat(parts)
