"""The thesis' comparison of autoencoders on faces: 7, 14 and 28 maps, beside 20 sequences.

The autoencoders' latents, 16 values a map (see protocol.py), are not coded: `values` says how many
floats there are. `sequences` is composition.py's row of 20 on the uniform generator, of 127.5
bytes. MSE and SSIM of pixels in [-1, 1], `mse_01` in [0, 1]: the thesis does not say which of them
its own is. FID only where Inception's weights are installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import protocol
import sheets
from bars import draw_bars
from composition import restored_by
from protocol import Trained
from recovery import ERRORS, FIDS, analyse, measured, synthesise

from harness import Row, run
from pseudocodec.metrics import Images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK = 16
THESIS_ROWS = {
    "AE(7)": (0.033821, 0.364243, 311.198334),
    "AE(14)": (0.028392, 0.435497, 285.047241),
    "AE(28)": (0.025243, 0.494204, 249.512772),
    "uniform 20": (0.035309, 0.354097, 113.415405),
}
"""MSE, SSIM, FID on the test set."""

COLUMNS = {
    "method": "",
    "values": "d",
    "epochs": ".1f",
    **ERRORS,
    **FIDS,
}


def measure(quick: bool) -> list[Row]:
    test = protocol.images("faces", "test", quick)[: QUICK if quick else None]
    rows, shown = [], {"original": test}
    for maps in protocol.MAPS:
        method, values = f"AE({maps})", maps * protocol.PLACES
        trained = protocol.autoencoder("faces", values, quick=quick)
        shown[method] = synthesise(trained.nets, analyse(trained.nets, test))
        rows.append(row(method, values, trained, (test, shown[method])))
    trained = protocol.gan("faces", "uniform", "lcg-524287", quick=quick)
    method = "uniform 20"
    shown[method] = restored_by(trained, test)[20]
    rows.append(row(method, None, trained, (test, shown[method])))
    sheets.write("autoencoders", "faces", shown, quick=quick)
    return rows


def row(method: str, values: int | None, trained: Trained, pair: tuple[Images, Images]) -> Row:
    thesis = THESIS_ROWS[method]
    return {
        "method": method,
        "values": values,
        "pictures": len(pair[0]),
        "epochs": trained.epochs,
        **measured(*pair),
        "thesis_mse": thesis[0],
        "thesis_ssim": thesis[1],
        "thesis_fid": thesis[2],
    }


def draw(axes: Axes, rows: list[Row]) -> None:
    """MSE, thesis and ours."""
    draw_bars(axes, rows, "method")


if __name__ == "__main__":
    run(__file__, __doc__, measure, COLUMNS, draw, libraries=("torch", "scikit-image"))
