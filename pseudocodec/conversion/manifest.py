"""What a conversion says of itself: a file for each shard, and one for all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from pseudocodec.conversion.plan import FORMAT, MANIFEST, Plan, shard_name
from pseudocodec.conversion.settings import Settings
from pseudocodec.conversion.store import Store, read_json, sha256, store_at, write_json
from pseudocodec.errors import PslError
from pseudocodec.model import Model


@dataclass(frozen=True)
class Archived:
    """The archive of a shard."""

    pictures: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Done:
    """What became of a shard: `archive` is None where no input of it could be converted."""

    number: int
    inputs: int
    archive: Archived | None

    @property
    def pictures(self) -> int:
        """Inputs in the archive."""
        return self.archive.pictures if self.archive else 0

    @property
    def skipped(self) -> int:
        """Inputs that could not be converted."""
        return self.inputs - self.pictures

    def row(self) -> dict[str, Any]:
        """As the manifest has it."""
        archive = asdict(self.archive) if self.archive else {"pictures": 0, "bytes": 0}
        name = shard_name(self.number)
        return {"shard": name, "inputs": self.inputs, "skipped": self.skipped, **archive}


def commit(
    store: Store,
    number: int,
    settings: Settings,
    *,
    names: list[str],
    skipped: dict[int, str],
    archive: Archived | None,
) -> Done:
    """Write what became of each input of a shard, which is thereby done.

    `names` are those of its inputs, `skipped` says by position why some are not in the archive.
    """
    rows: list[dict[str, Any]] = []
    index = 0
    for position, name in enumerate(names):
        if position in skipped:
            rows.append({"name": name, "skipped": skipped[position]})
        else:
            rows.append({"name": name, "index": index})
            index += 1
    facts = {
        "format": FORMAT,
        "settings": settings.facts(),
        "archive": asdict(archive) if archive else None,
        "inputs": rows,
    }
    write_json(store, f"{shard_name(number)}.json", facts)
    return Done(number, len(names), archive)


def done_before(store: Store, number: int, settings: Settings) -> Done | None:
    """What became of a shard in an earlier run; None if it is to be done (again).

    The archive is read, to compare its SHA-256.
    """
    name = shard_name(number)
    found = read_json(store, f"{name}.json")
    if found is None or found.get("settings") != settings.facts():
        return None
    try:
        archive = Archived(**found["archive"]) if found["archive"] is not None else None
        inputs = len(found["inputs"])
    except (KeyError, TypeError):
        return None
    if archive and sha256(store, f"{name}.psl") != archive.sha256:
        return None
    return Done(number, inputs, archive)


def write_manifest(
    store: Store, settings: Settings, model: Model, plan: Plan, done: Iterable[Done]
) -> dict[str, Any]:
    """Write the manifest of a complete conversion, and return it.

    Raises PslError when the shards hold another number of inputs than were listed.
    """
    shards = [each.row() for each in sorted(done, key=lambda each: each.number)]
    totals = {key: sum(row[key] for row in shards) for key in ("inputs", "pictures", "skipped")}
    if (len(shards), totals["inputs"]) != (plan.shards, plan.inputs):
        raise PslError(
            f"{plan.inputs} inputs were listed in {plan.shards} shards, but {totals['inputs']} "
            f"were converted in {len(shards)}: ask to overwrite the conversion"
        )
    facts = {
        "format": FORMAT,
        "model": {"id": settings.model, "name": model.facts.name},
        "settings": settings.facts(),
        **totals,
        "bytes": sum(row["bytes"] for row in shards),
        "shards": shards,
    }
    write_json(store, MANIFEST, facts)
    return facts


def skipped(folder: str) -> Iterator[tuple[str, str]]:
    """The inputs that the conversion in `folder` left out: name and reason, in order.

    Raises PslError where there is no complete conversion.
    """
    store = store_at(folder)
    manifest = read_json(store, MANIFEST)
    if manifest is None:
        raise PslError(f"{folder} holds no complete conversion: it has no {MANIFEST}")
    for shard in manifest["shards"]:
        if shard["skipped"]:
            rows = (read_json(store, f"{shard['shard']}.json") or {}).get("inputs", [])
            yield from ((row["name"], row["skipped"]) for row in rows if "skipped" in row)
