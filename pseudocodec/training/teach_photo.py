"""The contexts of a photo model, learnt from pictures that it codes, when the nets are trained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pseudocodec.hyperprior.code import CONTEXTS, HYPER_CONTEXTS
from pseudocodec.model.file import model_id, read_facts, read_tensors, write_model
from pseudocodec.model.photo import PhotoModel
from pseudocodec.photo import payload
from pseudocodec.photo.encoder import PLAIN, Encoder
from pseudocodec.training.contexts import Tile, learn_contexts
from pseudocodec.training.job import OnNote, ignore
from pseudocodec.training.teach_details import DETAILS
from pseudocodec.training.teach_filters import TAUGHT as FILTERS

SHOWN = 1_600  # pictures, each at one level
ROUNDS = 2  # the second learns from residuals that were chosen in the contexts of the first


def teach_photo(
    path: Path,
    squares: Tensor,
    *,
    seed: int = 0,
    shown: int = SHOWN,
    device: str = "auto",
    on_note: OnNote = ignore,
    every: float = 60.0,
) -> bytes:
    """Give the photo model at `path` contexts learnt from `squares`, uint8 (N, 3, S, S).

    At most `shown` of them are coded, each at a random level in each of ROUNDS; `on_note` hears how
    many every `every` seconds. Contexts that the model has already are replaced, and filters and
    details taken away, which go with what was coded before (`teach_filters`, `teach_details`).
    Returns the model's new id.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(squares))[:shown]
    pictures = [squares[i].permute(1, 2, 0).cpu().numpy() for i in chosen.tolist()]
    identity, coded, said = model_id(path), 0, time.monotonic()
    for _ in range(ROUNDS):
        model = PhotoModel(identity, path, read_facts(path))
        tiles: list[Tile] = []
        hyper: list[Tile] = []
        levels = rng.integers(0, model.code.top + 1, len(pictures)).tolist()
        for picture, level in zip(pictures, levels, strict=True):
            for latents, above in _tiles(model, picture, level, device):
                tiles.append(latents)
                hyper.append(above)
            coded += 1
            if time.monotonic() - said >= every:
                said = time.monotonic()
                total = ROUNDS * len(pictures)
                on_note(f"{coded:,} of {total:,} squares coded, of which contexts are learnt")
        identity = _write(model, path, tiles, hyper)
    return identity


def _tiles(
    model: PhotoModel, picture: NDArray[np.uint8], level: int, device: str
) -> Iterator[tuple[Tile, Tile]]:
    """Latents and hyper-latents of a picture (H, W, 3), as they are coded."""
    encoder = Encoder(model, picture, effort=PLAIN, device=device)
    data = encoder.encode(level).payload
    front = payload.unpack(data, len(data), encoder.grid)
    for number in range(encoder.grid.tiles):
        box = encoder.grid.tile(number)
        part = data[front.offsets[number] : front.offsets[number + 1]]
        read = model.code.read(part, box.height, box.width, level)
        yield (
            Tile(read.residuals, read.tables, level),
            Tile(read.hyper, np.ascontiguousarray(read.hyper_tables), level),
        )


def _write(model: PhotoModel, path: Path, tiles: Sequence[Tile], hyper: Sequence[Tile]) -> bytes:
    tensors = {
        key: value
        for key, value in read_tensors(path).items()
        if not key.startswith((f"code.{CONTEXTS}", f"code.{HYPER_CONTEXTS}", *FILTERS, *DETAILS))
    }
    for prefix, shown in ((CONTEXTS, tiles), (HYPER_CONTEXTS, hyper)):
        learnt: dict[str, Any] = learn_contexts(shown, model.code.tables, model.code.top)
        tensors |= {f"code.{prefix}{key}": value for key, value in learnt.items()}
    return write_model(path, model.facts, tensors, overwrite=True)
