"""The window search of `search.py` in torch, for a GPU: the same positions and gains, bit for bit.

The matrix products of a device sum in an order of their own, so they only narrow the choice: a
position is a candidate if its gain is within the rounding errors of the best of its chunk. The
candidates, nearly always one, are scored again by `gains_at`, in the order of the kernel, and the
earlier of equals wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pseudocodec.latent.search import EXCLUDED, LANES, chunk_bounds, gains_at, overall

if TYPE_CHECKING:
    import torch

SLAB = 1 << 22  # scores, or values of windows, held at a time: 16 MiB
ROUNDING = 2.0**-24  # of one float32 operation, relative

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class TorchSearch:
    """The search over `values`, as `search.lay_out` returns them, on a torch device.

    Memory on the device: 8 bytes a position and some 50 MiB.
    """

    def __init__(self, values: Floats, device: str | torch.device) -> None:
        """Copy the values to the device."""
        import torch

        self._values = values
        self._line = torch.from_numpy(values).to(device)
        self._largest = float(np.abs(values).max())

    def best_windows(self, energy: Floats, targets: Floats) -> tuple[Ints, Floats]:
        """What `search.best_windows` returns; `energy` (positions,), `targets` (B, d)."""
        return overall(*self.chunk_winners(energy, targets))

    def chunk_winners(self, energy: Floats, targets: Floats) -> tuple[Ints, Floats]:
        """What `search.chunk_winners` returns; `energy` (positions,), `targets` (B, d)."""
        import torch

        bounds = chunk_bounds(len(energy))
        positions = np.tile(bounds[:-1], (len(targets), 1))
        gains = np.full(positions.shape, -EXCLUDED, np.float32)
        device = self._line.device
        scored = torch.from_numpy(energy).to(device), torch.from_numpy(targets).to(device)
        step = max(1, SLAB // max(1, *targets.shape))
        for chunk, (first, end) in enumerate(pairwise(bounds.tolist())):
            for start in range(first, end, step):
                row, place = self._near_best(*scored, start, min(end, start + step))
                gain = gains_at(self._values, energy, targets, row, place)
                # By row, then the best first, then the earlier of equals: the first of each row.
                order = np.lexsort((place, -gain, row))
                row, least = np.unique(row[order], return_index=True)
                place, gain = place[order][least], gain[order][least]
                better = gain > gains[row, chunk]
                positions[row[better], chunk] = place[better]
                gains[row[better], chunk] = gain[better]
        return positions, gains

    def _near_best(
        self, energy: torch.Tensor, targets: torch.Tensor, start: int, end: int
    ) -> tuple[Ints, Ints]:
        """Rows and positions, (k,) each, that may be the best of start..end for their target."""
        import torch

        length = targets.shape[1]
        windows = self._line[start:].as_strided((end - start, length), (1, LANES))
        with _full_precision():
            gains = (targets @ windows.T).abs_().mul_(2).sub_(energy[start:end])
        top = gains.amax(dim=1)
        # A sum of n products has an error of at most n roundings of the sum of their sizes. Twice
        # that for 2 |sum|, and for each of the orders of summation and the two gains compared.
        error = (length + 2) * ROUNDING * self._largest * targets.abs().sum(dim=1)
        least = top - 8 * error - 4 * ROUNDING * top.abs()
        near = (gains >= least[:, None]) & (energy[start:end] < float(EXCLUDED))
        row, place = (index.cpu().numpy() for index in torch.nonzero(near, as_tuple=True))
        return row, place + start


@contextmanager
def _full_precision() -> Iterator[None]:
    """Keep matrix products from rounding their factors, whatever the process prefers."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
