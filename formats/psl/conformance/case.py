"""A case: a file, what it is for, and what a reader must make of it."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """`error` is the kind of error, None for a good file; `facts` go into cases.json."""

    name: str
    rule: str
    data: bytes
    what: str
    error: str | None
    facts: dict[str, Any]


def good(name: str, rule: str, data: bytes, what: str, **more: object) -> Case:
    """A file to be read."""
    return Case(name, rule, data, what, None, _facts(more))


def bad(
    name: str, rule: str, data: bytes, what: str, error: str = "Corrupt", **more: object
) -> Case:
    """A file to be refused."""
    return Case(name, rule, data, what, error, _facts(more))


def _facts(more: dict[str, object]) -> dict[str, Any]:
    """Options of the reader apart from the rest."""
    options = {k: more.pop(k) for k in ("partial", "max_pixels", "picture", "region") if k in more}
    return more | ({"options": options} if options else {})
