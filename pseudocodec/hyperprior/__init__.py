"""The hyperprior code: latents of a tile to bytes and back, in integers; no torch."""

from pseudocodec.hyperprior.code import Decoded, HyperpriorCode
from pseudocodec.hyperprior.integer import LEVEL_STEPS

__all__ = ["LEVEL_STEPS", "Decoded", "HyperpriorCode"]
