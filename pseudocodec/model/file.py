"""Model files: one safetensors file, identified by the SHA-256 of its bytes.

The metadata entry "pseudocodec" is JSON: {"format": 1, "name", "family", "net": {...}, "code":
{...}, "dense": {...} or null, "payload_bytes": [smallest, largest]}. Tensors are the nets'
weights (float16, or int8 beside a tensor NAME.step, a factor for each column) and the latent codes'
integer tables ("code.*", "dense.*", int64). "code" is the code of streams whose prefixes decode;
"dense", where there is one, needs no more bits for the same picture, and every one of them.
The first 8 bytes of the hash are the model's id in .psl files; as 16 hex digits they name the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pseudocodec.errors import PslError
from pseudocodec.files import atomic_write

FORMAT = 1
KEY = "pseudocodec"
ID_BYTES = 8
MAX_MODEL_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 24
MAX_SIDE = 1 << 12  # of pictures of one kind
MAX_PAYLOAD_BYTES = 1 << 16
STEP = ".step"


@dataclass(frozen=True)
class ModelFacts:
    """What a model file says of itself in its header, without its tensors."""

    name: str
    family: str
    net: dict[str, Any]
    code: dict[str, Any]
    payload_bytes: tuple[int, int]  # smallest and largest useful payload of one picture
    dense: dict[str, Any] | None = None

    @property
    def any_size(self) -> bool:
        """Whether the model takes pictures of every size: then `width` and `height` are 0."""
        return "height" not in self.net

    @property
    def height(self) -> int:
        """Rows of a picture."""
        return int(self.net.get("height", 0))

    @property
    def width(self) -> int:
        """Columns of a picture."""
        return int(self.net.get("width", 0))

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return int(self.net["channels"])


def model_id(path: Path) -> bytes:
    """The first 8 bytes of the file's SHA-256."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()[:ID_BYTES]
    except OSError as error:
        raise PslError(f"{path}: the model cannot be read ({error.strerror})") from error


def read_facts(path: Path) -> ModelFacts:
    """The metadata of a model file; reads its header only.

    Raises PslError when the file is not a model of this library or needs a later version.
    """
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 2 <= size <= MAX_HEADER_BYTES:
                raise ValueError("no safetensors header")
            header = json.loads(file.read(size))
        described = json.loads(header["__metadata__"][KEY])
        if described["format"] != FORMAT:
            raise PslError(
                f"{path}: model format {described['format']}; this version reads format {FORMAT}: "
                "upgrade pseudocodec"
            )
        low, high = described["payload_bytes"]
        facts = ModelFacts(
            str(described["name"]),
            str(described["family"]),
            dict(described["net"]),
            dict(described["code"]),
            (int(low), int(high)),
            None if described.get("dense") is None else dict(described["dense"]),
        )
        _check(facts)
    except OSError as error:
        raise PslError(f"{path}: the model cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise PslError(f"{path}: not a pseudocodec model file ({error})") from error
    return facts


def _check(facts: ModelFacts) -> None:
    """Raise ValueError for sizes that arrays could not be made of; the nets have limits below."""
    if not 0 <= facts.payload_bytes[0] <= facts.payload_bytes[1] <= MAX_PAYLOAD_BYTES:
        raise ValueError("payload_bytes out of order or range")
    least = 0 if facts.any_size else 1
    if not all(least <= side <= MAX_SIDE for side in (facts.width, facts.height)):
        raise ValueError(f"pictures of {facts.width} x {facts.height} pixels")
    if facts.channels not in (1, 3):
        raise ValueError(f"pictures of {facts.channels} channels")


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """All tensors of a model file as arrays. Raises PslError for a damaged or oversized file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    size = path.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise PslError(f"{path}: {size} bytes, models may have {MAX_MODEL_BYTES}; not loaded")
    try:
        stored = dict(load(path.read_bytes()))
        for key in [key for key in stored if key.endswith(STEP)]:
            name = key.removesuffix(STEP)
            if stored[key].shape != stored[name].shape[1:]:
                raise ValueError(f"{key} does not have a factor for each column")
            stored[name] = stored[name].astype(np.float32) * stored.pop(key).astype(np.float32)
    except (SafetensorError, ValueError, KeyError) as error:
        raise PslError(f"{path}: the model file is damaged ({error}); get it again") from error
    return stored


def write_model(
    path: Path,
    facts: ModelFacts,
    tensors: dict[str, NDArray[Any]],
    *,
    overwrite: bool,
    in_bytes: Collection[str] = (),
) -> bytes:
    """Write a model file atomically; returns its id.

    Floats are stored as float16, the matrices named in `in_bytes` as int8 and a step a column.
    """
    from safetensors.numpy import save

    described = {
        "format": FORMAT,
        "name": facts.name,
        "family": facts.family,
        "net": facts.net,
        "code": facts.code,
        "dense": facts.dense,
        "payload_bytes": list(facts.payload_bytes),
    }
    stored: dict[str, NDArray[Any]] = {}
    for key, value in sorted(tensors.items()):
        if key in in_bytes:
            step = np.maximum(np.abs(value).max(axis=0), 1e-4).astype(np.float16) / np.float16(127)
            stored[key] = np.rint(value / step.astype(np.float32)).clip(-127, 127).astype(np.int8)
            stored[key + STEP] = step
        elif np.issubdtype(value.dtype, np.floating):
            stored[key] = np.ascontiguousarray(value.astype(np.float16))
        else:
            stored[key] = np.ascontiguousarray(value)
    data = save(stored, metadata={KEY: json.dumps(described, sort_keys=True)})
    with atomic_write(path, overwrite=overwrite) as file:
        file.write(data)
    return hashlib.sha256(data).digest()[:ID_BYTES]
