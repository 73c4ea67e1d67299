"""Fuzz one target under atheris (libFuzzer); `fuzz.run` starts it.

    python -m fuzz.one TARGET [libFuzzer's flags and folders]

Only pseudocodec is instrumented. What it imports late is imported here, before the first input, so
that it is instrumented too. Of what numba compiles, targets run no encoder's kernels; those that
read fitted tiles are left as they are, since numba takes no instrumented function.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["pseudocodec"],
    exclude=[f"pseudocodec.overfit.{m}" for m in ("context", "laplace", "ranges", "synthesis")],
    enable_loader_override=False,
):
    import pseudocodec.archive
    import pseudocodec.codec
    import pseudocodec.inspection
    import pseudocodec.nets.registry
    import pseudocodec.overfit.model  # noqa: F401 - what decoding imports late

from fuzz import targets

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """Fuzz until libFuzzer's limits or the first finding."""
    name = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    for seed in (CORPUS / name).iterdir():  # loads what the target needs, before any time is taken
        targets.run(name, seed.read_bytes())
    atheris.Setup(sys.argv, lambda data: targets.run(name, data) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
