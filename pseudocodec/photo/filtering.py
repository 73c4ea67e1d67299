"""The filter that is best for a tile, and worth its bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pseudocodec.photo.tensors import level_tensor

if TYPE_CHECKING:
    from torch import Tensor

    from pseudocodec.model.photo import PhotoModel
    from pseudocodec.photo.pictures import Values


def fitted(model: PhotoModel, shown: Tensor, rest: Tensor, level: int, price: float) -> Values:
    """The values (count,) of a tile's filter, all zero where none pays.

    Args:
        model: one that has filters.
        shown: what the tile's latents decode to, with MARGIN pixels around (1, 3, H, W).
        rest: what that leaves of the tile, without the margin.
        level: of the file.
        price: what a squared step of error, pixels being in [0, 1], is worth in bits.

    With the taps' products least squares are a quadratic form in the values, and bits are added.
    """
    from pseudocodec.nets.filters import COLOURS, TAPS, products

    filters, code = model.filters(shown.device), model.code.filters
    assert code
    squares, mixed = products(shown, rest)
    at = level_tensor(level, shown.device)
    basis = (filters.basis * filters.step(at)).cpu().double()
    bent = (basis.view(-1, COLOURS, TAPS) @ squares).flatten(1)
    curvature = (price * bent @ basis.T).numpy()
    slope = (price * basis @ mixed.T.flatten()).numpy()
    values = code.choose(curvature, slope, level)
    saved = float(2 * slope @ values - values @ curvature @ values)
    bits = 8 * len(code.encode(values, level))
    return values if saved > bits else np.zeros_like(values)
