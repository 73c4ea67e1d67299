"""`pseudocodec info`, `verify` and `models`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

import pseudocodec
from pseudocodec._cli.group import EXIT_BAD, emit, failure
from pseudocodec._cli.report import print_facts, print_table, progress
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.errors import PslError


def info(paths: tuple[Place, ...], *, as_json: bool) -> None:
    """Print what the header of each file says; pixels are not decoded."""

    def show(path: Place) -> None:
        facts = pseudocodec.info(path)
        if as_json:
            emit({"file": str(path), **facts})
        else:
            print_facts(label(path), {_words(key): _text(value) for key, value in facts.items()})

    _each(paths, show, as_json=as_json)


def verify(paths: tuple[Place, ...], *, deep: bool, as_json: bool) -> None:
    """Check every checksum of each file; with `deep` decode every picture, too."""
    damaged = False

    def check(path: Place) -> None:
        nonlocal damaged
        facts = _deep(path) if deep else pseudocodec.verify(path)
        good = not facts.get("damaged")
        damaged |= not good
        if as_json:
            emit({"file": str(path), "ok": good, **facts})
        elif good:
            click.echo(f"{label(path)}: ok")
        else:
            click.echo(f"{label(path)}: {facts['damaged']:,} of {facts['images']:,} damaged")
        for problem in facts.get("problems", ()):
            where = _numbers(problem) if facts["kind"] == "archive" else ""
            sentence = label(problem["error"])
            click.echo(f"pseudocodec: error: {label(path)}: {where}{sentence}", err=True)

    _each(paths, check, as_json=as_json)
    if damaged:
        click.get_current_context().exit(EXIT_BAD)


def _deep(path: Place) -> dict[str, Any]:
    with progress(label(path), pseudocodec.info(path)["images"]) as tell:
        return pseudocodec.verify(path, deep=True, on_progress=tell)


def _numbers(problem: Mapping[str, Any]) -> str:
    """The pictures of a problem, in front of what is wrong with them."""
    first, last = problem["first"], problem["last"]
    return f"picture {first}: " if first == last else f"pictures {first} to {last}: "


def models(*, as_json: bool) -> None:
    """Print the models that are installed."""
    rows = pseudocodec.models()
    if as_json:
        emit(rows)
    elif rows:
        print_table([_listed(row) for row in rows])
    else:
        click.echo("no models are installed")


def _each(paths: tuple[Place, ...], act: Callable[[Place], None], *, as_json: bool) -> None:
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
