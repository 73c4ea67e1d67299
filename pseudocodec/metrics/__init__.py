"""How far pictures are apart: two of them, or two whole sets."""

from pseudocodec.metrics.frechet import Features, frechet_distance
from pseudocodec.metrics.information import VIF_SIDE, vif
from pseudocodec.metrics.multiscale import MS_SSIM_SIDE, ms_ssim
from pseudocodec.metrics.pairs import Images
from pseudocodec.metrics.similarity import SSIM_WINDOW, can_ssim, ssim
from pseudocodec.metrics.squared import mse, psnr
from pseudocodec.metrics.whole import score

__all__ = [
    "MS_SSIM_SIDE",
    "SSIM_WINDOW",
    "VIF_SIDE",
    "Features",
    "Images",
    "can_ssim",
    "frechet_distance",
    "ms_ssim",
    "mse",
    "psnr",
    "score",
    "ssim",
    "vif",
]
