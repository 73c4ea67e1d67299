"""What the latents of a model mean: change them, go between them, add them; see what decodes."""

from pseudocodec.exploration.coded import Coded, save_coded
from pseudocodec.exploration.groups import Arithmetic, arithmetic
from pseudocodec.exploration.interpolation import Step, interpolate
from pseudocodec.exploration.latent import Changed, explore_latent
from pseudocodec.exploration.operations import UNCHANGED, USUAL, Operation, operation

__all__ = [
    "UNCHANGED",
    "USUAL",
    "Arithmetic",
    "Changed",
    "Coded",
    "Operation",
    "Step",
    "arithmetic",
    "explore_latent",
    "interpolate",
    "operation",
    "save_coded",
]
