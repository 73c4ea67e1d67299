"""`pseudocodec info`, `verify` and `models`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

import pseudocodec
from pseudocodec._cli.group import EXIT_BAD, emit, failure
from pseudocodec._cli.report import print_facts, print_table
from pseudocodec._text import label
from pseudocodec.errors import PslError


def info(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Print what the header of each file says; pixels are not decoded."""

    def show(path: Path) -> None:
        facts = pseudocodec.info(path)
        if as_json:
            emit({"file": str(path), **facts})
        else:
            print_facts(label(path), {_words(key): _text(value) for key, value in facts.items()})

    _each(paths, show, as_json=as_json)


def verify(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Check every checksum of each file."""

    def check(path: Path) -> None:
        facts = pseudocodec.verify(path)
        if as_json:
            emit({"file": str(path), "ok": True, **facts})
        else:
            click.echo(f"{label(path)}: ok")

    _each(paths, check, as_json=as_json)


def models(*, as_json: bool) -> None:
    """Print the models that are installed."""
    rows = pseudocodec.models()
    if as_json:
        emit(rows)
    elif rows:
        print_table([_listed(row) for row in rows])
    else:
        click.echo("no models are installed")


def _each(paths: tuple[Path, ...], act: Callable[[Path], None], *, as_json: bool) -> None:
    """Every file gets its turn, whatever is wrong with those before it."""
    failed = False
    for path in paths:
        try:
            act(path)
        except PslError as error:
            failed = True
            name, sentence = label(path), str(error)
            where = "" if name in sentence else f"{name}: "
            click.echo(f"pseudocodec: error: {where}{label(sentence)}", err=True)
            if as_json:
                emit({"file": str(path), "ok": False, **failure(error)})
    if failed:
        click.get_current_context().exit(EXIT_BAD)


def _listed(row: Mapping[str, Any]) -> dict[str, str]:
    """A model for people: width and height as one size."""
    sized = {key: value for key, value in row.items() if key not in ("width", "height")}
    out = {_words(key): _text(value) for key, value in sized.items()}
    if "width" in row:
        out["size"] = f"{row['width']} x {row['height']}" if row["width"] else "any size"
    return out


def _words(key: str) -> str:
    return key.replace("_", " ")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(str(key))} {_text(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "none"
    return "-" if value is None else label(value)
