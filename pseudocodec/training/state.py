"""Checkpoints that resume to the step: everything a training run needs, written atomically."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write

FORMAT = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors and plain values) to `path`; the old file stays until it is whole."""
    buffer = io.BytesIO()  # torch hides a full disk behind errors of its own
    torch.save({"format": FORMAT, "torch_rng": torch.get_rng_state(), **state}, buffer)
    with atomic_write(path, overwrite=True) as file:
        file.write(buffer.getbuffer())


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """What a checkpoint holds. Raises PslError when it is damaged or of another format."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        fits = state["format"] == FORMAT
    except Exception as error:  # torch raises many kinds for a damaged file
        raise PslError(f"{path}: the checkpoint cannot be read ({error}); delete it") from error
    if not fits:
        raise PslError(f"{path}: a checkpoint of another version of pseudocodec; start afresh")
    assert isinstance(state, dict)
    return state


def load_checkpoint(path: Path, device: torch.device, expect: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint and restore the CPU random state.

    Raises PslError as `read_checkpoint`, and when it was written for other settings than `expect`.
    """
    state = read_checkpoint(path, device)
    if state["settings"] != expect:
        raise PslError(
            f"{path}: the checkpoint was written for other settings; "
            "repeat them, or delete the file to start afresh"
        )
    torch.set_rng_state(state["torch_rng"].cpu())
    return state
