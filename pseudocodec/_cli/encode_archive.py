"""`pseudocodec encode` of many pictures into one archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pseudocodec
from pseudocodec._cli import sources
from pseudocodec._cli.processes import Choices
from pseudocodec._cli.report import Skipped, note, progress
from pseudocodec._cli.tally import Tally
from pseudocodec._cli.targets import check_target
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.errors import PslError
from pseudocodec.inputs import find
from pseudocodec.picture import Picture


@dataclass
class EncodeArchive:
    """The pictures of `paths` into the archive `target`, with what the summary needs of them."""

    paths: tuple[Place, ...]
    target: Path
    choices: Choices
    tally: Tally
    skipped: Skipped
    bad: set[int] = field(default_factory=set)  # numbers of the pictures that were skipped
    reached: int = 0  # pictures that a later run need not encode again

    def run(self) -> None:
        """Write the archive, then measure what decodes from it."""
        check_target(
            self.target, sources.local(sources.files(self.paths)), force=self.choices.force
        )
        for file in sources.files(self.paths):
            sources.note_frames(file)
        pictures = sources.Pictures(self.paths)
        workers = self.choices.processes(len(pictures))
        self._save(pictures, workers)
        self.skipped.report(len(pictures), "encoded")
        self._measure(len(pictures) - len(self.bad), workers)

    def _save(self, pictures: sources.Pictures, workers: int) -> None:
        names = enumerate(find(self.paths))

        def fail(number: int, error: PslError) -> None:
            item = next(item for i, item in names if i == number)  # numbers come in order
            if not self.choices.keep_going:
                with sources.naming(item):
                    raise error
            self.skipped.add(item.name, error)
            self.bad.add(number)

        def tell(count: int) -> None:
            self.reached = count
            done(count)

        with self._resumable(), progress("encoding", len(pictures)) as done:
            pseudocodec.save(
                self.target,
                pictures,
                overwrite=self.choices.force,
                on_progress=tell,
                workers=workers,
                on_error=fail,
                resume=self.choices.resume,
                **self.choices.options,
            )

    @contextmanager
    def _resumable(self) -> Iterator[None]:
        """Where the block ends early, say what is there and how to go on with it."""
        try:
            yield
        except BaseException as error:
            if self.reached:
                skip = " --keep-going to leave out what cannot be encoded,"
                note(
                    f"{label(self.target)}.partial holds what is done: give the same command with "
                    f"--resume to go on,{skip if isinstance(error, PslError) else ''} or with "
                    "--force to begin anew"
                )
            raise

    def _measure(self, expected: int, workers: int) -> None:
        device = self.choices.options["device"]
        with (
            progress("measuring", expected) as done,
            pseudocodec.open(self.target, device=device) as archive,
        ):
            if len(archive) != expected:
                self.tally.images = len(archive)
                note("an earlier run left out pictures: they are not named, nor the PSNR measured")
                return
            kept = (item for i, item in enumerate(find(self.paths)) if i not in self.bad)
            decoded = archive.pictures(workers=workers)
            for item, (_, pixels) in zip(kept, decoded, strict=True):
                self.tally.add(Picture(sources.load(item), None, None), pixels)
                done(self.tally.images)
