"""The pictures that `encode` is given, loaded one by one, with their names in every error."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from PIL import Image

from pseudocodec._cli.report import note
from pseudocodec._pixels import Pixels
from pseudocodec._text import label
from pseudocodec.container.remote import Place
from pseudocodec.errors import PslError
from pseudocodec.image import as_array
from pseudocodec.inputs import Input, find


class Pictures:
    """The pictures of `paths` as functions that load them; counted, but not loaded."""

    def __init__(self, paths: tuple[Place, ...]) -> None:
        self._paths = paths
        self._count = sum(1 for _ in find(paths))

    def __len__(self) -> int:
        """How many there are."""
        return self._count

    def __iter__(self) -> Iterator[Callable[[], Pixels]]:
        """The functions, in order."""
        return (partial(load, item) for item in find(self._paths))


def load(item: Input) -> Pixels:
    """A picture without transparency, (H, W, 1) or (H, W, 3)."""
    with naming(item):
        return as_array(item.load())


@contextmanager
def naming(item: Input) -> Iterator[None]:
    """Errors of this block name the picture."""
    try:
        yield
    except PslError as error:
        sentence = str(error)
        if item.name in sentence:
            raise
        raise type(error)(f"{item.name}: {sentence}") from error


def files(paths: Iterable[Place]) -> Iterator[Place]:
    """The files that hold the pictures, each once."""
    last = None
    for item in find(paths):
        if item.source != last:  # an IDX file or .tar is the source of many
            last = item.source
            yield last


def local(places: Iterable[Place]) -> Iterator[Path]:
    """Those that are on this machine, where they could be overwritten."""
    return (place for place in places if isinstance(place, Path))


def note_frames(place: Place) -> None:
    """Say on stderr that of an animation, or of several pages, only the first picture is used."""
    if not isinstance(place, Path):
        return
    with suppress(Exception), warnings.catch_warnings():  # reading it says what is wrong with it
        warnings.simplefilter("ignore")
        with Image.open(place) as opened:
            if getattr(opened, "is_animated", False) and opened.format != "MPO":  # of a camera
                note(f"{label(place)} holds several frames: only the first is encoded")
