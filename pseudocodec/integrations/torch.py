"""Pictures of .psl archives as a torch data set, and of .psl files in WebDataset shards."""

from __future__ import annotations

import operator
import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import accumulate
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from pseudocodec.archive import Archive
from pseudocodec.archive import open as open_archive
from pseudocodec.codec import decode
from pseudocodec.container.layout import COMMON
from pseudocodec.container.signature import is_archive
from pseudocodec.errors import OutOfRange, PslError
from pseudocodec.model.base import torch_device

PathLike = str | os.PathLike[str]


class PslDataset(Dataset[Any]):
    """The pictures of one or several archives, one after the other, as uint8 tensors (C, H, W).

    A map-style data set: `dataset[i]`, with negative `i` from the end, and whole batches at once
    for a DataLoader, which go through the net together. Each process and thread opens the archives
    for itself, when it first reads; so the data set can be forked, pickled and shared by threads.
    Pictures of differing sizes cannot be collated: give their DataLoader `batch_size=None`.

    Args:
        archives: the path of an archive, or several.
        transform: called with each tensor; what it returns is the sample.
        device: "cpu", "cuda", "cuda:1" ... or "auto": where pictures are decoded and stay. Other
            than "cpu" it is for a DataLoader without workers, which should not each use the GPU.

    Raises what `pseudocodec.open` raises, PslError without archives or for a device not here.
    """

    def __init__(
        self,
        archives: PathLike | Iterable[PathLike],
        transform: Callable[[Tensor], Any] | None = None,
        *,
        device: str = "cpu",
    ) -> None:
        self._paths = [archives] if isinstance(archives, str | os.PathLike) else list(archives)
        if not self._paths:
            raise PslError("archives is empty: pass the path of at least one archive")
        self._transform, self._device = transform, device
        if device != "cpu":
            torch_device(device)
        self._opened: dict[tuple[int, int, int], Archive] = {}
        self._ends = list(accumulate(map(_count, self._paths)))

    def __len__(self) -> int:
        """Pictures in all archives."""
        return self._ends[-1]

    def __getitem__(self, index: int) -> Any:
        """One picture, transformed. Raises OutOfRange, Corrupt; PslError for a slice."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Pictures in the order asked for, each block read once, decoded in batches."""
        if self._device != "cpu" and get_worker_info() is not None:
            raise PslError(
                f"device={self._device!r} is not for worker processes, which would each need the "
                "GPU's memory: use a DataLoader with num_workers=0, or device='cpu'"
            )
        places = [self._place(index) for index in indices]
        order = sorted(range(len(places)), key=places.__getitem__)
        decoded: dict[int, NDArray[np.uint8]] = {}
        for which in sorted({place[0] for place in places}):
            mine = [i for i in order if places[i][0] == which]
            pictures = self._archive(which).pictures([places[i][1] for i in mine])
            decoded.update((i, picture) for i, (_, picture) in zip(mine, pictures, strict=True))
        tensors = _tensors([decoded[i] for i in range(len(places))], self._device)
        return tensors if self._transform is None else [self._transform(t) for t in tensors]

    def close(self) -> None:
        """Close the files; reading again opens them again."""
        while self._opened:
            self._opened.popitem()[1].close()

    def __enter__(self) -> Self:
        """The data set itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """All but the open files, which stay with this process."""
        return self.__dict__ | {"_opened": {}}

    def _place(self, index: int) -> tuple[int, int]:
        """The archive that holds a picture, and the picture's number there."""
        try:
            number = operator.index(index)
        except TypeError as error:
            raise PslError(
                f"{index!r} is not the number of a picture: for a part of a data set use "
                "torch.utils.data.Subset(dataset, range(...))"
            ) from error
        number += len(self) if number < 0 else 0
        if not 0 <= number < len(self):
            raise OutOfRange(f"picture {index} is not in the data set, which holds {len(self)}")
        which = bisect_right(self._ends, number)
        return which, number - (self._ends[which - 1] if which else 0)

    def _archive(self, which: int) -> Archive:
        """An archive as this thread of this process has it open."""
        key = (os.getpid(), threading.get_ident(), which)
        if key not in self._opened:
            self._opened[key] = open_archive(self._paths[which], device=self._device)
        return self._opened[key]


def decode_psl(key: str, data: bytes) -> Tensor | None:
    """The picture of a WebDataset sample's `.psl` field as a uint8 tensor (C, H, W).

    For `webdataset.WebDataset(url).decode(decode_psl)`: None, which means not mine, for fields of
    other names. Raises what `pseudocodec.decode` raises; PslError for an archive, which is not one
    picture and may hold millions.
    """
    if key.rpartition(".")[2].lower() != "psl":
        return None
    if is_archive(data[: COMMON.size]):
        raise PslError(
            f"field {key!r} is an archive of pictures, and a sample has one: write them with "
            "pseudocodec.encode, or read the archive with PslDataset"
        )
    return _tensors([decode(data, device="cpu")], "cpu")[0]


def _count(path: PathLike) -> int:
    with closing(open_archive(path)) as archive:
        return len(archive)


def _tensors(decoded: Sequence[NDArray[np.uint8]], device: str) -> list[Tensor]:
    """Pictures (H, W) or (H, W, C) as tensors (C, H, W) on a device, in one transfer if alike."""
    where = torch_device(device)
    if len({picture.shape for picture in decoded}) > 1:
        return [tensor for picture in decoded for tensor in _tensors([picture], device)]
    if not decoded:
        return []
    batch = torch.from_numpy(np.stack(decoded)).to(where)
    channels_first = batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
    return list(channels_first.contiguous().unbind())
