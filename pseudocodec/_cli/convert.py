"""`pseudocodec convert`."""

from __future__ import annotations

from itertools import islice
from typing import Any

import click

from pseudocodec._cli.group import EXIT_BAD, emit
from pseudocodec._cli.report import SHOWN, note, print_facts, stages
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.conversion import convert, skipped
from pseudocodec.conversion.plan import MANIFEST
from pseudocodec.model import load_model
from pseudocodec.model.base import torch_device
from pseudocodec.parallel.workers import Workers, usable_cpus


def run(
    sources: tuple[Place, ...],
    folder: Place,
    *,
    workers: int | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Convert `sources` into archives in `folder`, and print what there is."""
    with stages() as tell:
        manifest = convert(
            sources,
            str(folder),
            workers=_processes(workers, options),
            overwrite=force,
            on_progress=tell,
            **options,
        )
    path = f"{str(folder).rstrip('/')}/{MANIFEST}"
    shards = len(manifest["shards"])
    totals = {key: manifest[key] for key in ("inputs", "pictures", "skipped", "bytes")}
    if as_json:
        facts = {key: manifest[key] for key in ("model", "settings")}
        emit({"manifest": path, **totals, "shards": shards, **facts})
    else:
        print_facts(label(path), _lines(totals, shards))
    if manifest["skipped"]:
        _name_skipped(str(folder), totals)
        click.get_current_context().exit(EXIT_BAD)


def _processes(workers: int | None, options: dict[str, Any]) -> Workers:
    """As many as there are CPUs, but on a GPU of this machine one."""
    if workers is not None:
        return workers
    if options["engine"] == "ray":
        return "auto"
    load_model(options["model"])  # a wrong name is told before torch is loaded
    return usable_cpus() if torch_device(options["device"]).type == "cpu" else 1


def _lines(totals: dict[str, int], shards: int) -> dict[str, str]:
    size = f"{totals['bytes']:,} bytes"
    if totals["pictures"]:
        size += f", {totals['bytes'] / totals['pictures']:,.1f} a picture"
    return {"pictures": f"{totals['pictures']:,}", "archives": f"{shards:,}", "size": size}


def _name_skipped(folder: str, totals: dict[str, int]) -> None:
    note(f"{totals['skipped']:,} of {totals['inputs']:,} pictures were not converted:")
    for name, reason in islice(skipped(folder), SHOWN):
        click.echo(f"  {label(name)}: {label(reason)}", err=True)
    if totals["skipped"] > SHOWN:
        more = totals["skipped"] - SHOWN
        click.echo(f"  and {more:,} more, named beside the archives (.json)", err=True)
