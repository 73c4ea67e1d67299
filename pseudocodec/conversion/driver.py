"""Convert data sets of any size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Literal

from pseudocodec.container.remote import Place, Remote, Where, place_of
from pseudocodec.conversion import local, on_ray
from pseudocodec.conversion.local import Outcomes
from pseudocodec.conversion.manifest import Done, write_manifest
from pseudocodec.conversion.plan import Plan, settle
from pseudocodec.conversion.rescue import rescue
from pseudocodec.conversion.settings import Settings, refuse_inside
from pseudocodec.conversion.shard import Convert
from pseudocodec.conversion.store import store_at
from pseudocodec.errors import PslError
from pseudocodec.model import Model, load_model
from pseudocodec.model.catalogue import by_id
from pseudocodec.parallel.workers import Outcome, Workers
from pseudocodec.rate import DEFAULT_MODEL, Target

SHARD_PICTURES, SHARD_PHOTOS = 10_000, 1_000
"""Inputs of a shard by default, small pictures or photographs: minutes of work for one core."""

Engine = Literal["local", "ray"]
OnStage = Callable[[str, int, int], None] | None
_ENGINES: dict[str, Callable[[Convert, int, Workers], Outcomes]] = {
    "local": local.run,
    "ray": on_ray.run,
}


def convert(
    sources: Where | Iterable[Where],
    folder: str | os.PathLike[str],
    *,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    quality: float | None = None,
    nbytes: int | None = None,
    bpp: float | None = None,
    psnr: float | None = None,
    effort: int = 3,
    resize: bool = False,
    shard_size: int | None = None,
    engine: Engine = "local",
    workers: Workers = 1,
    device: str = "auto",
    strict: bool = False,
    overwrite: bool = False,
    on_progress: OnStage = None,
) -> dict[str, Any]:
    """Convert pictures into archives of `shard_size` each, with a manifest of them all.

    Every input ends in exactly one archive or, with the reason, in the list of those skipped,
    whatever is killed meanwhile. What is done stays done: the same call goes on from there, and
    checks what is there by its SHA-256. The inputs are listed once, by the first call; what is
    skipped stays skipped until the .json file of its shard is deleted. The bytes depend neither on
    `engine` nor on `workers`.

    Args:
        sources: one or more of what `inputs.find` takes: folders, .tar archives, URLs ...
        folder: where the archives go: a local folder, on a file system that all machines share, or
            a URL. It is created, or holds an earlier conversion and nothing else.
        model: as of `save`, as are the other arguments not listed here. On several machines a name
            stands for the model that each has under it, which must be the same.
        quality: see `save`.
        nbytes: see `save`; the mean over each archive.
        bpp: see `save`; the mean over each archive.
        psnr: see `save`.
        effort: see `save`.
        resize: see `save`.
        shard_size: inputs of an archive; 10,000 if not given, or 1,000 for photographs. The last
            may have half as many, or half as many more.
        engine: "local" for processes of this machine, "ray" for the machines of a Ray cluster.
        workers: processes. For Ray, "auto" is one for each GPU or else for each CPU.
        device: see `save`; that of each worker.
        strict: raise the error of the first picture that cannot be converted.
        overwrite: begin anew where `folder` holds an earlier conversion, which is deleted first.
        on_progress: called with "listing" or "converting", the number of inputs done, and of all.

    Returns:
        The manifest, which lies in `folder` as manifest.json, too: `inputs`, `pictures`, `skipped`,
        `bytes`, `model`, `settings`, and for each of `shards` the same, and the `sha256`.

    Raises:
        PslError: an earlier conversion in `folder` has other settings, `folder` holds other files,
            is inside a source or cannot be written; a source is given twice, is damaged, or holds
            no picture; Ray is not installed; and what `save` raises for its arguments.
    """
    if engine not in _ENGINES:
        raise PslError(f'engine={engine!r}: expected "local" or "ray"')
    given = _listed(sources)
    loaded = load_model(model)
    if shard_size is None:
        shard_size = SHARD_PHOTOS if loaded.facts.any_size else SHARD_PICTURES
    settings = Settings.of(
        given,
        model=loaded.id,
        target=Target.of(quality, nbytes, psnr, bpp),
        effort=effort,
        resize=resize,
        shard_size=shard_size,
    )
    target = _absolute(folder)
    refuse_inside(target, given)
    store, tell = store_at(target), on_progress or _silent
    plan = settle(
        store, target, settings, overwrite=overwrite, on_listed=lambda n: tell("listing", n, n)
    )
    task = Convert(target, settings, _reference(model, loaded), device, strict)
    done = _all(task, _ENGINES[engine](task, plan.shards, workers), plan, tell)
    store.sweep()
    return write_manifest(store, settings, loaded, plan, done)


def _all(
    task: Convert, running: Outcomes, plan: Plan, tell: Callable[[str, int, int], None]
) -> list[Done]:
    done, reached = [], 0
    with closing(running) as outcomes:
        for outcome in outcomes:
            done.append(_settled(task, outcome))
            reached += done[-1].inputs
            tell("converting", reached, plan.inputs)
    return done


def _settled(task: Convert, outcome: Outcome[int, Done | PslError]) -> Done:
    """What became of a shard. Raises the error that kept it from being converted."""
    lost = isinstance(outcome.error, PslError)  # the worker died; other errors are returned
    result = rescue(task, outcome.item) if lost else outcome.result()
    if isinstance(result, PslError):
        raise result
    return result


def _listed(sources: Where | Iterable[Where]) -> list[Where]:
    if isinstance(sources, (str, os.PathLike)) or not isinstance(sources, Iterable):
        return [sources]
    return list(sources)


def _absolute(folder: str | os.PathLike[str]) -> str:
    """Where the archives go, the same for processes that run in other folders."""
    place: Place = place_of(folder)
    return place.url if isinstance(place, Remote) else str(place.absolute())


def _reference(model: str | os.PathLike[str] | Model, loaded: Model) -> str:
    """What other processes and machines know the model by: its name, or the path of its file."""
    if isinstance(model, str) and model == loaded.facts.name:
        return model
    return str(by_id(loaded.id).path)


def _silent(stage: str, done: int, total: int) -> None:
    """Nobody watches."""
