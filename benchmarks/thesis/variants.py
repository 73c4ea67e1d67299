"""The thesis' tables of training variants on digits: synthetic set, test set.

Three ways to train generator and inverse generator (see protocol.py), sequences of 25 symbols of
the LCG with m = 5101, 13 bits a picture, and an autoencoder of 25 values; the pipeline is in
one_seed.py. MSE and SSIM of pixels in [-1, 1], the latents' in [-1, 1] too. `distance` is the
Frechet distance of the features of the library's digit classifier, which is not the thesis' FID;
that stands beside it where Inception's weights are installed.
"""

from __future__ import annotations

import one_seed

from harness import run
from pseudocodec.evaluation.digit_features import digit_feature_distance

TABLE = one_seed.Table(
    name="variants",
    kind="digits",
    methods={
        "GAN": ("lcg", "lcg-5101"),
        "GAN LCG+noise": ("lcg+noise", "lcg-5101"),
        "GAN 2 steps": ("two-steps", "lcg-5101"),
    },
    thesis={
        ("synthetic", "GAN"): (0.012189, 0.041274, 0.776580, 32.721333),
        ("synthetic", "GAN LCG+noise"): (0.014229, 0.033165, 0.808409, 30.506159),
        ("synthetic", "GAN 2 steps"): (0.015392, 0.038858, 0.800476, 31.874275),
        ("test", "GAN"): (None, 0.280662, 0.547575, 24.431034),
        ("test", "GAN LCG+noise"): (None, 0.264190, 0.558244, 24.653860),
        ("test", "GAN 2 steps"): (None, 0.274251, 0.551294, 23.280581),
        ("test", "autoencoder"): (None, 0.193280, 0.549797, 135.027039),
    },
    synthetic=10_000,
    distance=digit_feature_distance,
)

if __name__ == "__main__":
    libraries = ("torch", "scikit-image")
    run(__file__, __doc__, TABLE.measure, one_seed.COLUMNS, one_seed.draw, libraries)
