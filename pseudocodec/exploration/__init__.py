"""What the latents of a model mean: change them, and see what decodes."""

from pseudocodec.exploration.latent import Changed, explore_latent
from pseudocodec.exploration.operations import UNCHANGED, USUAL, Operation, operation

__all__ = ["UNCHANGED", "USUAL", "Changed", "Operation", "explore_latent", "operation"]
