"""Pictures of one size for training, held in memory as uint8."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pseudocodec.errors import PslError, TooLarge
from pseudocodec.image import as_array, to_8_bit
from pseudocodec.inputs import find

MAX_TRAINING_BYTES = 8 << 30
FEWEST = 64  # pictures, below which nothing can be learned


def load_pictures(data: Path | Iterable[Path]) -> Tensor:
    """All pictures of a folder, tar, idx or npz as uint8 (N, C, H, W).

    Raises PslError when there are too few, or when one differs in size or colour from the first
    (it is named), TooLarge beyond MAX_TRAINING_BYTES.
    """
    pictures: list[np.ndarray] = []
    total = 0
    for item in find([data] if isinstance(data, Path) else data):
        pixels = to_8_bit(as_array(item.load()))
        if pictures and pixels.shape != pictures[0].shape:
            (h, w, c), (h0, w0, c0) = pixels.shape, pictures[0].shape
            raise PslError(
                f"{item.name} has {w} x {h} pixels in {c} channels, the pictures before it "
                f"{w0} x {h0} in {c0}: a model takes one size and colour; convert them first"
            )
        total += pixels.nbytes
        if total > MAX_TRAINING_BYTES:
            raise TooLarge(f"the pictures need more than {MAX_TRAINING_BYTES} bytes; pass fewer")
        pictures.append(pixels)
    if len(pictures) < FEWEST:
        raise PslError(f"{len(pictures)} pictures: training needs at least {FEWEST}")
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def split(
    pictures: Tensor, seed: int, share: float = 0.05, most: int = 2_000
) -> tuple[Tensor, Tensor]:
    """Training and held-out pictures: a random `share` of them, at most `most`, is held out."""
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(seed))
    held = max(1, min(most, round(share * len(pictures))))
    return pictures[order[held:]], pictures[order[:held]]
