"""How commands go about many pictures, and how many worker processes that is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pseudocodec.model import load_model
from pseudocodec.model.base import torch_device
from pseudocodec.parallel.workers import usable_cpus

ENCODE_PHOTOS, ENCODE_SMALL = 3, 128
DECODE_PHOTOS, DECODE_SMALL = 8, 4096
"""Pictures whose work is worth the start of a process: 2 to 4 seconds of a core, for torch,
compiled code and the nets. Small ones are encoded at some 200 a second, decoded at some 2,000."""


@dataclass(frozen=True)
class Choices:
    """How to encode many pictures; `options` go to the library as they are."""

    options: dict[str, Any]
    force: bool
    workers: int | None
    keep_going: bool
    resume: bool

    def processes(self, pictures: int) -> int:
        """Worker processes for so many pictures."""
        return choose(
            self.workers,
            pictures,
            self.options["model"],
            self.options["device"],
            photos=ENCODE_PHOTOS,
            small=ENCODE_SMALL,
        )


def choose(
    asked: int | None, pictures: int, model: str | None, device: str, *, photos: int, small: int
) -> int:
    """`asked`, or as many as have so many `photos`, or `small` pictures, each to do.

    On a GPU one process does: it has them all to itself.
    """
    if asked is not None:
        return asked
    if pictures < 2 * min(photos, small) or model is None:
        return 1
    share = photos if load_model(model).facts.any_size else small
    count = max(1, min(usable_cpus(), pictures // share))
    return count if count == 1 or torch_device(device).type == "cpu" else 1
