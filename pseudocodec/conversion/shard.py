"""One shard: a task that depends on the plan alone and can be killed and run again anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from pseudocodec._text import label
from pseudocodec.archive import save
from pseudocodec.conversion.manifest import Archived, Done, commit, done_before
from pseudocodec.conversion.pictures import Pictures
from pseudocodec.conversion.plan import read_runs, shard_name
from pseudocodec.conversion.settings import Settings
from pseudocodec.conversion.store import Store, store_at
from pseudocodec.errors import PslError, UnknownModel
from pseudocodec.model import Model, load_model


@dataclass(frozen=True)
class Convert:
    """Converts the shard of a number, unless that is done; small enough to be sent anywhere.

    A machine loads the model by its name, or from a path that must be the same on all.
    """

    folder: str
    settings: Settings
    model: str
    device: str
    strict: bool
    workers: int = 1  # for the pictures of a shard
    excluded: Mapping[int, str] = field(default_factory=dict)  # positions, and why

    def __call__(self, number: int) -> Done | PslError:
        """What became of the shard, or why none can be converted.

        The error is returned: one that is raised comes from the death of a process.
        """
        try:
            return self._convert(number)
        except PslError as error:
            return error

    def pictures(self, number: int) -> Pictures:
        """The inputs of a shard."""
        runs = read_runs(store_at(self.folder), self.folder, number)
        return Pictures(runs, self.settings, self.excluded)

    def load_model(self) -> Model:
        """The model. Raises UnknownModel if it is another one on this machine."""
        loaded = load_model(self.model)
        if loaded.id.hex() != self.settings.model:
            raise UnknownModel(
                f"model {self.model!r} is {loaded.id.hex()} here, not {self.settings.model}: "
                "install the same model on every machine"
            )
        return loaded

    def save(self, path: Path, pictures: Pictures, skipped: dict[int, str]) -> None:
        """Write the archive of `pictures`; those that cannot be encoded go to `skipped`."""

        def skip(position: int, error: PslError) -> None:
            name = pictures.names[position]
            reason = label(error).removeprefix(f"{name}: ")
            if self.strict:
                raise _at(name, reason)
            skipped[position] = reason

        save(
            path,
            pictures,
            model=self.load_model(),
            effort=self.settings.effort,
            device=self.device,
            resize=self.settings.resize,
            overwrite=True,
            workers=self.workers,
            on_error=skip,
            **self.settings.target,  # type: ignore[arg-type]
        )

    def _convert(self, number: int) -> Done:
        store = store_at(self.folder)
        done = done_before(store, number, self.settings)
        if done and not (self.strict and done.skipped):
            return done
        pictures, skipped = self.pictures(number), dict[int, str]()
        archive = self._archive(store, number, pictures, skipped)
        return commit(
            store,
            number,
            self.settings,
            names=pictures.names,
            skipped=skipped,
            archive=archive,
        )

    def _archive(
        self, store: Store, number: int, pictures: Pictures, skipped: dict[int, str]
    ) -> Archived | None:
        name = f"{shard_name(number)}.psl"
        try:
            with store.making(name) as path:
                self.save(path, pictures, skipped)
                with path.open("rb") as file:
                    digest = file_digest(file, "sha256").hexdigest()
                size = path.stat().st_size
        except PslError:
            if len(skipped) < len(pictures):
                raise
            store.remove(name)  # of pictures that were there in an earlier run
            return None
        return Archived(len(pictures) - len(skipped), size, digest)


def _at(name: str, reason: str) -> PslError:
    return PslError(reason if name in reason else f"{name}: {reason}")
