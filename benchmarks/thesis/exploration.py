"""The thesis' tables of LCG parameters on faces: synthetic set, test set.

Sequences of 100 symbols of the LCGs with m = 5101, 29282 and 524287, a generator and an inverse
generator for each, and an autoencoder of 100 values; the pipeline is in one_seed.py. The faces are
another set of the same kind. MSE and SSIM of pixels in [-1, 1], `mse_01` in [0, 1]: the thesis
does not say which of them its own is. FID only where Inception's weights are installed.
"""

from __future__ import annotations

import one_seed

from harness import run

TABLE = one_seed.Table(
    name="exploration",
    kind="faces",
    methods={f"m = {m}": ("lcg", f"lcg-{m}") for m in (5101, 29282, 524287)},
    thesis={
        ("synthetic", "m = 5101"): (0.001819, 0.001403, 0.9681, 17.2624),
        ("synthetic", "m = 29282"): (0.011398, 0.006256, 0.8759, 29.8182),
        ("synthetic", "m = 524287"): (0.056614, 0.010546, 0.8153, 34.5797),
        ("test", "m = 5101"): (None, 0.091134, 0.146485, 131.553131),
        ("test", "m = 29282"): (None, 0.096304, 0.144632, 108.923164),
        ("test", "m = 524287"): (None, 0.0855831, 0.162683, 114.904045),
        ("test", "autoencoder"): (None, 0.043306, 0.258801, 324.929474),
    },
    synthetic=1_000,
)

if __name__ == "__main__":
    columns = {name: spec for name, spec in one_seed.COLUMNS.items() if name != "distance"}
    libraries = ("torch", "scikit-image")
    run(__file__, __doc__, TABLE.measure, columns, one_seed.draw, libraries)
