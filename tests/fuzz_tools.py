"""The tiny models, seals and targets of fuzz/, for tests: the package lies beside this folder."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from fuzz import targets, tiny
from fuzz.run import PLAN
from fuzz.seals import seal

__all__ = ["PLAN", "seal", "targets", "tiny"]
