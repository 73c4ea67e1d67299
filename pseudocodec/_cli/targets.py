"""Where commands write, and where they must not."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pseudocodec._text import label
from pseudocodec.errors import PslError


def check_target(target: Path, sources: Iterable[Path], *, force: bool) -> None:
    """Refuse to replace a file without `force`, and an input always; before any work is done.

    Raises:
        PslError: `target` exists and `force` is not given, or it is one of `sources`.
    """
    if not target.exists():
        return
    for source in sources:
        if source.exists() and target.samefile(source):
            raise PslError(f"{label(target)} is the input: name another output with -o")
    if not force:
        raise PslError(f"{label(target)} exists already: add --force, or name another with -o")
