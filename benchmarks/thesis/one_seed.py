"""What both tables of one seed a picture share: training variants, and parameters of the LCG.

Two sets. Synthetic: what a generator makes of the sequences of random seeds. Test: pictures
that no net has seen. Each is coded as one seed and generated again; the autoencoder's latents, as
many floats as a sequence has symbols, are not coded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import protocol
import sheets
from bars import draw_bars
from protocol import Trained
from recovery import ERRORS, FIDS, Latents, analyse, by_seed, measured, synthesise

from harness import Row
from pseudocodec.metrics import Images
from pseudocodec.prng import THESIS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUICK = 32  # pictures
AUTOENCODER = "autoencoder"
Thesis = Mapping[tuple[str, str], tuple[float | None, float, float, float]]
"""Its rows by set and method: MSE of latents, MSE, SSIM, FID."""

COLUMNS = {
    "set": "",
    "method": "",
    "epochs": ".1f",
    "latent_mse": ".4f",
    "thesis_latent_mse": ".4f",
    "seeds_found": ".0%",
    **ERRORS,
    "distance": ".2f",
    **FIDS,
}


@dataclass(frozen=True)
class Table:
    """What is measured: methods by name as (source, LCG), on `synthetic` and all test pictures."""

    name: str
    kind: str
    methods: Mapping[str, tuple[str, str]]
    thesis: Thesis
    synthetic: int
    distance: Callable[[Images, Images], float | None] = lambda originals, restored: None

    def measure(self, quick: bool) -> list[Row]:
        """All rows, the synthetic set's first, and the sheet."""
        test = protocol.images(self.kind, "test", quick)[: QUICK if quick else None]
        synthetic, real = [], []
        shown = {"original": test}
        for method, (source, lcg) in self.methods.items():
            trained = protocol.gan(self.kind, source, lcg, quick=quick)
            synthetic.append(self._synthetic(method, trained, QUICK if quick else self.synthetic))
            _, sequences = by_seed(THESIS[lcg], analyse(trained.nets, test))
            shown[method] = synthesise(trained.nets, sequences)
            real.append(self._row("test", method, trained, (test, shown[method])))
        trained = protocol.autoencoder(self.kind, quick=quick)
        shown[AUTOENCODER] = synthesise(trained.nets, analyse(trained.nets, test))
        real.append(self._row("test", AUTOENCODER, trained, (test, shown[AUTOENCODER])))
        sheets.write(self.name, self.kind, shown, quick=quick)
        return synthetic + real

    def _synthetic(self, method: str, trained: Trained, count: int) -> Row:
        lcg = THESIS[trained.lcg]
        seeds = np.random.default_rng(0).integers(lcg.m, size=count)
        symbols = protocol.KINDS[self.kind].config.latents
        made_of: Latents = lcg.to_interval(lcg.sequence(seeds, symbols)).astype(np.float32)
        originals = synthesise(trained.nets, made_of)
        latents = analyse(trained.nets, originals)
        found, sequences = by_seed(lcg, latents)
        pair = (originals, synthesise(trained.nets, sequences))
        return self._row("synthetic", method, trained, pair) | {
            "latent_mse": float(np.square(latents - made_of).mean()),
            "seeds_found": float((found == seeds).mean()),
        }

    def _row(
        self, which: str, method: str, trained: Trained, pair: tuple[Images, Images]
    ) -> dict[str, Any]:
        latent, mse, ssim, fid = self.thesis[which, method]
        return {
            "set": which,
            "method": method,
            "pictures": len(pair[0]),
            "epochs": trained.epochs,
            "latent_mse": None,
            "seeds_found": None,
            **measured(*pair),
            "distance": self.distance(*pair),
            "thesis_latent_mse": latent,
            "thesis_mse": mse,
            "thesis_ssim": ssim,
            "thesis_fid": fid,
        }


def draw(axes: Axes, rows: list[Row]) -> None:
    """MSE on the test set, thesis and ours."""
    draw_bars(axes, [row for row in rows if row["set"] == "test"], "method")
