"""The folder of a report: named and checked before any work is done, written at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pseudocodec._text import label
from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write
from pseudocodec.model import Model
from pseudocodec.model.catalogue import SUFFIX, by_id

FILES = ("curve.png", "sheet.png", "report.json", "card.md")
"""What a report may consist of, in the order of writing."""

EXTRA = 'pip install "pseudocodec[report]" adds it'


def report_folder(
    output: str | os.PathLike[str] | None,
    model: str | os.PathLike[str] | Model,
    loaded: Model,
    *,
    overwrite: bool,
) -> Path:
    """Where the report goes: `output`, else the name of the model, or of its file, with "-report".

    Raises PslError for something that is no folder, or holds a report that is not to be replaced.
    """
    if output is not None:
        folder = Path(output)
    elif not isinstance(model, Model) and os.fspath(model).endswith(SUFFIX):
        path = Path(model)
        folder = path.with_name(f"{path.stem}-report")
    else:
        folder = Path(f"{loaded.facts.name}-report")
    if folder.exists() and not folder.is_dir():
        raise PslError(f"{label(folder)} is not a folder: name another for the report")
    if not overwrite:
        for name in FILES:
            if (folder / name).exists():
                raise PslError(
                    f"{label(folder)} holds a report already: name another folder, or pass "
                    "overwrite=True (--force) to replace it"
                )
    return folder


def model_facts(model: Model) -> dict[str, Any]:
    """What a report says of any model: name, id, file, bytes, family, channels."""
    path, facts = by_id(model.id).path, model.facts
    return {
        "name": facts.name,
        "id": model.id.hex(),
        "file": path.name,
        "bytes": path.stat().st_size,
        "family": facts.family,
        "channels": facts.channels,
    }


def write_report(
    folder: Path,
    report: Mapping[str, Any],
    card: str,
    drawn: Mapping[str, bytes | None],
    *,
    overwrite: bool,
) -> None:
    """The card last: where it is, the report is whole. What an earlier report left over goes."""
    content = {
        **drawn,
        "report.json": (json.dumps(report, indent=1, allow_nan=False) + "\n").encode(),
        "card.md": card.encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PslError(f"cannot create folder {label(folder)}: {error.strerror}") from error
    for name in FILES:
        data = content[name]
        if data is None:
            (folder / name).unlink(missing_ok=True)
        else:
            with atomic_write(folder / name, overwrite=overwrite) as file:
                file.write(data)
