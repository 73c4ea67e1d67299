"""Models whose nets are fitted to each picture: what fits start from, and the tables of the coder.

The model file has the tensors `code.powers` and `code.rates` (see `laplace`) and `code.starts`, one
row of parameters a start, with WEIGHT fractional bits; `net.prices` are those (mean squared error
of colours of 0 to 255 for a bit a pixel) that the starts were fitted at, for encoders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.model.base import AnySizeModel
from pseudocodec.model.file import ModelFacts, write_model
from pseudocodec.overfit import decoder, encoder
from pseudocodec.overfit.design import PARAMETERS
from pseudocodec.overfit.laplace import FRACTION, SCALES, TOTAL, power_table, rate_table
from pseudocodec.overfit.start import Starts
from pseudocodec.overfit.tile import MOST_PARAMETER
from pseudocodec.photo.decoder import open_payload, synthesise
from pseudocodec.photo.rate import encode_pixels

FAMILY: Final = "overfit"
MOST_STARTS: Final = 1 << 12
MOST_POWER, MOST_RATE = 128 * TOTAL, 1 << 25
_FAR: Final = 1 << 40


class OverfitModel(AnySizeModel):
    """Starts and tables; made by `load_model`. Raises PslError for a file that does not fit."""

    def __init__(self, identity: bytes, path: Path, facts: ModelFacts) -> None:
        super().__init__(identity, path, facts)
        if facts.code != {"kind": FAMILY}:
            raise PslError(f"{path}: latent code {facts.code.get('kind')!r}; upgrade pseudocodec")
        tensors = self._tables("code.")
        try:
            starts, powers, rates = (
                _integers(tensors[key]) for key in ("starts", "powers", "rates")
            )
            prices = np.array(facts.net["prices"], np.float64)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise PslError(f"{path}: its tables are incomplete; get the model again") from error
        rows = len(starts)
        if starts.shape != (rows, PARAMETERS) or not 1 <= rows <= MOST_STARTS:
            raise PslError(f"{path}: its starts have a wrong shape; get the model again")
        if np.abs(starts).max() >= MOST_PARAMETER or prices.shape != (rows,):
            raise PslError(f"{path}: its starts are out of range; get the model again")
        if not (np.isfinite(prices).all() and prices.min() > 0):
            raise PslError(f"{path}: its prices are out of range; get the model again")
        if powers.shape != (FRACTION,) or rates.shape != (SCALES,):
            raise PslError(f"{path}: its tables have a wrong shape; get the model again")
        falling = np.diff(powers).max() <= 0 and 0 < powers[0] <= 2 * powers[-1]
        if not falling or powers[0] > MOST_POWER or not 1 <= rates.min() <= rates.max() < MOST_RATE:
            raise PslError(f"{path}: its tables are out of range; get the model again")
        self.starts = Starts(starts, prices, powers, rates)


def write_starts(
    path: Path, name: str, starts: NDArray[np.int64], prices: list[float], *, overwrite: bool = True
) -> bytes:
    """Write the model file of `starts` (rows, PARAMETERS); returns its id."""
    tensors: dict[str, NDArray[Any]] = {
        "code.starts": starts,
        "code.powers": power_table(),
        "code.rates": rate_table(),
    }
    net = {"channels": 3, "prices": prices}
    facts = ModelFacts(name, FAMILY, net, {"kind": FAMILY}, (0, 0))
    return write_model(path, facts, tensors, overwrite=overwrite)


def _integers(value: NDArray[Any]) -> NDArray[np.int64]:
    if value.dtype.kind != "i":
        raise TypeError(f"{value.dtype} for integers")
    # Cut far beyond every limit: what is out of range remains so, and no check of it wraps around.
    return np.atleast_1d(value).astype(np.int64).clip(-_FAR, _FAR)


open_payload.register(OverfitModel, decoder.open_payload)
synthesise.register(OverfitModel, decoder.synthesise)
encode_pixels.register(OverfitModel, encoder.encode_pixels)
