"""Which inputs there are, and which of them make which shard: settled once, at the beginning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from pseudocodec._text import label
from pseudocodec.conversion.settings import Settings
from pseudocodec.conversion.store import Store, read_json, write_json
from pseudocodec.errors import Corrupt, PslError
from pseudocodec.inputs import find

FORMAT = 1
PLAN = "plan.json"
MANIFEST = "manifest.json"
_OWN = re.compile(
    r"plan|plan\.json|manifest\.json|shard-\d{5,}\.(psl|json)|\.psl-[0-9a-f]{16}\.tmp"
)


@dataclass(frozen=True)
class Plan:
    """How much there is to do."""

    inputs: int
    shards: int


@dataclass(frozen=True)
class Run:
    """`count` pictures of one file from the `first` on, in the order of `inputs.find`."""

    source: str
    first: int
    count: int


def shard_name(number: int) -> str:
    """The name of a shard's files, without their endings."""
    return f"shard-{number:05d}"


def settle(
    store: Store,
    where: str,
    settings: Settings,
    *,
    overwrite: bool,
    on_listed: Callable[[int], None],
) -> Plan:
    """The plan in `store`, from an earlier run with the same settings, or a new one.

    The inputs are listed for a new plan only; no more than three shards of their names are held
    at a time. `on_listed` is called with how many are listed so far. `where` is for messages.

    Raises PslError: the store holds other files, or a conversion with other settings (and
    `overwrite` is not set); what `inputs.find` raises.
    """
    names = store.names()
    foreign = [name for name in names if not _OWN.fullmatch(name)]
    if foreign:
        raise PslError(
            f"{label(where)} holds {label(foreign[0])!r}, which is of no conversion: name a new "
            "folder"
        )
    found = read_json(store, PLAN)
    if found is not None and not overwrite:
        return _same(found, where, settings)
    if PLAN in names and not overwrite:
        raise _damaged(where, PLAN)
    for name in sorted(names, key=lambda name: name not in (MANIFEST, PLAN)):  # the marks first
        store.remove(name)
    return _list(store, settings, on_listed)


def read_runs(store: Store, where: str, number: int) -> list[Run]:
    """The inputs of a shard. Raises Corrupt."""
    name = f"plan/{shard_name(number)}.json"
    try:
        return [Run(*run) for run in (read_json(store, name) or {})["runs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(where, name) from error


def _same(found: dict[str, object], where: str, settings: Settings) -> Plan:
    if differences := settings.differences(found.get("settings")):
        raise PslError(
            f"{label(where)} holds a conversion with other settings ({label(differences)}): give "
            "the same, name another folder, or ask to overwrite it"
        )
    inputs, shards = found.get("inputs"), found.get("shards")
    if not (found.get("format") == FORMAT and isinstance(inputs, int) and isinstance(shards, int)):
        raise _damaged(where, PLAN)
    return Plan(inputs, shards)


def _list(store: Store, settings: Settings, on_listed: Callable[[int], None]) -> Plan:
    total = shards = 0
    for runs in _shards(_sources(settings), settings.shard_size):
        rows = [[run.source, run.first, run.count] for run in runs]
        write_json(store, f"plan/{shard_name(shards)}.json", {"runs": rows})
        total, shards = total + sum(run.count for run in runs), shards + 1
        on_listed(total)
    facts = {"format": FORMAT, "settings": settings.facts(), "inputs": total, "shards": shards}
    write_json(store, PLAN, facts)
    return Plan(total, shards)


def _sources(settings: Settings) -> Iterator[str]:
    """For each input the file that it is in, named as the source that led to it was."""
    for source in settings.sources:
        root = settings.place(source)
        if "::" in source and root.is_dir():
            raise PslError(
                f"{label(source)} is a folder in a chain of file systems, whose files have no "
                "address: give the archives in it one by one"
            )
        for item in find([root]):
            found = str(item.source)
            below = found.startswith(str(root))
            yield source + found.removeprefix(str(root)) if below else found


def _shards(sources: Iterable[str], size: int) -> Iterator[list[Run]]:
    """Runs of about `size` inputs.

    A rest of less than half as many joins the shard before it: the header of an archive is to be
    shared by many pictures.
    """
    rest = _numbered(sources)
    held = list(islice(rest, size))
    while more := list(islice(rest, size)):
        if 2 * len(more) < size:
            held += more
        else:
            yield _runs(held)
            held = more
    yield _runs(held)


def _numbered(sources: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Each source with the number of its picture in it: all of one file come in a row."""
    last, number = "", 0
    for source in sources:
        number = number + 1 if source == last else 0
        last = source
        yield source, number


def _runs(inputs: list[tuple[str, int]]) -> list[Run]:
    found: list[Run] = []
    for source, number in inputs:
        if found and found[-1].source == source:
            found[-1] = Run(source, found[-1].first, found[-1].count + 1)
        else:
            found.append(Run(source, number, 1))
    return found


def _damaged(where: str, name: str) -> Corrupt:
    return Corrupt(f"{label(where)}: {name} is missing or damaged: ask to overwrite the conversion")
