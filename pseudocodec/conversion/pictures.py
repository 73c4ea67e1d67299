"""The inputs of a shard, found again from the plan and loaded one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from pseudocodec._pixels import Pixels
from pseudocodec._text import label
from pseudocodec.conversion.plan import Run
from pseudocodec.conversion.settings import Settings
from pseudocodec.errors import PslError
from pseudocodec.image import as_array
from pseudocodec.inputs import Input, find, holds_many

Load = Callable[[], Pixels]


class Pictures:
    """For each input of `runs` a function that loads it, or raises PslError; with a length.

    Inputs at the positions in `excluded` are not touched: theirs raise what is given there.
    `names` are those of the inputs reached so far, unique but for members that a .tar holds twice.
    """

    def __init__(
        self, runs: Sequence[Run], settings: Settings, excluded: Mapping[int, str]
    ) -> None:
        self.names: list[str] = []
        self._runs, self._settings, self._excluded = runs, settings, excluded

    def __len__(self) -> int:
        """How many inputs there are, usable or not."""
        return sum(run.count for run in self._runs)

    def __iter__(self) -> Iterator[Load]:
        """The functions, in order."""
        self.names.clear()
        for run in self._runs:
            for name, load in self._in(run):
                position = len(self.names)
                self.names.append(name)
                reason = self._excluded.get(position)
                yield load if reason is None else partial(_refuse, PslError(reason))

    def _in(self, run: Run) -> Iterator[tuple[str, Load]]:
        """The pictures of one file: as many as were listed, whatever has become of it."""
        place = self._settings.place(run.source)
        done, reason = 0, PslError(f"{label(run.source)} holds fewer pictures than it did")
        try:
            for item in islice(find([place]), run.first, run.first + run.count):
                done += 1
                inside = item.name.removeprefix(label(place))
                yield f"{label(run.source)}{inside}", partial(_load, item)
        except PslError as error:
            reason = error
        alone = run.count == 1 and not holds_many(place)
        for number in range(run.first + done, run.first + run.count):
            inside = "" if alone else f"[{number}]"
            yield f"{label(run.source)}{inside}", partial(_refuse, reason)


def _load(item: Input) -> Pixels:
    """A picture without transparency, (H, W, 1) or (H, W, 3)."""
    return as_array(item.load())


def _refuse(error: PslError) -> Pixels:
    raise error
