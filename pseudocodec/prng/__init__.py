"""Pseudo-random sequences: linear congruential generators, their orbits, chaotic maps and tests.

Nothing here imports numba until `decompose` is called, so a decoder stays light.
"""

from pseudocodec.prng.lcg import GENERATORS, THESIS, Lcg, named
from pseudocodec.prng.orbits import Orbits, Windows, decompose

__all__ = ["GENERATORS", "THESIS", "Lcg", "Orbits", "Windows", "decompose", "named"]
